"""Italian fiscal data out of an order: Shopify has fields of its own only since 2025; shops keep them in many places."""

import re
from collections.abc import Iterator

from nervo.connectors.shopify import wire
from nervo.model.parties import FiscalData

# Names seen in cart attributes, note attributes and metafields, in lower case with everything else taken out.
KEYS = {
    "vat_number": "partitaiva piva pivacf vat vatnumber vatid vatcode numeropartitaiva".split(),
    "tax_code": "codicefiscale codfiscale cf taxcode fiscalcode codicefiscaleopartitaiva".split(),
    "sdi_code": "sdi codicesdi sdicode codicedestinatario codiceunivoco codiceunivocosdi destinatario recipientcode".split(),
    "pec": "pec indirizzopec emailpec mailpec pecemail postacertificata".split(),
    "wants_invoice": "fattura richiedifattura richiestafattura vuoifattura invoice wantsinvoice invoicerequested".split(),
}
_FIELD = {key: field for field, keys in KEYS.items() for key in keys}
LOCALIZED = {"TAX_CREDENTIAL_IT": "tax_code", "TAX_EMAIL_IT": "pec"}
YES = ("1", "true", "yes", "si", "sì", "on", "x")


def fiscal_data(row: wire.Order) -> FiscalData:
    """As given, unchecked; the first place that has a field wins. An eleven-digit tax code is a VAT number as well."""
    found: dict[str, str] = {}
    for field, value in _given(row):
        found.setdefault(field, value)
    code = found.get("tax_code", "")
    if re.fullmatch(r"(IT)?\d{11}", code.replace(" ", "").upper()):
        found.setdefault("vat_number", code)
    wants = found.pop("wants_invoice", "").lower() in YES
    return FiscalData(**found, wants_invoice=wants or bool({"vat_number", "sdi_code", "pec"} & found.keys()))


def _given(row: wire.Order) -> Iterator[tuple[str, str]]:
    """(our field, value) from the most trustworthy place to the least."""
    buyer = row.purchasingEntity
    if buyer and buyer.location and buyer.location.taxSettings.taxRegistrationId:
        yield "vat_number", buyer.location.taxSettings.taxRegistrationId
    for field in row.localizedFields.nodes:
        if field.key in LOCALIZED and field.value:
            yield LOCALIZED[field.key], field.value.strip()
    for attribute in (*row.customAttributes, *row.metafields.nodes):
        known = _FIELD.get(re.sub(r"[^a-z]", "", attribute.key.lower()))
        if known and attribute.value and attribute.value.strip():
            yield known, attribute.value.strip()
