"""Orders per second through place_order into an ERP that answers at once: from accepted to confirmed, on the in-process engine."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from nervo.bootstrap.hub import Running
from nervo.kit.clock import SystemClock
from nervo.rules.config import Config, ConnectionConfig, PriceRule
from nervo.staging.world import WorldErp, WorldShop
from nervo.store.database import Database
from nervo.sync import orders
from tests.bench.figures import Figure
from tests.bench.ground import folder, store

SKUS = [f"S{i}" for i in range(50)]


async def run(small: bool) -> list[Figure]:
    async with store() as db:
        with folder() as history:
            return [await _through(db, engine, history, small) for engine in ("memory", "dbos")]


async def _through(db: Database, engine: str, history: Path, small: bool) -> Figure:
    count = 5 if small else 300
    erp, shop = WorldErp(), WorldShop(SKUS)
    for sku in SKUS:
        erp.stock(sku, 10_000)
    erp_name, shop_name = f"erp-{engine}", f"shop-{engine}"
    made = {
        name: ConnectionConfig(name, "world", "write", price=PriceRule("Web"), sweep_s=3600)
        for name in (erp_name, shop_name)
    }
    config, ports, url = (
        Config(erp=erp_name, connections=made),
        {erp_name: erp, shop_name: shop},
        f"sqlite:///{history / 'flows.sqlite3'}",
    )
    running = Running(db, config, ports, SystemClock(), "bench", engine=engine, engine_url=url)
    await running.start()
    for i in range(count):
        number, now = shop.sell({SKUS[i % 50]: 1, SKUS[(i + 7) % 50]: 2}), running.hub.clock.now()
        shop.change(number, placed_at=now, updated_at=now)
    started = time.perf_counter()
    await orders.sweep(running.hub, made[shop_name])
    while sum(o.state == "confirmed" for o in erp.orders.values()) < count:
        await asyncio.sleep(0.005)
    took = time.perf_counter() - started
    await running.stop()
    assert len(erp.book) == count
    return Figure(f"orders through place_order, engine {engine}", count / took, "/s", 50, least=True)
