"""A person's correction of an order: read, checked against the ERP, kept beside the channel's reading."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from nervo.errors import BadInput
from nervo.model.corrections import Corrections, corrected
from nervo.model.orders import Order
from nervo.model.parties import Address, FiscalData
from nervo.store import facts, journal, orders
from nervo.store.codec import parse, text
from nervo.store.database import Tx
from nervo.store.orders import Kept

DOING = "correcting the order"
KINDS: Mapping[str, type] = {"billing": Address, "shipping": Address, "fiscal": FiscalData}


def read(changes: Any) -> Corrections:
    """Raises BadInput that names every part and field that is wrong."""
    if not isinstance(changes, dict) or not any(changes.values()):
        raise BadInput(DOING, "nothing changes", code="bad_correction", fix="Say what is to be different.")
    wrong = [part for part in changes if part != "skus" and part not in KINDS]
    for part, values in changes.items():
        if part not in wrong and not isinstance(values, dict):
            wrong.append(part)
        elif part not in wrong:
            wrong += [f"{part}.{name}" for name, value in values.items() if not _fits(part, name, value)]
    if wrong:
        fix = "Allowed are skus.LINE, billing.FIELD, shipping.FIELD and fiscal.FIELD with text values."
        raise BadInput(DOING, ", ".join(sorted(wrong)), code="bad_correction", fix=fix)
    return Corrections(**changes)


def _fits(part: str, name: str, value: Any) -> bool:
    if part == "skus":
        return isinstance(value, str) and bool(value.strip())
    known = {f.name: f.type for f in fields(KINDS[part])}
    return name in known and isinstance(value, bool if known[name] in (bool, "bool") else str)


def keep(tx: Tx, kept: Kept, more: Corrections, actor: str, now_ms: int) -> None:
    """Adds to the order's corrections, with before and after on its timeline. Raises BadInput for unknown lines and SKUs."""
    before = kept.order
    _check(tx, before, more)
    after = corrected(before, more)
    orders.set_fields(tx, kept.id, corrections=text(parse(kept.corrections, Corrections).with_more(more)))
    journal.event(tx, kept.id, "order_corrected", now_ms, actor, changes=differences(before, after))


def _check(tx: Tx, order: Order, more: Corrections) -> None:
    lines = {line.line_id for line in order.lines}
    if missing := sorted(set(more.skus) - lines):
        raise BadInput(
            DOING, ", ".join(missing), code="unknown_line", fix=f"The order's lines are {', '.join(sorted(lines))}."
        )
    known = facts.known_skus(tx, sorted(set(more.skus.values())))
    if unknown := sorted(set(more.skus.values()) - known):
        fix = "Give a SKU that the ERP has, or create it there first."
        raise BadInput(DOING, ", ".join(unknown), code="unknown_sku", fix=fix)


def differences(before: Order, after: Order) -> list[dict[str, Any]]:
    """What differs: {"field": "billing.city", "before": …, "after": …}."""
    pairs = [(f"skus.{a.line_id}", a.sku or "", b.sku or "") for a, b in zip(before.lines, after.lines, strict=True)]
    sides = {"billing": (before.billing, after.billing), "shipping": (before.shipping, after.shipping),
             "fiscal": (before.customer.fiscal, after.customer.fiscal)}  # fmt: skip
    for part, (old, new) in sides.items():
        pairs += [(f"{part}.{f.name}", getattr(old, f.name), getattr(new, f.name)) for f in fields(KINDS[part])]
    return [{"field": field, "before": old, "after": new} for field, old, new in pairs if old != new]
