"""A change in the ERP until its request reaches the channel: 500 changes/s over 5 channels that answer at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nervo.sync.worker import Worker
from tests.bench import ports
from tests.bench.figures import Figure, percentile
from tests.bench.ground import hub_of, store

SHOPS, RATE, LONGEST_S = 5, 500, 30.0


async def run(small: bool) -> list[Figure]:
    changes = 50 if small else 5_000
    skus = ports.names(100 if small else 20_000)
    erp = ports.BenchErp(skus)
    shops = {f"shop{i}": ports.BenchShop(skus) for i in range(SHOPS)}
    async with store() as db:
        worker = Worker(await hub_of(db, erp, shops), {}, {})
        await worker.start()
        await until(lambda: all(len(shop.arrived) == len(skus) for shop in shops.values()))
        for shop in shops.values():
            shop.arrived.clear()
        moved = await move(erp, skus[:changes])
        await until(lambda: all(len(shop.arrived) >= changes for shop in shops.values()))
        await worker.stop()
    delays = [(at - moved[sku]) * 1000 for shop in shops.values() for at, sku, _ in shop.arrived]
    assert len(delays) == changes * SHOPS, len(delays)
    rate = changes / (max(moved.values()) - min(moved.values()))
    return [
        Figure("ERP change → request at the channel, p50", percentile(delays, 0.50), "ms", 15),
        Figure("ERP change → request at the channel, p99", percentile(delays, 0.99), "ms", 100),
        Figure("ERP changes", rate, "/s", None if small else RATE * 0.99, least=True),
    ]


async def move(erp: ports.BenchErp, skus: list[str]) -> dict[str, float]:
    """Moves each SKU at its moment; when that was."""
    started, moved = time.perf_counter(), {}
    for i, sku in enumerate(skus):
        if (ahead := started + i / RATE - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        moved[sku] = time.perf_counter()
        erp.move(sku, 30 + i)
    return moved


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_S):
        while not done():
            await asyncio.sleep(0.01)
