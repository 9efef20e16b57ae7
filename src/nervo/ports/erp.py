"""What nervo asks of an ERP, the source of truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from nervo.model.catalog import Product
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order
from nervo.model.parties import Party
from nervo.model.payments import Payment
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.returns import Invoice
from nervo.model.stock import StockFigure
from nervo.ports.common import Connected, Cursor, Page


class OrderKey(StrEnum):
    """How well an ERP keeps our order key: it refuses a second one, it can only be searched by it, or neither."""

    UNIQUE = "unique"
    SEARCHABLE = "searchable"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ErpCapabilities:
    """What this ERP can do. `late_application_s` bounds how late a timed-out write may still take effect."""

    products: bool = True
    prices: bool = True
    promotions: bool = False
    payments: bool = True
    cancel: bool = True
    order_key: OrderKey = OrderKey.NONE
    stock_batch: int = 100
    late_application_s: float = 120.0
    doorbell: bool = False


class ErpOrderState(StrEnum):
    """Where the ERP has a sales order."""

    DRAFT = "draft"
    CONFIRMED = "confirmed"
    DONE = "done"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ErpOrder:
    """A sales order in the ERP. `key` is ours, as the ERP holds it. `shipments` have left; `paid` counts what the ERP booked."""

    erp_id: str
    number: str
    key: str
    state: ErpOrderState
    raw_state: str
    total_gross: Decimal
    currency: str
    updated_at: datetime
    paid: Decimal = Decimal(0)
    shipments: tuple[Fulfilment, ...] = ()
    invoices: tuple[Invoice, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """What the ERP is asked to write. `customer` is the ERP's own id; `warehouse` the ERP's code, empty for its default."""

    key: str
    order: Order
    customer: str
    warehouse: str = ""


class Erp(Connected, Protocol):
    """An ERP. Each method does one call's worth of work; retries, pace and time-outs are not its business."""

    capabilities: ErpCapabilities

    async def products(self, after: Cursor | None) -> Page[Product]:
        """Products changed after the cursor, oldest first; None: all. Each product whole, with all its variants."""
        ...

    async def prices(self, after: Cursor | None) -> Page[Price]:
        """Prices changed after the cursor; None: all. A changed SKU comes with all its quantity breaks in that list."""
        ...

    async def promotions(self, after: Cursor | None) -> Page[Promotion]:
        """Promotions changed after the cursor."""
        ...

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        """SKUs whose stock may have moved after the cursor, without figures. None: only where the feed stands now, no items."""
        ...

    async def stock_of(self, skus: Sequence[str]) -> tuple[StockFigure, ...]:
        """Figures of these SKUs at every warehouse, read now. At most `capabilities.stock_batch` SKUs. A SKU that the ERP does
        not have is absent; one that it has but holds none of is 0."""
        ...

    async def stock_snapshot(self, after: str | None) -> tuple[tuple[StockFigure, ...], str | None]:
        """All figures by pages in the ERP's own order: a page and the mark for the next, None at the end."""
        ...

    async def find_customer(self, party: Party) -> str | None:
        """The ERP's id of this customer by identifier or e-mail, never by name. Several fit: Rejected(code="ambiguous_customer")."""
        ...

    async def create_customer(self, party: Party, order: Order, key: str) -> str:
        """A new customer with the order's addresses; its id. `key` is unique per customer of ours."""
        ...

    async def find_order(self, key: str) -> ErpOrder | None:
        """The order that holds our key, or None."""
        ...

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        """Writes the order as a draft under our key. An order already under that key is returned unchanged (UNIQUE)."""
        ...

    async def confirm_order(self, erp_id: str) -> ErpOrder:
        """Confirms it, so that the ERP reserves. A confirmed one is returned as it is."""
        ...

    async def record_payment(self, erp_id: str, payment: Payment, key: str) -> ErpOrder:
        """Books a payment once: a second call with the same key changes nothing."""
        ...

    async def cancel_order(self, erp_id: str) -> ErpOrder:
        """Cancels it; a cancelled one is returned as it is. Shipped: Rejected(code="already_shipped")."""
        ...

    async def read_order(self, erp_id: str) -> ErpOrder:
        """The order as it is now. Raises NotFound."""
        ...

    async def changed_orders(self, after: Cursor | None) -> Page[ErpOrder]:
        """Our orders (those with a key) whose state, shipments, payments or invoices changed after the cursor."""
        ...

    async def doorbell(self, after: str) -> tuple[str, bool]:
        """Waits at most about 25 s for the ERP's doorbell: (mark for the next call, whether something may have changed).
        An empty `after` starts at now. Only where `capabilities.doorbell`."""
        ...
