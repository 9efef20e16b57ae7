"""Checks of what an Italian invoice needs. Each says a field, whether it fits, and in words why not."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _
from stdnum.eu import vat
from stdnum.it import codicefiscale, iva

from nervo.model.orders import Order
from nervo.model.parties import Address, FiscalData

PROVINCES = frozenset(
    "AG AL AN AO AP AQ AR AT AV BA BG BI BL BN BO BR BS BT BZ CA CB CE CH CL CN CO CR CS CT CZ EN FC FE FG FI FM FR GE GO GR IM IS "
    "KR LC LE LI LO LT LU MB MC ME MI MN MO MS MT NA NO NU OR PA PC PD PE PG PI PN PO PR PT PU PV PZ RA RC RE RG RI RM RN RO SA SI "
    "SO SP SR SS SU SV TA TE TN TO TP TR TS TV UD VA VB VC VE VI VR VT VV".split()
)
_PEC = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `good` None: worth knowing, but no fault."""

    field: str
    good: bool | None
    says: str


def checks(order: Order) -> list[Check]:
    """All findings about who is billed."""
    f, billing = order.customer.fiscal, order.billing
    found = [
        *_numbers(f, billing.country or "IT"),
        *_address(billing, "billing"),
        *(_address(order.shipping, "shipping") if order.shipping != billing else []),
    ]
    if f.wants_invoice or order.customer.is_company:
        found += _needed(order)
    return found


def _numbers(f: FiscalData, country: str) -> list[Check]:
    found = []
    if f.vat_number:
        good = iva.is_valid(f.vat_number.removeprefix("IT")) if country == "IT" else vat.is_valid(f.vat_number)
        found.append(Check("vat_number", good, _("valid") if good else _("its check digit does not fit")))
    if f.tax_code:
        good = codicefiscale.is_valid(f.tax_code) or iva.is_valid(f.tax_code)
        found.append(Check("tax_code", good, _("valid") if good else _("its check letter does not fit")))
    if f.sdi_code:
        good = bool(re.fullmatch(r"[A-Z0-9]{6,7}", f.sdi_code.upper()))
        found.append(
            Check("sdi_code", good, _("valid") if good else _("it has 7 letters and digits (6 for public offices)"))
        )
    if f.pec:
        good = bool(_PEC.fullmatch(f.pec))
        found.append(Check("pec", good, _("valid") if good else _("not an e-mail address")))
    return found


def _address(a: Address, which: str) -> list[Check]:
    if a.country != "IT":
        return []
    found = []
    if not re.fullmatch(r"\d{5}", a.postal_code):
        found.append(Check(f"{which}.postal_code", False, _("an Italian postal code (CAP) has 5 digits")))
    if a.province.upper() not in PROVINCES:
        found.append(
            Check(f"{which}.province", None if not a.province else False, _("not one of the Italian provinces"))
        )
    return found


def _needed(order: Order) -> list[Check]:
    f, found = order.customer.fiscal, []
    if order.billing.country not in ("", "IT"):
        return []
    if not f.vat_number and not f.tax_code:
        found.append(Check("vat_number", False, _("an invoice needs a VAT number or a tax code")))
    if not f.sdi_code and not f.pec:
        found.append(
            Check("sdi_code", None, _("neither SDI code nor PEC: the invoice goes to the tax drawer (0000000)"))
        )
    return found
