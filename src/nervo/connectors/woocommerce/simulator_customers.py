"""Who buys at the simulated WooCommerce."""

from nervo.model.parties import Address, FiscalData

CUSTOMER = {
    "first_name": "Anna", "last_name": "D'Angelo", "address_1": "Via dell'Orso 7", "city": "Milano", "state": "MI", "postcode": "20121",
    "country": "IT", "phone": "+39 02 000000",
}  # fmt: skip


def billing(address: Address | None) -> dict[str, str]:
    """An order's billing address; Anna's where none is given."""
    if address is None:
        return dict(CUSTOMER)
    first, _, last = address.name.partition(" ")
    return {
        "first_name": first, "last_name": last, "company": address.company, "address_1": address.street, "address_2": address.street2,
        "city": address.city, "state": address.province, "postcode": address.postal_code, "country": address.country,
        "phone": address.phone,
    }  # fmt: skip


def fiscal_meta(fiscal: FiscalData | None) -> list[dict[str, str]]:
    """Under the keys of a common Italian plug-in."""
    if fiscal is None:
        return []
    keys = {
        "_billing_partita_iva": fiscal.vat_number, "_billing_cod_fisc": fiscal.tax_code, "_billing_pec_email": fiscal.pec,
        "_billing_codice_destinatario": fiscal.sdi_code, "_billing_choice_type": "invoice" if fiscal.wants_invoice else "receipt",
    }  # fmt: skip
    return [{"key": key, "value": value} for key, value in keys.items() if value]
