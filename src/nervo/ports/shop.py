"""What nervo asks of a shop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from nervo.model.catalog import PRODUCT_FIELDS, Product
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order
from nervo.ports.common import Connected, Cursor, ItemOutcome, Page

ALL_FIELDS = frozenset(PRODUCT_FIELDS)


@dataclass(frozen=True, slots=True)
class ShopCapabilities:
    """What this shop can do. Batches are the most items of one call; `late_application_s` bounds a timed-out write's effect."""

    products: bool = True
    compare_at: bool = False
    locations: bool = False
    webhooks: bool = False
    cancel: bool = True
    refunds: bool = True
    compare_and_set: bool = False
    stock_batch: int = 100
    price_batch: int = 100
    read_batch: int = 100
    late_application_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Listing:
    """A SKU as the shop shows it now. `remote` holds the ids that writes need. `quantity` None: the shop does not count it.

    `price` is what the shop stores, with or without tax as `Identity.prices_include_tax` says.
    """

    sku: str
    remote: Mapping[str, str]
    quantity: int | None = None
    price: Decimal | None = None
    compare_at: Decimal | None = None
    gtin: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class StockWrite:
    """Set what may be sold of a SKU. `expected` is what we believe the shop shows, for compare-and-set; None: unconditional.
    `location` is the shop's own location id, empty for its default. `key` makes the write idempotent where the shop takes one."""

    sku: str
    remote: Mapping[str, str]
    quantity: int
    expected: int | None = None
    location: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class PriceWrite:
    """Set a SKU's price as the shop stores prices (with or without tax). `compare_at` None clears it."""

    sku: str
    remote: Mapping[str, str]
    price: Decimal
    currency: str
    compare_at: Decimal | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A delivery as it came: header names in lower case, the raw body."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a verified delivery is, read from headers alone: `event_key` dedupes it (empty: the body's hash must do)."""

    topic: str
    event_key: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """ "This changed": which entity (order, stock, product) and its id there. The truth is fetched again."""

    entity: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook registered at the shop."""

    external_id: str
    topic: str
    url: str
    active: bool = True
    detail: Mapping[str, str] = field(default_factory=dict)


class Shop(Connected, Protocol):
    """A shop. Each method does one call's worth of work; retries, pace and time-outs are not its business.

    A batch method returns one outcome per item in any order, raises only when nothing of the batch took effect (MachineError,
    AuthFailed) or when nobody knows (OutcomeUnknown).
    """

    capabilities: ShopCapabilities

    async def listings(self, after: str | None) -> tuple[tuple[Listing, ...], str | None]:
        """All SKUs of the shop by pages: a page and the mark for the next, None at the end."""
        ...

    async def read_listings(self, items: Sequence[Mapping[str, str]]) -> tuple[Listing, ...]:
        """These SKUs now, by their `remote` ids; at most `read_batch`. One that is gone is absent."""
        ...

    async def find_listings(self, skus: Sequence[str]) -> tuple[Listing, ...]:
        """Listings with these SKUs; at most `read_batch`. Absent where the shop has none; twice where it has two."""
        ...

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        """Sets quantities. A fraction or a negative number is refused before the call."""
        ...

    async def put_prices(self, items: Sequence[PriceWrite]) -> tuple[ItemOutcome, ...]:
        """Sets prices and compare-at prices."""
        ...

    async def put_product(
        self,
        product: Product,
        known: Mapping[str, Mapping[str, str]],
        key: str,
        fields: frozenset[str] = ALL_FIELDS,
    ) -> tuple[Listing, ...]:
        """Creates or updates the product with its variants, without touching stock or prices of what exists. `known` maps the
        SKUs that are already there to their `remote`. Of what exists only `fields` (of PRODUCT_FIELDS) are written, the others
        are the shop's own; what is created, a variant too, is given everything. Returns a listing per variant."""
        ...

    async def orders(self, after: Cursor | None) -> Page[Order]:
        """Orders changed after the cursor, oldest first; None: the newest place only, no items."""
        ...

    async def order(self, external_id: str) -> Order:
        """One order now. Raises NotFound."""
        ...

    async def fulfil(self, external_id: str, fulfilment: Fulfilment, key: str) -> str:
        """Marks lines as shipped, with tracking; the shop's fulfilment id. Nothing left to fulfil: returns the id of the one
        that has this tracking number, or Rejected(code="nothing_to_fulfil")."""
        ...

    async def cancel_order(self, external_id: str, reason: str) -> Order:
        """Cancels at the shop; a cancelled one is returned as it is. Raises Rejected where it no longer can be."""
        ...

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """Webhooks registered by us."""
        ...

    async def subscribe(self, url: str) -> tuple[Subscription, ...]:
        """Makes sure that every topic we need is registered to this URL and active; what is there now."""
        ...
