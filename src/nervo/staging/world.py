"""A small trading world behind the ports, with its own books: what a test asks afterwards is asked of these."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from nervo.errors import Misunderstood, NervoError, NotFound, OutcomeUnknown, Rejected
from nervo.kit.clock import Clock, SystemClock
from nervo.model.catalog import Product, Variant
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.orders import Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.prices import Price
from nervo.model.stock import StockFigure
from nervo.ports.common import Cursor, Identity, ItemOutcome, Outcome, Page
from nervo.ports.erp import ErpCapabilities, ErpOrder, ErpOrderState, OrderDraft, OrderKey
from nervo.ports.shop import ALL_FIELDS, Listing, ShopCapabilities, StockWrite, Subscription
from nervo.rules.ownership import values

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Faults:
    """Errors to raise before or after the next call of an operation; `down`: every call fails with it."""

    def __init__(self) -> None:
        self.before: dict[str, deque[BaseException]] = {}
        self.after: dict[str, deque[BaseException]] = {}
        self.down: NervoError | None = None

    def take(self, when: dict[str, deque[BaseException]], operation: str) -> None:
        if self.down and when is self.before:
            raise self.down
        if when.get(operation):
            raise when[operation].popleft()

    def lose_reply(self, operation: str) -> None:
        self.after.setdefault(operation, deque()).append(OutcomeUnknown(operation, "no answer"))

    def fail(self, operation: str, error: BaseException) -> None:
        self.before.setdefault(operation, deque()).append(error)

    def fail_after(self, operation: str, error: BaseException) -> None:
        """It takes effect, then this is raised."""
        self.after.setdefault(operation, deque()).append(error)


class WorldErp:
    """An ERP: figures count confirmed orders. `lands_after_s`: so long after it was given up, the next write takes effect.

    `book` has every sale that was ever written; with `unique` False the ERP takes a
    second one under the same key, as most do."""

    def __init__(self, *, unique: bool = True) -> None:
        key = OrderKey.UNIQUE if unique else OrderKey.SEARCHABLE
        self.capabilities = ErpCapabilities(order_key=key, late_application_s=0.01)
        self.unique = unique
        self.book: list[str] = []
        self.faults, self.calls = Faults(), Counter[str]()
        self.on_hand: dict[str, Decimal] = {}
        self.pages: dict[str, Product] = {}
        self.price: dict[str, Decimal] = {}
        self.orders: dict[str, ErpOrder] = {}
        self.lines: dict[str, list[tuple[str, Decimal]]] = {}
        self.customers: dict[str, str] = {}
        self.customer_book: list[str] = []
        self.late: deque[tuple[float, OrderDraft]] = deque()
        self.lands_after_s: deque[float] = deque()
        self.clock: Clock = SystemClock()
        self.confirmations = Counter[str]()
        self.payments: dict[str, Decimal] = {}
        self.journal: list[str] = []
        self.order_journal: list[str] = []
        self.garbled: set[str] = set()

    def stock(self, sku: str, quantity: int, price: str = "10.00") -> None:
        self.on_hand[sku] = Decimal(quantity)
        self.pages.setdefault(sku, _page(sku))
        self.price.setdefault(sku, Decimal(price))
        self.journal.append(sku)

    def figure(self, sku: str) -> Decimal:
        live = (ErpOrderState.CONFIRMED, ErpOrderState.DONE)
        sold = [q for key, lines in self.lines.items() if self.orders[key].state in live for s, q in lines if s == sku]
        return self.on_hand[sku] - sum(sold, Decimal(0))

    def unpay(self, key: str) -> None:
        """The office takes the order's payments out."""
        self.orders[key] = replace(self.orders[key], paid=Decimal(0))
        self.order_journal.append(key)

    def ship(self, key: str, tracking: str) -> None:
        shipment = Fulfilment("OUT-1", carrier="BRT", tracking_number=tracking)
        self.orders[key] = replace(self.orders[key], state=ErpOrderState.DONE, shipments=(shipment,))
        self.order_journal.append(key)

    def ship_part(self, key: str, tracking: str, lines: dict[str, int]) -> None:
        """Some of the goods leave; the order stays confirmed."""
        gone = tuple(ShippedLine(sku, Decimal(n)) for sku, n in lines.items())
        order = self.orders[key]
        shipment = Fulfilment(f"OUT-{len(order.shipments) + 1}", gone, "BRT", tracking)
        self.orders[key] = replace(order, shipments=(*order.shipments, shipment))
        self.order_journal.append(key)

    def _land(self) -> None:
        while self.late and self.late[0][0] <= self.clock.monotonic():
            self._written(self.late.popleft()[1])

    async def check(self) -> Identity:
        self._called("check")
        return Identity("World ERP", "world", "1", "EUR")

    async def close(self) -> None: ...

    def _called(self, operation: str) -> None:
        self._land()
        self.calls[operation] += 1
        self.faults.take(self.faults.before, operation)

    def _took_effect(self, operation: str) -> None:
        self.faults.take(self.faults.after, operation)

    async def products(self, after: Cursor | None) -> Page[Product]:
        items = () if after else tuple(self.pages.values())
        return Page(items, Cursor(START), False)

    async def prices(self, after: Cursor | None) -> Page[Price]:
        items = tuple(Price(s, "Web", "EUR", price_gross=p) for s, p in self.price.items())
        return Page(items, None, False)

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        self._called("changed_stock")
        at = int(after.id or 0) if after else len(self.journal)
        return Page(tuple(self.journal[at:]), Cursor(START, str(len(self.journal))), False)

    async def stock_of(self, skus: Any) -> tuple[StockFigure, ...]:
        self._called("stock_of")
        return tuple(StockFigure(s, "WH", self.figure(s)) for s in skus if s in self.on_hand)

    async def stock_snapshot(self, after: str | None) -> tuple[tuple[StockFigure, ...], str | None]:
        self._called("stock_snapshot")
        return tuple(StockFigure(s, "WH", self.figure(s)) for s in self.on_hand), None

    async def find_customer(self, party: Party) -> str | None:
        self._called("find_customer")
        return self.customers.get(party.email) if party.email else None

    async def create_customer(self, party: Party, order: Order, key: str) -> str:
        self._called("create_customer")
        self.customer_book.append(party.email)
        made = self.customers[party.email] = f"C{len(self.customer_book)}"
        self._took_effect("create_customer")
        return made

    async def find_order(self, key: str) -> ErpOrder | None:
        self._called("find_order")
        return self.orders.get(key)

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        self._called("create_order")
        if self.lands_after_s:
            self.late.append((self.clock.monotonic() + self.lands_after_s.popleft(), draft))
            raise OutcomeUnknown("create_order", "no answer")
        written = self._written(draft)
        self._took_effect("create_order")
        return written

    def _written(self, draft: OrderDraft) -> ErpOrder:
        if draft.key not in self.orders or not self.unique:
            self.book.append(draft.key)
            total = sum((line.total_gross for line in draft.order.lines), Decimal(0))
            self.lines[draft.key] = [(line.sku or "", line.quantity) for line in draft.order.lines]
            number = f"SO{len(self.orders) + 1}"
            self.orders[draft.key] = ErpOrder(
                draft.key, number, draft.key, ErpOrderState.DRAFT, "draft", total, draft.order.currency, START
            )
        return self.orders[draft.key]

    async def confirm_order(self, erp_id: str) -> ErpOrder:
        self._called("confirm_order")
        if self.orders[erp_id].state is ErpOrderState.CANCELLED:
            raise Rejected(f"confirming {erp_id}", "cancelled", code="cancelled")
        if self.orders[erp_id].state is ErpOrderState.DRAFT:
            self.confirmations[erp_id] += 1
            self.orders[erp_id] = replace(self.orders[erp_id], state=ErpOrderState.CONFIRMED, raw_state="confirmed")
            self.journal += [sku for sku, _ in self.lines[erp_id]]
        self._took_effect("confirm_order")
        return self.orders[erp_id]

    async def record_payment(self, erp_id: str, payment: Payment, key: str) -> ErpOrder:
        self._called("record_payment")
        if key not in self.payments:
            self.payments[key] = payment.amount
            self.orders[erp_id] = replace(self.orders[erp_id], paid=self.orders[erp_id].paid + payment.amount)
        self._took_effect("record_payment")
        return self.orders[erp_id]

    async def cancel_order(self, erp_id: str) -> ErpOrder:
        self._called("cancel_order")
        if self.orders[erp_id].state is ErpOrderState.DONE:
            raise Rejected(f"cancelling {erp_id}", "already shipped", code="already_shipped")
        self.orders[erp_id] = replace(self.orders[erp_id], state=ErpOrderState.CANCELLED)
        self.journal += [sku for sku, _ in self.lines[erp_id]]
        self._took_effect("cancel_order")
        return self.orders[erp_id]

    async def read_order(self, erp_id: str) -> ErpOrder:
        self._called("read_order")
        if erp_id in self.garbled:
            raise Misunderstood(f"reading order {erp_id}", "field shipments is a text")
        return self.orders[erp_id]

    async def changed_orders(self, after: Cursor | None) -> Page[ErpOrder]:
        self._called("changed_orders")
        at = int(after.id or 0) if after else 0
        told = self.order_journal[at:]
        items = tuple(self.orders[key] for key in told if key not in self.garbled)
        garbled = tuple(key for key in told if key in self.garbled)
        return Page(items, Cursor(START, str(len(self.order_journal))), False, garbled)


class WorldShop:
    """A shop that lists SKUs, sells them and keeps every stock it was ever told."""

    def __init__(self, skus: list[str], *, compare_and_set: bool = False) -> None:
        self.capabilities = ShopCapabilities(late_application_s=0.01, compare_and_set=compare_and_set, webhooks=True)
        self.faults, self.calls = Faults(), Counter[str]()
        self.shown: dict[str, int] = dict.fromkeys(skus, 0)
        self.pages = {sku: _page(sku) for sku in skus}
        self.price: dict[str, Decimal] = {}
        self.history: list[tuple[str, int]] = []
        self.sold: dict[str, Order] = {}
        self.fulfilments: dict[str, list[str]] = {}
        self.reject: set[str] = set()
        self.garbled: set[str] = set()
        self.hooks: dict[str, Subscription] = {}

    async def check(self) -> Identity:
        self._called("check")
        return Identity("World shop", "shop", "1", "EUR")

    def _called(self, operation: str) -> None:
        self.calls[operation] += 1
        self.faults.take(self.faults.before, operation)

    async def subscriptions(self) -> tuple[Subscription, ...]:
        self._called("subscriptions")
        return tuple(self.hooks.values())

    async def subscribe(self, url: str) -> tuple[Subscription, ...]:
        self._called("subscribe")
        self.hooks |= {topic: Subscription(topic, topic, url) for topic in ("orders/create", "orders/update")}
        return tuple(self.hooks.values())

    def sell(self, lines: dict[str, int], *, unit: str = "10.00", paid: bool = True, total: str | None = None) -> str:
        number = str(len(self.sold) + 1)
        items = tuple(_line(str(i), sku, n, Decimal(unit)) for i, (sku, n) in enumerate(lines.items()))
        amount = Decimal(total) if total else sum((line.total_gross for line in items), Decimal(0))
        status = PaymentStatus.PAID if paid else PaymentStatus.PENDING
        moment = START + timedelta(seconds=int(number))
        self.sold[number] = Order(
            number, f"#{number}", f"{number:0>6}", OrderStatus.OPEN, "open", status, FulfilmentStatus.UNFULFILLED, "EUR", items, amount,
            Decimal(0), moment, moment, Party("Città d'Oro", "anna@example.com"), Address(), Address(),
        )  # fmt: skip
        for sku, n in lines.items():
            self.shown[sku] = self.shown.get(sku, 0) - n
        return number

    def change(self, number: str, **fields: Any) -> None:
        order = self.sold[number]
        changed = {"updated_at": order.updated_at + timedelta(seconds=1)} | fields
        self.sold[number] = replace(order, version=order.version + "+", **changed)

    async def close(self) -> None: ...

    def _listing(self, sku: str) -> Listing:
        return Listing(sku, {"id": sku}, self.shown[sku], self.price.get(sku))

    async def listings(self, after: str | None) -> tuple[tuple[Listing, ...], str | None]:
        return tuple(self._listing(s) for s in self.shown), None

    async def read_listings(self, items: Any) -> tuple[Listing, ...]:
        self._called("read_listings")
        return tuple(self._listing(i["id"]) for i in items if i["id"] in self.shown)

    async def find_listings(self, skus: Any) -> tuple[Listing, ...]:
        return tuple(self._listing(s) for s in skus if s in self.shown)

    async def put_product(
        self, product: Product, known: Any, key: str, fields: frozenset[str] = ALL_FIELDS
    ) -> tuple[Listing, ...]:
        self._called("put_product")
        self.pages[product.code] = _put(self.pages.get(product.code), product, fields)
        for variant in product.variants:
            self.shown.setdefault(variant.sku, 0)
        self.faults.take(self.faults.after, "put_product")
        return tuple(self._listing(v.sku) for v in product.variants)

    async def put_stock(self, items: list[StockWrite]) -> tuple[ItemOutcome, ...]:
        self._called("put_stock")
        outcomes = tuple(self._put(item) for item in items)
        self.faults.take(self.faults.after, "put_stock")
        return outcomes

    def _put(self, item: StockWrite) -> ItemOutcome:
        if item.sku in self.reject:
            return ItemOutcome(item.sku, Outcome.REJECTED, "locked", "listing is locked")
        if item.expected is not None and item.expected != self.shown[item.sku]:
            return ItemOutcome(item.sku, Outcome.STALE)
        self.shown[item.sku] = item.quantity
        self.history.append((item.sku, item.quantity))
        return ItemOutcome(item.sku, Outcome.DONE)

    async def put_prices(self, items: Any) -> tuple[ItemOutcome, ...]:
        self._called("put_prices")
        for item in items:
            self.price[item.sku] = item.price
        self.faults.take(self.faults.after, "put_prices")
        return tuple(ItemOutcome(i.sku, Outcome.DONE) for i in items)

    async def orders(self, after: Cursor | None) -> Page[Order]:
        self._called("orders")
        newer = sorted(
            (o for o in self.sold.values() if after is None or o.updated_at > after.at), key=lambda o: o.updated_at
        )
        place = Cursor(newer[-1].updated_at) if newer else after
        told = newer if after else []
        garbled = tuple(o.external_id for o in told if o.external_id in self.garbled)
        return Page(tuple(o for o in told if o.external_id not in self.garbled), place, False, garbled)

    async def order(self, external_id: str) -> Order:
        self._called("order")
        if external_id not in self.sold:
            raise NotFound(f"reading order {external_id}")
        if external_id in self.garbled:
            raise Misunderstood(f"reading order {external_id}", "field billing is a text")
        return self.sold[external_id]

    async def fulfil(self, external_id: str, fulfilment: Fulfilment, key: str) -> str:
        self._called("fulfil")
        told = self.fulfilments.setdefault(external_id, [])
        if fulfilment.tracking_number not in told:
            told.append(fulfilment.tracking_number)
        self.faults.take(self.faults.after, "fulfil")
        return fulfilment.tracking_number


def _page(sku: str) -> Product:
    return Product(sku, f"Articolo {sku}", (Variant(sku),))


def _put(there: Product | None, product: Product, fields: frozenset[str]) -> Product:
    """What exists takes the owned fields only; what is new, a variant too, comes whole."""
    if there is None:
        return product
    old = {variant.sku: variant for variant in there.variants}
    put = {v.sku: replace(old[v.sku], **values(v, fields)) if v.sku in old else v for v in product.variants}
    return replace(there, **values(product, fields), variants=tuple((old | put).values()))


def _line(line_id: str, sku: str, quantity: int, unit: Decimal) -> OrderLine:
    return OrderLine(line_id, sku, sku, Decimal(quantity), unit * quantity, Decimal(0), unit * quantity)
