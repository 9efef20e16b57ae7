"""What WooCommerce shows: listings, stock, prices."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from nervo.connectors.woocommerce import mapping, wire
from nervo.connectors.woocommerce.client import BATCH, CODES, Client
from nervo.errors import BadInput, Misunderstood, NervoError, NotFound, OutcomeUnknown, Rejected, Unsupported
from nervo.kit.paging import next_rows
from nervo.ports.common import ItemOutcome, Outcome
from nervo.ports.shop import Listing, PriceWrite, StockWrite

T = TypeVar("T")
W = TypeVar("W", StockWrite, PriceWrite)

SKUS_A_CALL = 50
PAGE = 100
AT_ONCE = 4
MOST_VARIATION_PAGES = 50
Remote = Mapping[str, str]
# What becomes of the items of one call among several. An answer that nobody can read may stand for a write that was done.
GROUP_FAILED: dict[type[NervoError], Outcome] = {
    OutcomeUnknown: Outcome.UNKNOWN, Misunderstood: Outcome.UNKNOWN, Rejected: Outcome.REJECTED, NotFound: Outcome.MISSING,
}  # fmt: skip


class Shelves:
    """The catalogue half of the connector: a simple product is written in products/batch, a variation in its product's own."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._currency = ""
        self._names: dict[int, str] = {}

    async def listings(self, after: str | None) -> tuple[tuple[Listing, ...], str | None]:
        """Pages of 100 products in the order of ids, each variable product with all its variations."""
        rows, mark = await next_rows(self._by_offset, lambda row: row.id, after, PAGE)
        parents = [row for row in rows if row.variations]
        variations = await _together([partial(self._all_variations, p) for p in parents])
        self._names |= {row.id: row.name for row in parents}
        found = [row for row in rows if row.type not in mapping.UNSELLABLE] + [v for many in variations for v in many]
        return await self.named(found), mark

    async def _by_offset(self, offset: int) -> list[wire.Product]:
        return (await self.client.products(offset=str(offset), orderby="id", order="asc"))[0]

    async def named(self, rows: Sequence[wire.Product]) -> tuple[Listing, ...]:
        """As listings. A variation's own name is its options only: its product's name, read once, goes before."""
        unknown = {row.parent_id for row in rows if row.parent_id} - self._names.keys()
        if unknown:
            found, _ = await self.client.products(include=",".join(map(str, sorted(unknown))))
            self._names |= dict.fromkeys(unknown, "") | {row.id: row.name for row in found}
        return tuple(mapping.listing(row, self._names.get(row.parent_id, "")) for row in rows)

    async def read_listings(self, items: Sequence[Remote]) -> tuple[Listing, ...]:
        """By ids: simple products in one call, variations in one a product."""
        groups: dict[str, list[str]] = {}
        for item in items:
            groups.setdefault(_parent(item), []).append(_id(item))
        found = await _together([partial(self._by_id, p, ids) for p, ids in groups.items()])
        return await self.named([row for rows in found for row in rows])

    async def find_listings(self, skus: Sequence[str]) -> tuple[Listing, ...]:
        """The database compares without case: only exact SKUs count. One with a comma cannot be asked for."""
        wanted = [sku for sku in skus if "," not in sku]
        chunks = [wanted[i : i + SKUS_A_CALL] for i in range(0, len(wanted), SKUS_A_CALL)]
        found = [(await self.client.products(sku=",".join(chunk)))[0] for chunk in chunks]
        rows = (row for rows in found for row in rows if row.type not in mapping.UNSELLABLE)
        return await self.named([row for row in rows if row.sku in set(wanted)])

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        """Turns stock keeping on with the figure, so that a quantity is never written to a product that does not count."""
        for item in items:
            if item.location:
                raise Unsupported("setting stock in WooCommerce", f"location {item.location}", sku=item.sku)
            if item.quantity < 0 or item.quantity != int(item.quantity):
                raise BadInput("setting stock in WooCommerce", f"{item.quantity}", sku=item.sku)
        return await self._put(items, lambda i: {"manage_stock": True, "stock_quantity": int(i.quantity)}, _stock_shown)

    async def put_prices(self, items: Sequence[PriceWrite]) -> tuple[ItemOutcome, ...]:
        """As the shop keeps prices. With a compare-at it is the regular price and the price the reduced one."""
        try:
            fields = {item.sku: mapping.prices(item.price, item.compare_at) for item in items}
        except ValueError as error:
            raise BadInput("setting a price in WooCommerce", str(error)) from error
        currency = await self._shop_currency()
        ours = [item for item in items if item.currency == currency]
        foreign = [_wrong_currency(item, currency) for item in items if item.currency != currency]
        return (
            *foreign,
            *await self._put(ours, lambda i: fields[i.sku], lambda row: row.sale_price or row.regular_price),
        )

    async def _shop_currency(self) -> str:
        """The only currency the shop has; a price carries none. Read once."""
        if not self._currency:
            self._currency = str((await self.client.setting("general", "woocommerce_currency")).value)
        return self._currency

    async def _put(
        self, items: Sequence[W], fields: Callable[[W], Mapping[str, Any]], shown: Callable[[wire.Written], str]
    ) -> tuple[ItemOutcome, ...]:
        """One call a parent. A group whose call failed has its own outcomes, unless every group failed."""
        groups: dict[str, list[W]] = {}
        for item in items:
            groups.setdefault(_parent(item.remote), []).append(item)
        calls = [(p, g[i : i + BATCH]) for p, g in groups.items() for i in range(0, len(g), BATCH)]

        async def write(parent: str, group: Sequence[W]) -> list[wire.Written] | NervoError:
            try:
                return await self.client.update_batch(parent, [{"id": int(_id(i.remote)), **fields(i)} for i in group])
            except NervoError as error:
                return error

        answers = await _together([partial(write, *call) for call in calls])
        failed = [a for a in answers if isinstance(a, NervoError) and not isinstance(a, NotFound)]
        if failed and len(failed) == len(answers):
            raise next((e for e in failed if isinstance(e, OutcomeUnknown)), failed[0])
        return tuple(o for (_, group), a in zip(calls, answers, strict=True) for o in _outcomes(group, a, shown))

    async def _by_id(self, parent: str, ids: Sequence[str]) -> list[wire.Product]:
        where = {"include": ",".join(ids)}
        try:
            return (await self.client.variations(parent, **where) if parent else await self.client.products(**where))[0]
        except NotFound:
            return []

    async def _all_variations(self, parent: wire.Product) -> list[wire.Product]:
        """A product that was deleted meanwhile has none."""
        rows: list[wire.Product] = []
        for page in range(1, MOST_VARIATION_PAGES + 1):
            try:
                read, pages = await self.client.variations(parent.id, page=str(page))
            except NotFound:
                break
            rows += read
            if page >= pages:
                break
        return rows


async def _together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """A few at once: a page of variable products is a hundred calls."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await call()

    return list(await asyncio.gather(*(one(call) for call in calls)))


def _parent(remote: Remote) -> str:
    return remote["product"] if "variation" in remote else ""


def _id(remote: Remote) -> str:
    return remote.get("variation") or remote["product"]


def _wrong_currency(item: PriceWrite, currency: str) -> ItemOutcome:
    return ItemOutcome(item.sku, Outcome.REJECTED, "wrong_currency", f"{item.currency}: the shop sells in {currency}")


def _stock_shown(row: wire.Written) -> str:
    return "" if row.stock_quantity is None else str(row.stock_quantity)


def _outcomes(
    group: Sequence[StockWrite | PriceWrite],
    answer: list[wire.Written] | NervoError,
    shown: Callable[[wire.Written], str],
) -> list[ItemOutcome]:
    if isinstance(answer, NervoError):
        outcome = GROUP_FAILED.get(type(answer), Outcome.THROTTLED)
        return [ItemOutcome(i.sku, outcome, answer.code, answer.said) for i in group]
    return [_outcome(item, row, shown) for item, row in zip(group, answer, strict=True)]


def _outcome(item: StockWrite | PriceWrite, row: wire.Written, shown: Callable[[wire.Written], str]) -> ItemOutcome:
    if row.error is None:
        return ItemOutcome(item.sku, Outcome.DONE, observed=shown(row))
    outcome = Outcome.MISSING if CODES.get(row.error.code) is NotFound else Outcome.REJECTED
    status = row.error.data.get("status") if isinstance(row.error.data, dict) else None
    if isinstance(status, int) and status >= 500:
        outcome = Outcome.UNKNOWN  # a plugin may have failed after the item was saved
    return ItemOutcome(item.sku, outcome, row.error.code, row.error.message)
