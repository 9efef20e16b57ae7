"""The shop's world: selling in it, looking at it, writing to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from nervo.model.catalog import Product, Variant
from nervo.model.orders import Order
from nervo.ports.common import Cursor, ItemOutcome
from nervo.ports.shop import Listing, PriceWrite, StockWrite
from nervo.testing.world import World

PRODUCT = Product(
    "TOVAGLIA",
    "Tovaglia di lino",
    (Variant("TOV-90", None, {"misura": "90 × 90"}), Variant("TOV-180", "8001234567906", {"misura": "90 × 180"})),
    description="Lino, fatta a mano.",
)
MOST_PAGES = 200


@dataclass
class ShopWorld(World):
    """A shop with its simulator."""

    def needs(self, capability: str) -> None:
        """Skips the test where the shop cannot."""
        if not getattr(self.port.capabilities, capability):
            pytest.skip(f"{self.connector.name} has no {capability}")

    def lacks(self, capability: str) -> None:
        """Skips the test where the shop can."""
        if getattr(self.port.capabilities, capability):
            pytest.skip(f"{self.connector.name} has {capability}")

    def sell(self, *lines: tuple[str, int], paid: bool = True, **more: Any) -> str:
        """A customer's order, a little after whatever was before."""
        self.clock.advance(2)
        order: str = self.simulator.place_order(
            list(lines), email=more.pop("email", "anna@example.com"), paid=paid, **more
        )
        self.clock.advance(2)
        return order

    async def listing(self, sku: str) -> Listing:
        (found,) = await self.port.find_listings([sku])
        assert isinstance(found, Listing)
        return found

    async def sweep(self, port: Any = None) -> list[Listing]:
        """All listings, by pages."""
        found, mark = [], None
        for _ in range(MOST_PAGES):
            page, mark = await (port or self.port).listings(mark)
            found += page
            if mark is None:
                return found
        raise AssertionError(f"listings do not end after {MOST_PAGES} pages")

    async def feed(self, after: Cursor | None, port: Any = None) -> tuple[list[Order], Cursor | None]:
        """Orders from a place on until there are no more, and the place reached."""
        found: list[Order] = []
        for _ in range(MOST_PAGES):
            page = await (port or self.port).orders(after)
            found += page.items
            after = page.next or after
            if not page.more:
                return found, after
        raise AssertionError(f"the order feed does not end after {MOST_PAGES} pages")

    async def put_stock(self, wanted: Mapping[str, int], key: str = "k", **more: Any) -> dict[str, ItemOutcome]:
        found = {x.sku: x for x in await self.port.find_listings(list(wanted))}
        writes = [StockWrite(sku, found[sku].remote, n, key=key, **more) for sku, n in wanted.items()]
        return {o.sku: o for o in await self.port.put_stock(writes)}

    async def price_write(self, sku: str, price: str, compare_at: str | None = None) -> PriceWrite:
        """A write of a price in the shop's currency."""
        currency = (await self.port.check()).currency
        struck = Decimal(compare_at) if compare_at else None
        return PriceWrite(sku, (await self.listing(sku)).remote, Decimal(price), currency, struck, key=f"{sku}{price}")


def gone(item: Any) -> Any:
    """The same write to an id that the shop does not have."""
    return replace(item, sku="GONE", remote=gone_remote(item.remote))


def gone_remote(remote: Mapping[str, str]) -> dict[str, str]:
    """The same ids, but of nothing that is there."""
    return {name: re.sub(r"\d+$", "999999999", value) for name, value in remote.items()}
