"""A hub between a real Tryton and a real Vendure, on a store of its own, with a door for Vendure's doorbell."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web

from nervo import registry
from nervo.bootstrap.connections import connected
from nervo.bootstrap.hub import Running
from nervo.errors import Forged
from nervo.kit import settings as kit
from nervo.kit.clock import Clock
from nervo.ports.shop import WebhookRequest
from nervo.rules.config import parse
from nervo.staging.peers.tryton import TrytonPeer
from nervo.staging.peers.vendure import VendurePeer
from nervo.store import inbox
from nervo.store.codec import text
from nervo.store.database import Database
from nervo.sync.context import Hub
from nervo.sync.remote import Remote

POLL_S = 0.25
CONFIG = parse("""
company = "Prova"
erp = "tryton"
environment = "staging"
[connections.tryton]
connector = "tryton"
mode = "write"
[connections.vendure]
connector = "vendure"
mode = "write"
sweep_s = 5
stock = { warehouses = ["WH"] }
price = { price_list = "Web" }
orders = { warehouse = "WH" }
""")


class Bell:
    """Where Vendure's plug-in posts: verified on the raw body, stored, then answered."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}/hooks/vendure"
        self._hub: Hub | None = None
        self._settings: Any = None
        self._runner: web.AppRunner | None = None

    async def open(self, hub: Hub, settings: Any) -> None:
        self._hub, self._settings = hub, settings
        app = web.Application()
        app.router.add_post("/hooks/vendure", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        verify, hub = registry.connector("vendure").verify, self._hub
        assert verify and hub
        headers, body = {k.lower(): v for k, v in request.headers.items()}, await request.read()
        try:
            delivery = verify(WebhookRequest(headers, body), self._settings)
        except Forged:
            return web.Response(status=401)
        row = (
            "vendure",
            delivery.topic,
            delivery.event_key,
            hashlib.sha256(body).hexdigest(),
            text(headers),
            body,
            hub.now_ms(),
        )
        await hub.db.write(lambda tx: inbox.add(tx, [row]))
        hub.ring("inbox")
        return web.Response()


@asynccontextmanager
async def hub_between(
    db: Database, tryton: TrytonPeer, vendure: VendurePeer, bell: Bell, clock: Clock, say: Callable[[str], None]
) -> AsyncIterator[Running]:
    """The hub, started; it is stopped at the end."""
    given = {
        "tryton": {
            "url": tryton.url, "database": tryton.database, "user": tryton.user, "password": tryton.password, "web_shop": "Sito",
            "payment_term": "Immediate", "price_lists": "Web",
        },
        "vendure": {
            "url": vendure.url, "user": vendure.user, "password": vendure.password, "webhook_secret": vendure.hook_secret,
        },
    }  # fmt: skip
    settings: dict[str, Any] = {
        name: kit.parse(registry.connector(name).settings, values) for name, values in given.items()
    }
    remotes = {name: connected(CONFIG.connections[name], settings[name], clock) for name in given}
    readers = {"vendure": registry.connector("vendure").hints}
    running = Running(db, CONFIG, remotes, clock, "demo", readers=readers, poll_s=POLL_S)  # type: ignore[arg-type]
    async with AsyncExitStack() as ends:
        for remote in remotes.values():
            ends.push_async_callback(remote.port.close)
            await _introduced(remote, say)
        ends.push_async_callback(running.stop)
        ends.push_async_callback(bell.close)
        await bell.open(running.hub, settings["vendure"])
        await running.start()
        yield running


async def _introduced(remote: Remote, say: Callable[[str], None]) -> None:
    identity = await remote.call("check")
    say(f"  {remote.name}: {identity.name}, version {identity.version}, {identity.currency}")
    for check in identity.checks:
        if not check.ok:
            say(f"  {remote.name}: {check.name}: {check.detail}")
