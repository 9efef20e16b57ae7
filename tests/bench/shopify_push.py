"""The first stock push of 1,000 SKUs to a Shopify that answers in 100 ms."""

from __future__ import annotations

import asyncio
import time

from nervo import registry
from nervo.kit.clock import SystemClock
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.sync import source
from nervo.sync.kinds import StockKind
from nervo.sync.products import link_existing
from nervo.sync.publish import Publisher
from tests.bench import ports
from tests.bench.figures import Figure
from tests.bench.ground import hub_of, store

ANSWERS_IN_S = 0.1


async def run(small: bool) -> list[Figure]:
    skus = ports.names(20 if small else 1_000)
    shopify, clock = registry.connector("shopify"), SystemClock()
    assert shopify.simulator
    simulator = shopify.simulator(clock)
    for i in range(0, len(skus), 20):
        variants = [(sku, None, "10.00", 0) for sku in skus[i : i + 20]]
        simulator.add_product(f"P{i}", f"Articolo {i}", variants)
    async with store() as db, simulator.serve():
        settings = parse(shopify.settings, simulator.settings())
        port = shopify.connect(settings, ToolBox(clock, shopify.limits.pace(clock), lambda exchange: None))
        hub = await hub_of(db, ports.BenchErp(skus), {"shop": port})
        (channel,) = hub.channels()
        await link_existing(hub, channel)
        await source.snapshot(hub)
        simulator.latency_s, simulator.seen = ANSWERS_IN_S, type(simulator.seen)(maxlen=5_000)
        publisher, started = Publisher(hub, channel, StockKind()), time.perf_counter()
        while await publisher.drain():
            await asyncio.sleep(0)
        took, calls = time.perf_counter() - started, len(simulator.seen)
        await port.close()
    shown = {simulator.quantity(sku) for sku in skus}
    assert shown == {25}, shown
    return [Figure("first stock push of 1,000 SKUs to Shopify", took, "s", 2), Figure("its calls", calls, "", 10)]
