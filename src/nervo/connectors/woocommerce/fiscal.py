"""Italian fiscal data: WooCommerce has no fields of its own for it, every plug-in invents its keys. Read by key, then by shape."""

import re
from collections.abc import Mapping

from nervo.model.parties import FiscalData

# Plug-ins: woo-fattureincloud, Woo POP, Woo Italian Add-on, WindDoc, block checkout (`_wc_billing/<namespace>/<field>`).
VAT, TAX_CODE, SDI, PEC, KIND = "vat_number", "tax_code", "sdi_code", "pec", "kind"
KEYS = {
    "partita_iva": VAT, "piva": VAT, "p_iva": VAT, "vat_number": VAT, "vat": VAT, "vat_id": VAT,
    "cod_fisc": TAX_CODE, "codice_fiscale": TAX_CODE, "cf": TAX_CODE, "cf2": TAX_CODE, "tax_code": TAX_CODE, "fiscal_code": TAX_CODE,
    "codice_destinatario": SDI, "sdi": SDI, "sdi_code": SDI, "codice_sdi": SDI, "sdi_type": SDI, "codice_univoco": SDI,
    "pec": PEC, "pec_email": PEC, "invoice_type": KIND, "choice_type": KIND, "customer_type": KIND, "richiesta_fattura": KIND,
}  # fmt: skip
INVOICE_WANTED = ("company", "freelance", "business", "invoice", "fattura", "azienda", "1", "yes", "true", "on")
_PREFIX = re.compile(r"^_?(wc_(billing|other)/[^/]+/|billing_|shipping_)?")
_PERSON = re.compile(r"[A-Za-z0-9]{16}")
_VAT = re.compile(r"(IT)?\d{11}", re.IGNORECASE)


def fiscal_data(meta: Mapping[str, str]) -> FiscalData:
    """Text as the customer typed it, under the right name: plug-ins put PEC and SDI code, or both tax numbers, in one field."""
    found: dict[str, str] = {}
    for key, value in meta.items():
        name = KEYS.get(_PREFIX.sub("", key.strip().lower().replace("-", "_"), count=1))
        text = value.strip()
        if name and text:
            found.setdefault(_by_shape(name, key, text), text)
    kind = found.pop(KIND, "").lower()
    return FiscalData(**found, wants_invoice=kind in INVOICE_WANTED or (not kind and VAT in found))


def _by_shape(name: str, key: str, text: str) -> str:
    if name in (SDI, PEC):
        return PEC if "@" in text else SDI
    if name == VAT and _PERSON.fullmatch(text):
        return TAX_CODE
    # The Italian Add-on's `_billing_cf` holds either number. A company's own tax code looks like a VAT number.
    return VAT if key.lower().endswith("_cf") and _VAT.fullmatch(text) else name
