"""A simulated shop with a connector on it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest_asyncio

from nervo.connectors.shopify.connector import Shopify
from nervo.connectors.shopify.settings import Settings
from nervo.connectors.shopify.simulator import Simulator
from nervo.kit.clock import ManualClock
from nervo.kit.http import Exchange, ToolBox
from nervo.kit.settings import parse
from nervo.model.catalog import Product, Variant
from nervo.ports.shop import Listing, PriceWrite, StockWrite

SHIRT = Product(
    "CAM-01",
    "Camicia di lino",
    (Variant("CAM-M", "8001234567890", {"taglia": "M"}, Decimal(250)), Variant("CAM-L", options={"taglia": "L"})),
    description="<p>Caffè</p>",
)


@dataclass
class World:
    """The simulator, the connector, and what was exchanged."""

    simulator: Simulator
    shop: Shopify
    clock: ManualClock
    exchanges: list[Exchange]

    async def stock(self, writes: dict[str, int], expected: dict[str, int] | None = None, key: str = "k") -> list[Any]:
        found = {x.sku: x for x in await self.shop.find_listings(list(writes))}
        items = [StockWrite(s, found[s].remote, n, (expected or {}).get(s), "", key) for s, n in writes.items()]
        return [o.outcome for o in await self.shop.put_stock(items)]

    async def listing(self, sku: str) -> Listing:
        return (await self.shop.find_listings([sku]))[0]

    def price(self, listing: Listing, price: str, compare_at: str | None = None) -> PriceWrite:
        struck = Decimal(compare_at) if compare_at else None
        return PriceWrite(listing.sku, listing.remote, Decimal(price), "EUR", struck)

    def connect(self, **settings: str) -> Shopify:
        tools = ToolBox(self.clock, keep=self.exchanges.append)
        return Shopify(parse(Settings, {**self.simulator.settings(), **settings}), tools)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    clock = ManualClock()
    simulator = Simulator(clock)
    for n in (1, 2, 3):
        simulator.add_product(f"P{n}", f"Articolo {n}", [(f"SKU-{n}", None, Decimal("10.00"), 5)])
    async with simulator.serve():
        world = World(simulator, None, clock, [])  # type: ignore[arg-type]
        world.shop = world.connect()
        yield world
        await world.shop.close()
