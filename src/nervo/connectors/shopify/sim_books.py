"""The simulated shop's own books: products, stock by location, orders. Nothing here knows GraphQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count

from nervo.kit.clock import Clock
from nervo.model.money import rounded
from nervo.model.parties import Address, FiscalData
from nervo.model.units import ZERO

LOCATION = "gid://shopify/Location/901"
CURRENCY = "EUR"
FIRST_CUSTOMER = 7001
BUYER = Address("Anna Città", "", "Via Garibaldi 1", "", "20121", "Milano", "MI", "IT", "+390212345678")
FISCAL_NAMES = {
    "vat_number": "partita_iva",
    "tax_code": "codice_fiscale",
    "sdi_code": "codice_destinatario",
    "pec": "pec",
}


class SoldOut(ValueError):
    """The checkout refuses: a variant with the policy DENY has not so many."""


@dataclass(slots=True)
class Variant:
    """`available` by location; what is committed to open orders is no longer in it."""

    id: int
    item: int
    product: "Product"
    sku: str
    price: Decimal = ZERO
    barcode: str | None = None
    compare_at: Decimal | None = None
    options: dict[str, str] = field(default_factory=dict)
    tracked: bool = True
    weight_g: Decimal | None = None
    available: dict[str, int] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)

    @property
    def gid(self) -> str:
        return f"gid://shopify/ProductVariant/{self.id}"

    @property
    def item_gid(self) -> str:
        return f"gid://shopify/InventoryItem/{self.item}"

    @property
    def title(self) -> str:
        return " / ".join(self.options.values()) or "Default Title"


@dataclass(slots=True)
class Product:
    id: int
    handle: str
    title: str
    updated: datetime
    description: str = ""
    status: str = "ACTIVE"
    options: list[str] = field(default_factory=lambda: ["Title"])
    variants: list[Variant] = field(default_factory=list)

    @property
    def gid(self) -> str:
        return f"gid://shopify/Product/{self.id}"


@dataclass(slots=True)
class Line:
    """`unit` as the shop keeps prices, with or without tax."""

    id: int
    sku: str
    title: str
    quantity: int
    unit: Decimal
    variant: Variant | None
    open: int
    discount: Decimal = ZERO
    rate: Decimal = Decimal("0.22")


@dataclass(slots=True)
class Transaction:
    id: int
    kind: str
    amount: Decimal
    at: datetime
    parent: int | None = None


@dataclass(slots=True)
class Shipment:
    id: int
    at: datetime
    lines: list[tuple[Line, int]]
    company: str = ""
    number: str = ""
    url: str = ""


@dataclass(slots=True)
class Order:
    id: int
    number: int
    created: datetime
    updated: datetime
    email: str
    lines: list[Line]
    shipping: Decimal
    taxes_included: bool
    location: str
    attributes: dict[str, str] = field(default_factory=dict)
    transactions: list[Transaction] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    cancelled: datetime | None = None
    cancel_reason: str | None = None
    buyer: Address = BUYER
    customer_id: int = FIRST_CUSTOMER
    undocumented: str = ""
    garbled: bool = False

    @property
    def customer(self) -> str:
        return f"gid://shopify/Customer/{self.customer_id}"

    @property
    def gid(self) -> str:
        return f"gid://shopify/Order/{self.id}"

    def tax_of(self, amount: Decimal, rate: Decimal) -> Decimal:
        return rounded(amount * rate / (1 + rate) if self.taxes_included else amount * rate, CURRENCY)

    def amount(self, line: Line) -> Decimal:
        return line.unit * line.quantity - line.discount

    def tax(self) -> Decimal:
        taxes = [self.tax_of(self.amount(line), line.rate) for line in self.lines]
        return sum(taxes, self.tax_of(self.shipping, Decimal("0.22")))

    def total(self) -> Decimal:
        parts = sum((self.amount(line) for line in self.lines), self.shipping)
        return parts if self.taxes_included else parts + self.tax()

    def sum_of(self, *kinds: str) -> Decimal:
        return sum((t.amount for t in self.transactions if t.kind in kinds), ZERO)

    def financial(self) -> str:
        if self.undocumented:
            return self.undocumented
        paid, refunded = self.sum_of("SALE", "CAPTURE"), self.sum_of("REFUND")
        if refunded:
            return "REFUNDED" if refunded >= paid else "PARTIALLY_REFUNDED"
        if paid:
            return "PAID" if paid >= self.total() else "PARTIALLY_PAID"
        return "VOIDED" if self.cancelled else "PENDING"

    def fulfilment(self) -> str:
        if not self.shipments:
            return "UNFULFILLED"
        return "PARTIALLY_FULFILLED" if any(line.open for line in self.lines) else "FULFILLED"


class Books:
    """What the shop has. Every change of an order or a level is told to `heard`, which makes the webhooks."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.taxes_included = True
        self.oversell = True
        self.products: dict[int, Product] = {}
        self.variants: dict[str, Variant] = {}
        self.items: dict[str, Variant] = {}
        self.locations: dict[str, str] = {LOCATION: "Magazzino"}
        self.orders: dict[str, Order] = {}
        self.customers: dict[str, int] = {}
        self.history: list[tuple[float, str, int]] = []
        self.slow_jobs: list[tuple[Order, str]] | None = None
        self._ids = count(1001)
        self._by_sku: dict[str, Variant] = {}

    def heard(self, topic: str, subject: Order | Product | tuple[Variant, str]) -> None:
        """A change that Shopify has a webhook for."""

    def next_id(self) -> int:
        return next(self._ids)

    def now(self) -> datetime:
        """Shopify's times have whole seconds."""
        return self.clock.now().replace(microsecond=0)

    def by_sku(self, sku: str) -> Variant | None:
        known = self._by_sku.get(sku)
        if known is None or known.sku != sku or known.gid not in self.variants:
            known = next((v for v in self.variants.values() if v.sku == sku), None)
            self._by_sku.pop(sku, None)
        if known:
            self._by_sku[sku] = known
        return known

    def new_product(self, handle: str, title: str) -> Product:
        product = Product(self.next_id(), handle, title, self.now())
        self.products[product.id] = product
        return product

    def new_variant(self, product: Product, sku: str, **facts: object) -> Variant:
        variant = Variant(self.next_id(), self.next_id(), product, sku, **facts)  # type: ignore[arg-type]
        product.variants.append(variant)
        self.variants[variant.gid] = self.items[variant.item_gid] = variant
        return variant

    def drop(self, variant: Variant) -> None:
        variant.product.variants.remove(variant)
        del self.variants[variant.gid], self.items[variant.item_gid]

    def set_available(self, variant: Variant, location: str, quantity: int) -> None:
        variant.available[location] = quantity
        self.heard("inventory_levels/update", (variant, location))

    def move(self, order: Order, variant: Variant, quantity: int) -> None:
        """From available to committed, as an order does by itself; negative: back."""
        place = order.location
        variant.committed[place] = variant.committed.get(place, 0) + quantity
        self.set_available(variant, place, variant.available.get(place, 0) - quantity)

    def sell(
        self, lines: list[tuple[str, int]], email: str, shipping_gross: Decimal, fiscal: FiscalData | Mapping[str, str] | None,
        buyer: Address | None = None,
    ) -> Order:  # fmt: skip
        """A checkout. A SKU that the shop does not have is an order line without a variant, as a deleted one leaves it."""
        rows = [self._line(sku, quantity) for sku, quantity in lines]
        for row in rows:
            if not self.oversell and row.variant and row.variant.available.get(LOCATION, 0) < row.quantity:
                raise SoldOut(row.sku)
        shipping = shipping_gross if self.taxes_included else rounded(shipping_gross / Decimal("1.22"), CURRENCY)
        now = self.now()
        id = self.next_id()
        order = Order(
            id, 1001 + len(self.orders), now, now, email, rows, shipping, self.taxes_included, LOCATION, _named(fiscal),
            buyer=buyer or BUYER, customer_id=self.customers.setdefault(email.lower(), FIRST_CUSTOMER + len(self.customers)),
        )  # fmt: skip
        self.orders[order.gid] = order
        for row in rows:
            if row.variant and row.variant.tracked:
                self.move(order, row.variant, row.quantity)
        return order

    def _line(self, sku: str, quantity: int) -> Line:
        variant = self.by_sku(sku)
        title = variant.product.title if variant else sku
        return Line(
            self.next_id(), sku, title, quantity, variant.price if variant else Decimal("10.00"), variant, quantity
        )

    def touch(self, order: Order, *topics: str) -> None:
        order.updated = self.now()
        for topic in topics:
            self.heard(topic, order)

    def take_money(self, order: Order, kind: str, amount: Decimal, parent: int | None = None) -> None:
        order.transactions.append(Transaction(self.next_id(), kind, amount, self.now(), parent))

    def ship(self, order: Order, lines: list[tuple[Line, int]], company: str, number: str, url: str) -> Shipment:
        shipment = Shipment(self.next_id(), self.now(), lines, company, number, url)
        order.shipments.append(shipment)
        for line, quantity in lines:
            line.open -= quantity
            if line.variant:
                line.variant.committed[order.location] = line.variant.committed.get(order.location, 0) - quantity
        self.touch(order, "orders/updated")
        return shipment

    def finish_jobs(self) -> None:
        """Does the cancellations that were put off; with `slow_jobs` a list, they wait for this."""
        jobs, self.slow_jobs = self.slow_jobs or [], [] if self.slow_jobs is not None else None
        for order, reason in jobs:
            self.cancel(order, reason)

    def cancel(self, order: Order, reason: str) -> None:
        """Restocks what had not left."""
        order.cancelled, order.cancel_reason = self.now(), reason
        for line in order.lines:
            if line.variant and line.variant.tracked and line.open:
                self.move(order, line.variant, -line.open)
            line.open = 0
        self.touch(order, "orders/cancelled", "orders/updated")


def _named(fiscal: FiscalData | Mapping[str, str] | None) -> dict[str, str]:
    """Fiscal data as the cart attributes of the usual Italian theme snippet."""
    if isinstance(fiscal, FiscalData):
        return {name: getattr(fiscal, ours) for ours, name in FISCAL_NAMES.items() if getattr(fiscal, ours)}
    return {FISCAL_NAMES.get(name, name): value for name, value in (fiscal or {}).items()}
