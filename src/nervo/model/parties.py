"""Customers, their addresses and their Italian fiscal data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address. `country` is ISO 3166 alpha-2; `province` the two letters used in Italy (MI, RM)."""

    name: str = ""
    company: str = ""
    street: str = ""
    street2: str = ""
    postal_code: str = ""
    city: str = ""
    province: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class FiscalData:
    """What an Italian invoice needs: partita IVA, codice fiscale, codice destinatario (SDI), PEC. Text as given, unchecked."""

    vat_number: str = ""
    tax_code: str = ""
    sdi_code: str = ""
    pec: str = ""
    wants_invoice: bool = False


@dataclass(frozen=True, slots=True)
class Party:
    """A customer. `external_id` is the channel's own id, empty for a guest."""

    name: str
    email: str = ""
    phone: str = ""
    external_id: str = ""
    company: str = ""
    is_company: bool = False
    fiscal: FiscalData = FiscalData()
    language: str = ""
