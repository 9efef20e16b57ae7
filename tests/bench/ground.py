"""What benches stand on: a store of their own in a folder that goes away."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from nervo.bootstrap.hub import open_store
from nervo.store.database import Database


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
