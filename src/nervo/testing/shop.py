"""The conformance suite of the shop port."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest_asyncio

from nervo.model.fulfilment import Fulfilment
from nervo.ports.shop import PriceWrite, Shop, StockWrite
from nervo.testing.common import Common
from nervo.testing.shop_faults import ShopFaults
from nervo.testing.shop_orders import ShopOrders
from nervo.testing.shop_shelves import ShopShelves
from nervo.testing.shop_webhooks import ShopWebhooks
from nervo.testing.shop_world import PRODUCT, ShopWorld
from nervo.testing.world import Act, World, opened

VERBS = "settings add_product place_order pay cancel refund quantity price edit_stock history order_ids fulfilments deliver".split()


class ShopConformance(ShopShelves, ShopOrders, ShopFaults, ShopWebhooks, Common):
    """Every shop. Its simulator starts with a mug and a shirt in two sizes."""

    @pytest_asyncio.fixture
    async def world(self) -> AsyncIterator[World]:
        async with opened(self.connector, Shop, VERBS) as world:
            world.simulator.add_product("MUG", "Tazza", [("MUG-1", "8001234567890", Decimal("19.90"), 7)])
            sizes = [("SHIRT-S", None, Decimal("33.33"), 2), ("SHIRT-M", None, Decimal("0.25"), 5)]
            world.simulator.add_product("SHIRT", "Camicia", sizes)
            yield ShopWorld(**vars(world))

    async def reads(self, world: World) -> dict[str, Act]:
        assert isinstance(world, ShopWorld)
        port, order, feed = world.port, world.sell(("MUG-1", 1)), await world.port.orders(None)
        mug = await world.listing("MUG-1")
        return {
            "check": port.check,
            "listings": lambda: port.listings(None),
            "read_listings": lambda: port.read_listings([mug.remote]),
            "find_listings": lambda: port.find_listings(["MUG-1"]),
            "orders": lambda: port.orders(feed.next),
            "order": lambda: port.order(order),
        }

    async def writes(self, world: World) -> dict[str, Act]:
        assert isinstance(world, ShopWorld)
        port, mug, order, other = (
            world.port,
            await world.listing("MUG-1"),
            world.sell(("MUG-1", 1)),
            world.sell(("MUG-1", 1)),
        )
        currency = (await port.check()).currency
        found = {
            "put_stock": lambda: port.put_stock([StockWrite("MUG-1", mug.remote, 3, key="a")]),
            "put_prices": lambda: port.put_prices(
                [PriceWrite("MUG-1", mug.remote, Decimal("21.50"), currency, key="b")]
            ),
            "fulfil": lambda: port.fulfil(order, Fulfilment("OUT-1", carrier="BRT", tracking_number="T1"), "c"),
        }
        if port.capabilities.products:
            found["put_product"] = lambda: port.put_product(PRODUCT, {}, "d")
        if port.capabilities.cancel:
            found["cancel_order"] = lambda: port.cancel_order(other, "")
        return found
