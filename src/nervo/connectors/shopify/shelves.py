"""What Shopify shows: listings, stock, prices."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from nervo.connectors.shopify import mapping, queries, wire
from nervo.connectors.shopify.client import Client
from nervo.errors import BadInput, Misunderstood, NervoError, OutcomeUnknown, Rejected
from nervo.kit.pacing import URGENT
from nervo.model.money import rounded
from nervo.ports.common import ItemOutcome, Outcome
from nervo.ports.shop import Listing, PriceWrite, StockWrite

BATCH = 250
SKUS_A_QUERY = 50
PRODUCTS_A_CALL = 20
MOST_PAGES = 100
STOCK_CODES = {
    "CHANGE_FROM_QUANTITY_STALE": Outcome.STALE, "COMPARE_QUANTITY_STALE": Outcome.STALE,
    "INVALID_INVENTORY_ITEM": Outcome.MISSING, "IDEMPOTENCY_CONCURRENT_REQUEST": Outcome.THROTTLED,
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": Outcome.THROTTLED, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": Outcome.THROTTLED,
}  # fmt: skip
PRICE_CODES = {"PRODUCT_DOES_NOT_EXIST": Outcome.MISSING, "PRODUCT_VARIANT_DOES_NOT_EXIST": Outcome.MISSING}
MOST_SPENT_KEYS = 10_000


class Shelves:
    """The stock and price half of the connector."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._location = mapping.gid("Location", client.settings.location)
        self._spent: dict[str, int] = {}

    async def location(self) -> str:
        """The location that is kept: the one set, or the shop's primary one, asked for once."""
        if not self._location:
            found = await self.client.query(queries.ABOUT, {"location": wire.Location}, location=None)
            if "location" not in found:
                raise Rejected(
                    "asking Shopify for its primary location", code="no_location", fix="Set the location's id."
                )
            self._location = found["location"].id
        return self._location

    async def listings(self, after: str | None) -> tuple[tuple[Listing, ...], str | None]:
        """All variants in the order of their ids; the mark is Shopify's own cursor."""
        page = await self._page(None, after)
        mark = page.pageInfo.endCursor if page.pageInfo.hasNextPage else None
        return tuple(mapping.listing(row) for row in page.nodes), mark

    async def read_listings(self, items: Sequence[Mapping[str, str]]) -> tuple[Listing, ...]:
        ids = [item["variant"] for item in items]
        return tuple(mapping.listing(row) for row in await self._by_id(ids))

    async def find_listings(self, skus: Sequence[str]) -> tuple[Listing, ...]:
        """By search, which ignores case and has a few seconds' delay: what does not fit to the letter is left out."""
        found: list[Listing] = []
        for start in range(0, len(skus), SKUS_A_QUERY):
            terms = " OR ".join(f"sku:{_quoted(sku)}" for sku in skus[start : start + SKUS_A_QUERY])
            mark = None
            for _ in range(MOST_PAGES):
                page = await self._page(terms, mark)
                found += [mapping.listing(row) for row in page.nodes]
                mark = page.pageInfo.endCursor
                if not page.pageInfo.hasNextPage:
                    break
        wanted = set(skus)
        return tuple(listing for listing in found if listing.sku in wanted)

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        """One call, all or nothing: when Shopify refuses one item, the others are told to be sent again."""
        for item in items:
            if item.quantity < 0 or item.quantity != int(item.quantity):
                raise BadInput("setting stock in Shopify", f"{item.quantity}", sku=item.sku)
        if not items:
            return ()
        here = await self.location()
        quantities = [
            {
                "inventoryItemId": i.remote["inventory_item"],
                "locationId": mapping.gid("Location", i.location) or here,
                "quantity": int(i.quantity),
                "changeFromQuantity": i.expected,
            }
            for i in items
        ]
        key = self._key(items, quantities)
        values = {"name": "available", "reason": "correction", "quantities": quantities}
        payload = await self.client.mutate(queries.PUT_STOCK, priority=URGENT, input=values, key=self._attempt(key))
        if not payload.userErrors:
            return tuple(ItemOutcome(i.sku, Outcome.DONE, observed=str(i.quantity)) for i in items)
        if any(e.code != "IDEMPOTENCY_CONCURRENT_REQUEST" for e in payload.userErrors):
            self._spend(key)
        return _refused(payload.userErrors, [i.sku for i in items], STOCK_CODES)

    async def put_prices(self, items: Sequence[PriceWrite]) -> tuple[ItemOutcome, ...]:
        """A mutation takes one product's variants; a request takes several mutations, which take effect one by one."""
        by_product: dict[str, list[PriceWrite]] = {}
        for item in items:
            if item.price < 0:
                raise BadInput("setting a price in Shopify", f"{item.price}", sku=item.sku)
            by_product.setdefault(item.remote["product"], []).append(item)
        groups = list(by_product.items())
        outcomes: list[ItemOutcome] = []
        for start in range(0, len(groups), PRODUCTS_A_CALL):
            chunk = groups[start : start + PRODUCTS_A_CALL]
            try:
                outcomes += await self._put_prices(chunk)
            except NervoError as error:
                if not outcomes:
                    raise
                outcomes += _left(error, groups[start:], chunk)
                break
        return tuple(outcomes)

    async def _put_prices(self, groups: Sequence[tuple[str, list[PriceWrite]]]) -> list[ItemOutcome]:
        variables: dict[str, Any] = {}
        for i, (product, writes) in enumerate(groups):
            variables |= {f"p{i}": product, f"v{i}": [_price(w) for w in writes]}
        answers = await self.client.mutate_many(queries.put_prices(len(groups)), **variables)
        outcomes: list[ItemOutcome] = []
        for i, (_, writes) in enumerate(groups):
            errors = answers[f"p{i}"].userErrors
            outcomes += _refused(errors, [w.sku for w in writes], PRICE_CODES, others=Outcome.DONE)
        return outcomes

    async def _page(self, query: str | None, after: str | None) -> wire.Connection[wire.Variant]:
        values = {"first": self.client.page["Listings"], "after": after, "query": query}
        kind = wire.Connection[wire.Variant]
        found = await self.client.query(
            queries.LISTINGS, {"productVariants": kind}, **values, location=await self.location()
        )
        return found["productVariants"]

    async def _by_id(self, ids: Sequence[str]) -> list[wire.Variant]:
        rows: list[wire.Variant] = []
        size = self.client.page["ListingsById"]
        here = await self.location() if ids else ""
        for start in range(0, len(ids), size):
            found = await self.client.query(
                queries.LISTINGS_BY_ID,
                {"nodes": list[wire.Variant | None]},
                ids=list(ids[start : start + size]),
                location=here,
            )
            rows += [row for row in found["nodes"] if row]
        return rows

    def _key(self, items: Sequence[StockWrite], quantities: list[dict[str, Any]]) -> str:
        """One key for one content: Shopify refuses a key that comes with other parameters."""
        content = "|".join(sorted({i.key for i in items})) + repr(quantities)
        return hashlib.sha256(content.encode()).hexdigest()[:40]

    def _attempt(self, key: str) -> str:
        """A key whose call was refused is of no use any more; the same content then goes under the next one."""
        return f"{key}-{self._spent[key]}" if key in self._spent else key

    def _spend(self, key: str) -> None:
        self._spent[key] = self._spent.get(key, 0) + 1
        if len(self._spent) > MOST_SPENT_KEYS:
            del self._spent[next(iter(self._spent))]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _price(item: PriceWrite) -> dict[str, Any]:
    compare_at = None if item.compare_at is None else str(rounded(item.compare_at, item.currency))
    return {
        "id": item.remote["variant"],
        "price": str(rounded(item.price, item.currency)),
        "compareAtPrice": compare_at,
    }


def _refused(
    errors: Sequence[wire.UserError],
    skus: Sequence[str],
    codes: Mapping[str, Outcome],
    others: Outcome = Outcome.THROTTLED,
) -> tuple[ItemOutcome, ...]:
    """Each error to its item by the index in its path; one without an index is everybody's. `others` is for the rest."""
    by_item: dict[int, wire.UserError] = {}
    for error in errors:
        index = next((int(part) for part in error.field or () if part.isdigit()), None)
        for i in range(len(skus)) if index is None else (index,):
            by_item.setdefault(i, error)
    return tuple(
        _outcome(sku, by_item[i], codes) if i in by_item else ItemOutcome(sku, others) for i, sku in enumerate(skus)
    )


def _outcome(sku: str, error: wire.UserError, codes: Mapping[str, Outcome]) -> ItemOutcome:
    code = error.code or ""
    return ItemOutcome(sku, codes.get(code, Outcome.REJECTED), code.lower(), error.message)


def _left(
    error: NervoError,
    groups: Sequence[tuple[str, list[PriceWrite]]],
    sent: Sequence[tuple[str, list[PriceWrite]]],
) -> list[ItemOutcome]:
    """What a call in the middle of a batch leaves behind: its own items unknown or not applied, the rest not sent."""
    unsure = isinstance(
        error, OutcomeUnknown | Misunderstood
    )  # an unreadable answer may stand for a write that was done
    first = Outcome.UNKNOWN if unsure else Outcome.THROTTLED
    in_doubt = {w.sku for _, writes in sent for w in writes}
    return [ItemOutcome(w.sku, first if w.sku in in_doubt else Outcome.THROTTLED) for _, ws in groups for w in ws]
