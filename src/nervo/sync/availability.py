"""Available-to-promise of a SKU for a channel, term by term, so that "why 7?" always has an answer."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, Decimal

from nervo.model.stock import Availability, StockTerm
from nervo.model.units import ZERO, whole_units
from nervo.rules.config import StockRule
from nervo.store import buffers, facts, holds
from nervo.store.database import Tx
from nervo.store.holds import Held

Figure = tuple[str, str, int]  # warehouse, quantity as text, version


def available(
    sku: str, rule: StockRule, figures: Iterable[Figure], held: Iterable[Held], buffer: int = 0
) -> Availability:
    """ATP: ERP figures of the rule's warehouses − holds that those figures do not contain, times the share, less the safety
    stock, less what the buffer asks beyond it, at most the cap; 0 at or below the last units. No figure at all: unknown, which is
    not zero."""
    counted = [f for f in figures if not rule.warehouses or f[0] in rule.warehouses]
    if not counted:
        return Availability(sku, None, (StockTerm("unknown", ZERO),))
    terms = [StockTerm("erp", Decimal(quantity), warehouse) for warehouse, quantity, _ in counted]
    versions = {warehouse: version for warehouse, _, version in counted}
    for hold in held:
        version = versions.get(hold.warehouse) if hold.warehouse else min(versions.values())
        if version is not None and not (hold.confirmed_tick is not None and version > hold.confirmed_tick):
            terms.append(StockTerm("hold", -hold.quantity, str(hold.order_id)))
    total = sum((t.quantity for t in terms), ZERO)
    return Availability(sku, whole_units(_ruled(total, rule, terms, buffer)), tuple(terms))


def _ruled(total: Decimal, rule: StockRule, terms: list[StockTerm], buffer: int) -> Decimal:
    steps = [("share", (total * rule.share).to_integral_value(ROUND_FLOOR) if rule.share != 1 else total)]
    steps.append(("safety", steps[-1][1] - rule.safety))
    steps.append(("buffer", steps[-1][1] - max(ZERO, buffer - rule.safety)))
    steps.append(("cap", min(steps[-1][1], rule.cap) if rule.cap is not None else steps[-1][1]))
    steps.append(("last_units", ZERO if rule.last_units and steps[-1][1] <= rule.last_units else steps[-1][1]))
    steps.append(("clamp", max(ZERO, steps[-1][1])))
    for code, value in steps:
        if value != total:
            terms.append(StockTerm(code, value - total))
        total = value
    return total


def many(tx: Tx, rule: StockRule, skus: Sequence[str], channel: str = "") -> dict[str, Availability]:
    """Availability of several SKUs under one rule, from one reading of the store; with the buffers of `channel` where the rule
    wants any."""
    figures: dict[str, list[Figure]] = {}
    for (sku, warehouse), (quantity, version) in facts.stock_rows(tx, skus).items():
        figures.setdefault(sku, []).append((warehouse, quantity, version))
    held: dict[str, list[Held]] = {}
    for hold in holds.open_for(tx, skus):
        held.setdefault(hold.sku, []).append(hold)
    kept = buffers.of(tx, channel, skus) if channel and rule.oversell_per_1000 > 0 else {}
    return {sku: available(sku, rule, figures.get(sku, ()), held.get(sku, ()), kept.get(sku, 0)) for sku in skus}
