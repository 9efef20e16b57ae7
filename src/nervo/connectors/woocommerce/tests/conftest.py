"""A simulated shop with two products, and the connector that speaks with it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from nervo.connectors.woocommerce.connector import WooCommerce, connect
from nervo.connectors.woocommerce.settings import Settings
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.kit.clock import ManualClock
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse


@pytest_asyncio.fixture
async def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def shop(clock: ManualClock) -> AsyncIterator[Simulator]:
    simulator = Simulator(clock)
    async with simulator.serve():
        simulator.add_product("MUG", "Tazza", [("MUG-1", "8001234567890", "19.90", 7)])
        variants = [("SHIRT-S", None, "10", 2), ("SHIRT-M", None, "11.50", 5), ("SHIRT-L", None, "12", 0)]
        simulator.add_product("SHIRT", "Camicia", variants)
        yield simulator


@pytest_asyncio.fixture
async def woo(shop: Simulator, clock: ManualClock) -> AsyncIterator[WooCommerce]:
    port = connect(parse(Settings, shop.settings()), ToolBox(clock=clock))
    assert isinstance(port, WooCommerce)
    yield port
    await port.close()
