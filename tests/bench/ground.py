"""What benches stand on: a store of their own in a folder that goes away."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from nervo.bootstrap.connections import remotes_of
from nervo.bootstrap.hub import open_store
from nervo.kit.clock import SystemClock
from nervo.store.database import Database
from nervo.sync import lease
from nervo.sync.context import Hub
from tests.bench import ports
from tests.bench.ports import BenchErp, BenchShop

HELD_S = 3600.0


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nervo-bench-") as path:
        yield Path(path)


@asynccontextmanager
async def store() -> AsyncIterator[Database]:
    """SQLite as `nervo up` opens it; or what NERVO_BENCH_DATABASE_URL names, an empty PostgreSQL database."""
    with folder() as path:
        url = os.environ.get("NERVO_BENCH_DATABASE_URL") or f"sqlite:///{path / 'nervo.sqlite3'}"
        db = await asyncio.to_thread(open_store, url, path, secret_key="bench")
        try:
            yield db
        finally:
            await asyncio.to_thread(db.close)


async def hub_of(db: Database, erp: BenchErp, shops: dict[str, BenchShop]) -> Hub:
    """A hub on these ports that holds the lease, and for long."""
    config, clock = ports.config(list(shops)), SystemClock()
    hub = Hub(db, config, remotes_of(config, {"erp": erp, **shops}, clock), clock, "bench")
    await lease.renew(hub)
    hub.lease_until += HELD_S
    hub.lease_until_ms += int(HELD_S * 1000)
    return hub
