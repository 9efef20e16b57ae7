"""A shop counts its own sales: what it shows has to be read back, since a rule can hide the difference."""

from dataclasses import replace
from decimal import Decimal

from nervo.model.orders import OrderStatus
from nervo.rules.config import StockRule
from nervo.staging.world import WorldErp, WorldShop
from tests.hub import TestHub


async def capped(shop: WorldShop) -> TestHub:
    erp = WorldErp()
    erp.stock("SHIRT-M", 100)
    hub = TestHub(erp, {"shop": shop})
    connections = hub.hub.config.connections
    connections["shop"] = replace(connections["shop"], stock=StockRule(cap=Decimal(10)))
    return await hub.start()


async def test_a_capped_channel_shows_its_cap_again_after_its_own_sale(store: str) -> None:
    shop = WorldShop(["SHIRT-M"])
    hub = await capped(shop)
    shop.sell({"SHIRT-M": 3})
    assert shop.shown["SHIRT-M"] == 7
    await hub.settle()
    assert shop.shown["SHIRT-M"] == 10
    await hub.close()


async def test_a_capped_channel_shows_its_cap_after_it_took_a_cancelled_order_back_itself(store: str) -> None:
    shop = WorldShop(["SHIRT-M"])
    hub = await capped(shop)
    number = shop.sell({"SHIRT-M": 3})
    await hub.settle()
    shop.change(number, status=OrderStatus.CANCELLED)
    shop.shown["SHIRT-M"] += 3
    await hub.settle()
    assert shop.shown["SHIRT-M"] == 10
    await hub.close()
