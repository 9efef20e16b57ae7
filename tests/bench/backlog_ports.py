"""Ports for backlogs: an ERP with a stated speed that can be down, a shop with a day's orders that are made as they are read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from nervo.errors import NotFound, Unavailable
from nervo.model.catalog import Product, Variant
from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.stock import StockFigure
from nervo.ports.common import Cursor, ItemOutcome, Page
from nervo.ports.erp import ErpCapabilities, ErpOrder, ErpOrderState, OrderDraft, OrderKey
from nervo.ports.shop import StockWrite
from tests.bench.ports import START, BenchErp, BenchShop

UNIT, PAGE, CUSTOMERS, MUCH = Decimal("10.00"), 250, 500, 1_000_000


class SlowErp(BenchErp):
    """Takes `slots` calls at a time, each `call_s` long: slots / call_s / 5 orders/s, since an order takes five calls. While it
    is `down` nobody can connect. `book` has the orders' keys as they were written; `confirmed` counts each confirmation."""

    def __init__(self, skus: Sequence[str], *, slots: int, call_s: float) -> None:
        super().__init__(skus)
        self.capabilities = ErpCapabilities(prices=False, stock_batch=250, doorbell=True, order_key=OrderKey.UNIQUE)
        self.slots, self.call_s, self.down = asyncio.Semaphore(slots), call_s, False
        self.book: list[str] = []
        self.states: dict[str, ErpOrderState] = {}
        self.confirmed: dict[str, int] = {}
        self.paid: dict[str, Decimal] = {}
        self.customers: dict[str, str] = {}
        self.sold: dict[str, int] = {}
        self.lines: dict[str, list[str]] = {}

    async def _work(self) -> None:
        if not self.down:
            async with self.slots:
                await asyncio.sleep(self.call_s)
        if self.down:
            raise Unavailable("calling the ERP", "connection refused")

    def _figure(self, sku: str) -> StockFigure:
        return StockFigure(sku, "WH", Decimal(self.moved.get(sku, MUCH) - self.sold.get(sku, 0)))

    async def products(self, after: Cursor | None) -> Page[Product]:
        await self._work()
        pages = () if after else tuple(Product(sku, sku, (Variant(sku),)) for sku in self.skus)
        return Page(pages, Cursor(START), False)

    async def doorbell(self, after: str) -> tuple[str, bool]:
        if self.down:
            raise Unavailable("calling the ERP", "connection refused")
        return await super().doorbell(after)

    async def changed_orders(self, after: Cursor | None) -> Page[ErpOrder]:
        await self._work()
        return Page((), after, False)

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        await self._work()
        return await super().changed_stock(after)

    async def stock_of(self, skus: Sequence[str]) -> tuple[StockFigure, ...]:
        await self._work()
        return await super().stock_of(skus)

    async def find_customer(self, party: Party) -> str | None:
        await self._work()
        return self.customers.get(party.email)

    async def create_customer(self, party: Party, order: Order, key: str) -> str:
        await self._work()
        return self.customers.setdefault(party.email, f"C{len(self.customers)}")

    async def find_order(self, key: str) -> ErpOrder | None:
        await self._work()
        return self._order(key) if key in self.states else None

    async def read_order(self, erp_id: str) -> ErpOrder:
        await self._work()
        return self._order(erp_id)

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        await self._work()
        self.book.append(draft.key)
        self.states[draft.key] = ErpOrderState.DRAFT
        for line in draft.order.lines:
            assert line.sku
            self.sold[line.sku] = self.sold.get(line.sku, 0) + int(line.quantity)
        self.lines[draft.key] = [line.sku for line in draft.order.lines if line.sku]
        return self._order(draft.key)

    async def confirm_order(self, erp_id: str) -> ErpOrder:
        await self._work()
        self.states[erp_id] = ErpOrderState.CONFIRMED
        self.confirmed[erp_id] = self.confirmed.get(erp_id, 0) + 1
        self.journal += self.lines.pop(erp_id, ())
        self._moved.set()
        return self._order(erp_id)

    async def record_payment(self, erp_id: str, payment: Payment, key: str) -> ErpOrder:
        await self._work()
        self.paid.setdefault(key, payment.amount)
        return self._order(erp_id)

    def _order(self, key: str) -> ErpOrder:
        return ErpOrder(key, key, key, self.states[key], self.states[key], UNIT, "EUR", START)


class DayShop(BenchShop):
    """Has sold one unit a second since `since`; the first `sold` orders can be read. `down`: nobody can connect."""

    def __init__(self, skus: Sequence[str], since: datetime, unsold: Sequence[str] = ()) -> None:
        super().__init__([*skus, *unsold])
        self.bought, self.since, self.sold, self.down = skus, since, 0, False

    def order_of(self, number: int) -> Order:
        at, sku = self.since + timedelta(seconds=number), self.bought[number % len(self.bought)]
        line = OrderLine("1", sku, sku, Decimal(1), UNIT, Decimal(0), UNIT)
        buyer = Party("Anna Rossi", f"anna{number % CUSTOMERS}@example.com")
        return Order(
            str(number), f"#{number}", f"{number:0>9}", OrderStatus.OPEN, "open", PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED,
            "EUR", (line,), UNIT, Decimal(0), at, at, buyer, Address(), Address(),
        )  # fmt: skip

    async def orders(self, after: Cursor | None) -> Page[Order]:
        self._answer()
        if after is None:
            return Page((), None, False)
        first = max(0, round((after.at - self.since).total_seconds()) + 1)
        last = min(self.sold, first + PAGE)
        found = tuple(map(self.order_of, range(first, last)))
        return Page(found, Cursor(found[-1].updated_at) if found else after, last < self.sold)

    async def order(self, external_id: str) -> Order:
        self._answer()
        if int(external_id) >= self.sold:
            raise NotFound(f"reading order {external_id}")
        return self.order_of(int(external_id))

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        self._answer()
        return await super().put_stock(items)

    async def read_listings(self, items: Sequence[Mapping[str, str]]) -> tuple[object, ...]:  # type: ignore[override]
        self._answer()
        return await super().read_listings(items)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("calling the shop", "connection refused")


class BusyErp(BenchErp):
    """Whose journal keeps each SKU's last move only, so that a day of them takes no memory here."""

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(skus)
        self.last: dict[str, int] = {}
        self.moves = 0

    def move(self, sku: str, quantity: int) -> None:
        self.moves += 1
        self.moved[sku], self.last[sku] = quantity, self.moves

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        at = int(after.id or 0) if after else self.moves
        return Page(tuple(s for s, n in self.last.items() if n > at), Cursor(START, str(self.moves)), False)
