"""The ingest route under uvicorn, as `nervo up` has it, in a process of its own: python -m tests.bench.ingest_server FOLDER."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvicorn

from nervo import registry
from nervo.api import serving
from nervo.api.ingest import Door, Ingest
from nervo.bootstrap.hub import open_store
from nervo.kit.clock import SystemClock
from nervo.kit.settings import parse

SHOP, SECRET = "bench.myshopify.com", "shpss_bench"


async def serve(folder: Path) -> None:
    url = f"sqlite:///{folder / 'nervo.sqlite3'}"
    db = await asyncio.to_thread(open_store, url, folder, secret_key="bench")
    shopify = registry.connector("shopify")
    verify = shopify.verify
    assert verify
    settings = parse(shopify.settings, {"shop": SHOP, "client_secret": SECRET})
    door = Door("shop", lambda request: verify(request, settings))
    app = Ingest(db, {"shop": door}, SystemClock())
    server = serving.server(app, "127.0.0.1", 0)
    asyncio.get_running_loop().create_task(announce(server))
    await server.serve()
    await asyncio.to_thread(db.close)


async def announce(server: uvicorn.Server) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)


if __name__ == "__main__":
    serving.run(serve(Path(sys.argv[1])))
