"""An ERP with two warehouses, orders as a channel tells of them, and the ledger that says what must be held and may be sold."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import PaymentStatus
from nervo.model.stock import StockFigure
from nervo.ports.erp import ErpOrder, ErpOrderState, OrderDraft
from nervo.rules.config import StockRule
from nervo.staging.world import START, WorldErp

WAREHOUSES = ("MI", "RM")
PRICE = Decimal("10.00")
IN_FIGURE = (ErpOrderState.CONFIRMED, ErpOrderState.DONE)


class Depot(WorldErp):
    """Every confirmed order is in the figure of the warehouse that its draft named, MI where it named none."""

    def __init__(self, skus: list[str]) -> None:
        super().__init__()
        self.base = {(sku, place): Decimal(6) for sku in skus for place in WAREHOUSES}
        self.place_of: dict[str, str] = {}

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        self.place_of.setdefault(draft.key, draft.warehouse or "MI")
        return await super().create_order(draft)

    def inside(self) -> frozenset[str]:
        """Keys of the orders that figures contain now."""
        return frozenset(key for key, order in self.orders.items() if order.state in IN_FIGURE)

    def quantity(self, sku: str, place: str) -> Decimal:
        sold = (q for k in self.inside() if self.place_of[k] == place for s, q in self.lines[k] if s == sku)
        return self.base[sku, place] - sum(sold, Decimal(0))

    async def stock_of(self, skus: Any) -> tuple[StockFigure, ...]:
        return tuple(StockFigure(sku, place, self.quantity(sku, place)) for sku in skus for place in WAREHOUSES)


@dataclass
class Read:
    """One reading of the ERP's stock. `started` is its place in the ledger's own order of events."""

    tick: int
    started: int
    skus: tuple[str, ...]
    figures: tuple[StockFigure, ...] = ()
    inside: frozenset[str] | None = None


@dataclass
class Sold:
    """An order at its channel, and what the ledger has written down of it."""

    channel: str
    reading: Order
    known: str = ""  # the newest version that the hub was told of
    id: int = 0
    key: str = ""
    held: Counter[str] = field(default_factory=Counter)  # what the hub must keep back, by SKU
    corrections: dict[str, str] = field(default_factory=dict)
    waiting: bool = False
    dead: bool = False  # cancelled or ignored: nothing of it is to be delivered
    noted: int = 0  # when the hub had noted the confirmation
    contained: set[str] = field(default_factory=set)

    def goods(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in self.reading.lines:
            sku = self.corrections.get(line.line_id, line.sku)
            if sku:
                found[sku] += int(line.quantity)
        return found

    def open(self, sku: str) -> int:
        return 0 if sku in self.contained else self.held[sku]


def order(number: str, lines: list[tuple[str, int]], **fields: Any) -> Order:
    made = tuple(
        OrderLine(str(i), sku, sku, Decimal(n), PRICE * n, Decimal(0), PRICE * n) for i, (sku, n) in enumerate(lines)
    )
    base = Order(
        number, f"#{number}", "0001", OrderStatus.OPEN, "open", PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED, "EUR", made,
        sum((line.total_gross for line in made), Decimal(0)), Decimal(0), START, START, Party("Anna", "anna@example.com"),
        Address(), Address(),
    )  # fmt: skip
    return replace(base, **fields)


def changed(before: Order, **fields: Any) -> Order:
    """A later reading of the same order."""
    later = {"version": f"{int(before.version) + 1:04}", "updated_at": before.updated_at + timedelta(seconds=1)}
    return replace(before, **(later | fields))


def may_show(total: Decimal | int, rule: StockRule) -> int:
    """What a channel may show of so many, as the documentation of the rule says; in exact fractions."""
    left = Fraction(total)
    if rule.share != 1:
        left = Fraction(math.floor(left * Fraction(rule.share)))
    left -= Fraction(rule.safety)
    if rule.cap is not None:
        left = min(left, Fraction(rule.cap))
    if rule.last_units and left <= Fraction(rule.last_units):
        left = Fraction(0)
    return max(0, math.floor(left))
