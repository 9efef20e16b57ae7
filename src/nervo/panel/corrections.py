"""Correcting an order: which fields may change, what the form says, what would differ."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec
from django.core.exceptions import BadRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from nervo.model.orders import Order
from nervo.model.parties import Address, FiscalData

Changes = dict[str, dict[str, Any]]
MOST_TEXT = 255
PARTS = ("billing", "shipping", "fiscal")
NAMES = {part: tuple(f.name for f in fields(kind)) for part, kind in
         (("billing", Address), ("shipping", Address), ("fiscal", FiscalData))}  # fmt: skip
PART = {
    "billing": _("Billing address"),
    "shipping": _("Shipping address"),
    "fiscal": _("Fiscal data"),
    "skus": _("SKU"),
}
LABEL = {
    "name": _("Name"),
    "company": _("Company name"),
    "street": _("Street and number"),
    "street2": _("Further address"),
    "postal_code": _("Postal code"),
    "city": _("City"),
    "province": _("Province"),
    "country": _("Country"),
    "phone": _("Telephone"),
    "email": _("E-mail"),
    "vat_number": _("VAT number"),
    "tax_code": _("Tax code"),
    "sdi_code": _("SDI code"),
    "pec": _("PEC"),
    "wants_invoice": _("Wants an invoice"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One value that would differ."""

    part: str
    name: str
    before: str
    after: str


def read(text: str) -> Changes:
    """Changes from JSON. Raises BadRequest for anything that is not a change of a known field."""
    try:
        changes = msgspec.json.decode(text, type=dict[str, dict[str, str | bool]])
    except msgspec.MsgspecError as error:
        raise BadRequest(str(error)) from error
    wrong = [f"{part}.{name}" for part, values in changes.items() for name, value in values.items()
             if not _fits(part, name, value)]  # fmt: skip
    if wrong or not any(changes.values()):
        raise BadRequest(", ".join(wrong) or "nothing changes")
    return changes


def _fits(part: str, name: str, value: str | bool) -> bool:
    if name == "wants_invoice":
        return part == "fiscal" and isinstance(value, bool)
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        return False
    return bool(value.strip()) if part == "skus" else name in NAMES.get(part, ())


def asked(order: Order, form: Mapping[str, str]) -> Changes:
    """What a filled-in form changes in the order."""
    changes: Changes = {}
    for change in _fields(order):
        given = _given(form, change)
        if given is not None and given != change.before:
            changes.setdefault(change.part, {})[change.name] = (
                given == "yes" if change.name == "wants_invoice" else given
            )
    return changes


def _given(form: Mapping[str, str], change: Change) -> str | None:
    if change.name == "wants_invoice":
        return "yes" if form.get("fiscal.wants_invoice") else ""
    text = form.get(f"{change.part}.{change.name}")
    if text is None or (change.part == "skus" and not text.strip()):
        return None
    return text.strip()[:MOST_TEXT]


def differences(order: Order, changes: Changes) -> list[Change]:
    """Before and after, in the order of the form."""
    found = []
    for f in _fields(order):
        if f.name in changes.get(f.part, {}):
            after = changes[f.part][f.name]
            found.append(
                Change(f.part, f.name, f.before, ("yes" if after else "") if isinstance(after, bool) else after)
            )
    return found


def _fields(order: Order) -> list[Change]:
    skus = [Change("skus", line.line_id, line.sku or "", line.title) for line in order.lines]
    owners = {"billing": order.billing, "shipping": order.shipping, "fiscal": order.customer.fiscal}
    return skus + [Change(part, name, _text(getattr(owners[part], name)), "") for part in PARTS for name in NAMES[part]]


def _text(value: str | bool) -> str:
    return ("yes" if value else "") if isinstance(value, bool) else value


def told(changes: list[Mapping[str, Any]], *, masked: bool) -> str:
    """The changes of an event, "E-mail: a → b"; with `masked` only which fields."""
    said = []
    for change in changes:
        part, _, name = str(change.get("field", "")).partition(".")
        label = gettext(LABEL[name]) if name in LABEL else gettext(PART.get(part, part))
        said.append(label if masked else f"{label}: {change.get('before') or '–'} → {change.get('after') or '–'}")
    return "; ".join(said)
