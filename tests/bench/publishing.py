"""Publications per second: 5 simulated channels, every SKU dirty on each, in batches of 250."""

from __future__ import annotations

import asyncio
import time

from nervo.sync import source
from nervo.sync.kinds import StockKind
from nervo.sync.products import link_existing
from nervo.sync.publish import Publisher
from tests.bench import ports
from tests.bench.figures import Figure
from tests.bench.ground import hub_of, store

SHOPS = 5


async def run(small: bool) -> list[Figure]:
    skus = ports.names(500 if small else 20_000)
    erp = ports.BenchErp(skus)
    shops = {f"shop{i}": ports.BenchShop(skus) for i in range(SHOPS)}
    async with store() as db:
        hub = await hub_of(db, erp, shops)
        for channel in hub.channels():
            await link_existing(hub, channel)
        await source.snapshot(hub)
        started = time.perf_counter()
        await asyncio.gather(*(_drained(Publisher(hub, channel, StockKind())) for channel in hub.channels()))
        took = time.perf_counter() - started
    arrived = [len({sku for _, sku, _ in shop.arrived}) for shop in shops.values()]
    assert arrived == [len(skus)] * SHOPS, arrived
    calls = sum(shop.calls for shop in shops.values())
    return [
        Figure("publications over 5 channels", sum(arrived) / took, "/s", 20_000, least=True),
        Figure("publications in a call", sum(arrived) / calls, ""),
    ]


async def _drained(publisher: Publisher) -> None:
    while await publisher.drain():
        pass
