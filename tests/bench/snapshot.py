"""A snapshot of the ERP's whole stock against the facts: nothing changed, then 1 % changed until 5 channels have it queued."""

from __future__ import annotations

import resource
import time
from functools import partial

from nervo.store import publications
from nervo.store.database import Tx
from nervo.sync import source
from nervo.sync.context import Hub
from tests.bench import ports
from tests.bench.figures import Figure
from tests.bench.ground import hub_of, store

SHOPS = [f"shop{i}" for i in range(5)]


async def run(small: bool) -> list[Figure]:
    skus = ports.names(2_000 if small else 1_000_000)
    erp = ports.BenchErp(skus)
    async with store() as db:
        loaded = await _timed(await hub_of(db, erp, {}))
        await db.write(_as_published)
        hub = await hub_of(db, erp, {shop: ports.BenchShop([]) for shop in SHOPS})
        unchanged = await _timed(hub)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for i in range(0, len(skus), 100):
            erp.move(skus[i], 17)
        changed = await _timed(hub)
        queued = [await db.read(partial(publications.counts, channel=shop, kind="stock")) for shop in SHOPS]
        assert queued == [(len(skus), len(skus) // 100)] * len(SHOPS), queued
    return [
        Figure("1,000,000 SKUs, nothing changed", unchanged, "s", 5),
        Figure("its process's peak memory", peak_mb, "MB", 400),
        Figure("1,000,000 SKUs, 1 % changed, queued for 5 channels", changed, "s", 10),
        Figure("1,000,000 SKUs, the first time", loaded, "s"),
    ]


def _as_published(tx: Tx) -> None:
    """The ledger as it is when every channel shows every SKU."""
    for shop in SHOPS:
        tx.run(
            "INSERT INTO store_publication (channel, kind, key, dirty_tick, dirty_ms, priority, not_before_ms, state, inflight_epoch, "
            "published, published_ms, latency_ms, attempts, error) SELECT %s, 'stock', sku, 0, 0, 5, 0, 'ok', 0, quantity, 1, 1, 0, '' "
            "FROM store_stockfact ORDER BY sku",
            (shop,),
        )


async def _timed(hub: Hub) -> float:
    started = time.perf_counter()
    await source.snapshot(hub)
    return time.perf_counter() - started
