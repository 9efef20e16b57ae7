"""Durable webhooks per second: 4 KB bodies, HMAC checked, SQLite with synchronous=FULL, generator and server on the same cores."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

from tests.bench.figures import Figure, percentile
from tests.bench.ground import folder
from tests.bench.ingest_server import SECRET, SHOP
from tests.bench.load import Letters, Load

CONNECTIONS = 128


async def run(small: bool) -> list[Figure]:
    requests = 300 if small else 60_000
    with folder() as path:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.ingest_server", str(path), stdout=asyncio.subprocess.PIPE
        )
        assert server.stdout
        try:
            port = int(await server.stdout.readline())
            return await _measure(path, port, requests, 8 if small else CONNECTIONS)
        finally:
            server.terminate()
            await server.wait()


async def _measure(path: Path, port: int, requests: int, connections: int) -> list[Figure]:
    letters = Letters(SHOP, SECRET, 4096)
    await Load(letters, min(2_000, requests)).run(port, connections)
    load = Load(letters, requests)
    took = await load.run(port, connections)
    stored = sqlite3.connect(path / "nervo.sqlite3").execute("SELECT count(*) FROM store_inbox").fetchone()[0]
    acknowledged = min(2_000, requests) + len(load.seconds) - load.refused
    assert stored == acknowledged, f"{stored} stored, {acknowledged} acknowledged"
    return [
        Figure("webhooks stored and acknowledged", len(load.seconds) / took, "/s", 8_000, least=True),
        Figure("p99 of a webhook's answer", percentile(load.seconds, 0.99) * 1000, "ms", 30),
        Figure("p50 of a webhook's answer", percentile(load.seconds, 0.50) * 1000, "ms"),
        Figure("webhooks not acknowledged", load.refused, "", 0),
    ]
