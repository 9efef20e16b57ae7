"""The recorded workload: the hub as it is, at work, while shops sell and the ERP moves."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from django.db import connection, connections

from nervo.api.ingest import Door, Ingest
from nervo.flows.catalogue import resume
from nervo.flows.mark_shipped import follow_erp_orders
from nervo.ports.erp import ErpOrderState
from nervo.ports.shop import Delivery, Hint, WebhookRequest
from nervo.store import database
from nervo.store.database import Database, Tx
from nervo.sync import inbox, orders, source
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.lease import LEASE_S, renew
from nervo.sync.publish import Publisher
from tests.hub import TestHub, use_database
from tests.prove.power.journal import Journal, Start
from tests.prove.power.vfs import recording
from tests.prove.power.world import Watcher, World, new_world

NAME = "nervo.sqlite3"
OWN = "CREATE TABLE IF NOT EXISTS power_commit (number INTEGER PRIMARY KEY, durable INTEGER NOT NULL)"
CHECKPOINT_S = 0.01
SKUS = 12


def record(folder: Path, seed: int, rounds: int, start: Start | None = None) -> Journal:
    """One history of `rounds`, everything that its disk was told, and all that was known outside meanwhile; from a fresh database,
    or from what a power cut has left."""
    journal, rng = Journal(), Random(seed)
    folder.mkdir(parents=True)
    journal.start(_laid_down(folder, start) if start else _fresh(folder))
    world = pickle.loads(start.world) if start else new_world(SKUS)
    world.clock.advance(LEASE_S + 2.0 if start else 0.0)
    often, database.CHECKPOINT_S = database.CHECKPOINT_S, CHECKPOINT_S
    try:
        with recording(folder, journal):
            asyncio.run(_Trade(journal, rng, world).go(rounds))
    finally:
        database.CHECKPOINT_S = often
        shutil.rmtree(folder)
    return journal


def _fresh(folder: Path) -> Start:
    use_database(f"sqlite:///{folder / NAME}")
    connections["default"].close()
    with closing(sqlite3.connect(folder / NAME)) as own:
        own.execute(OWN)
    return Start({NAME: (folder / NAME).read_bytes()})


def _laid_down(folder: Path, start: Start) -> Start:
    for name, content in start.files.items():
        (folder / name).write_bytes(content)
    point_django_at(folder / NAME)
    return start


def point_django_at(path: Path) -> None:
    connections["default"].close()
    connections.settings["default"]["NAME"] = str(path)
    del connections["default"]


def numbered(db: Database, journal: Journal) -> None:
    """Every transaction carries a number of its own from now on; the record says which of them were acknowledged."""
    submit = db.submit

    def with_number(work: Callable[[Tx], Any], *, durable: bool = True) -> Any:
        number = 0

        def both(tx: Tx) -> Any:
            nonlocal number
            before, result = connection.connection.total_changes, work(tx)
            if (
                connection.connection.total_changes > before
            ):  # the number alone would send to the disk what else would not go
                number = journal.number()
                tx.run("INSERT INTO power_commit (number, durable) VALUES (%s, %s)", (number, int(durable)))
            return result

        def acknowledged(done: Any) -> None:
            if number and not done.cancelled() and not done.exception():
                journal.note("committed", (number, durable))

        future = submit(both, durable=durable)
        future.add_done_callback(acknowledged)
        return future

    db.submit = with_number  # type: ignore[method-assign]


def reader(topic: str, headers: Any, body: bytes) -> tuple[Hint, ...]:
    return (Hint("order", str(json.loads(body)["id"])),)


def anybody(request: WebhookRequest) -> Delivery:
    return Delivery("orders", request.headers["x-shop-event-id"])


async def post(app: Any, connection: str, event: str, body: bytes) -> int:
    """The status of one delivery."""
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"x-shop-event-id", event.encode())]
    await app({"type": "http", "method": "POST", "path": f"/hooks/{connection}", "headers": headers}, receive, send)
    return int(answers[0]["status"])


class _Trade:
    def __init__(self, journal: Journal, rng: Random, world: World) -> None:
        self.journal, self.rng, self.world = journal, rng, world
        self.watcher = Watcher(journal, rng)
        world.watch(self.watcher)
        self.shipped = 0

    async def go(self, rounds: int) -> None:
        hub = await self._started()
        for number in range(rounds):
            if number % 10 == 9:  # it is stopped in good order and started again
                await hub.close()
                gc.collect()  # with its last connection the log is moved into the database and deleted
                self.world.clock.advance(60.0)
                hub = await self._started()
            await asyncio.gather(self._sell(), self._work(hub))
            self._move()
            for _ in range(self.rng.randint(0, 3)):
                await self._quiet(hub)
            self.world.clock.advance(0.5)
        await read_webhooks(hub)
        await hub.settle()
        await hub.close()

    async def _started(self) -> TestHub:
        self.watcher.remember()
        hub = TestHub(self.world.erp, self.world.shops, clock=self.world.clock)
        self.world.clock.beat = lambda: renew(hub.hub)
        numbered(hub.hub.db, self.journal)
        start = hub.hub.start_flow

        def started(flow: str, order_id: int) -> None:
            self.journal.note("started", (flow, order_id))
            start(flow, order_id)

        hub.hub.start_flow = started
        doors = {name: Door(name, anybody) for name in self.world.shops}
        self.ingest = Ingest(hub.hub.db, doors, self.world.clock)
        return await hub.start()

    async def _sell(self) -> None:
        """Orders come in, and with each a webhook or two."""
        for _ in range(self.rng.randint(0, 3)):
            name, number = sale(self.world, self.rng)
            self.watcher.remember()
            body = json.dumps({"id": number, "note": "x" * self.rng.randint(0, 6000)}).encode()
            await asyncio.gather(*(self._deliver(name, f"{number}-{i}", body + b" " * i) for i in range(2)))

    async def _deliver(self, connection: str, event: str, body: bytes) -> None:
        if await post(self.ingest, connection, event, body) == 200:
            self.journal.note("answered", (connection, event, body))

    def _move(self) -> None:
        """The ERP's stock changes; goods leave."""
        erp = self.world.erp
        for sku in self.rng.sample(list(erp.on_hand), self.rng.randint(0, 4)):
            erp.stock(sku, int(erp.on_hand[sku]) + self.rng.randint(-5, 40))
        ready = [key for key, order in erp.orders.items() if order.state is ErpOrderState.CONFIRMED]
        if ready and self.rng.random() < 0.5:
            self.shipped += 1
            erp.ship(self.rng.choice(ready), f"TRACK-{self.shipped}")
        self.watcher.remember()

    async def _work(self, hub: TestHub) -> None:
        await renew(hub.hub)
        await asyncio.gather(*at_work(hub))
        await resume(hub.hub)

    async def _quiet(self, hub: TestHub) -> None:
        """Only the ERP moves: little that waits for the disk."""
        self._move()
        await follow_stock(hub)
        for channel in hub.hub.channels():
            await Publisher(hub.hub, channel, StockKind()).drain()


def at_work(hub: TestHub) -> list[Coroutine[Any, Any, Any]]:
    """One turn of each of the hub's loops, to be run beside each other."""
    inner, channels = hub.hub, hub.hub.channels()
    publishers = [Publisher(inner, channel, kind) for channel in channels for kind in (StockKind(), PriceKind())]
    return [
        read_webhooks(hub),
        follow_stock(hub),
        follow_erp_orders(inner),
        *(_follow_orders(hub, channel) for channel in channels),
        *(publisher.drain() for publisher in publishers),
    ]


async def read_webhooks(hub: TestHub) -> int:
    return await inbox.drain(hub.hub, dict.fromkeys(hub.shops, reader))


async def follow_stock(hub: TestHub) -> None:
    await source.listen(hub.hub)
    await source.read_stock(hub.hub)


async def _follow_orders(hub: TestHub, channel: Any) -> None:
    await orders.read_hinted(hub.hub, channel)
    await orders.sweep(hub.hub, channel)


def sale(world: World, rng: Random) -> tuple[str, str]:
    """One shop sells something to somebody, who may have bought there before; (shop, order number)."""
    name, shop = rng.choice(list(world.shops.items()))
    stock = [sku for sku, shown in shop.shown.items() if shown > 20]
    number = shop.sell({sku: rng.randint(1, 3) for sku in rng.sample(stock, rng.randint(1, 3))})
    mail = f"anna@{name}.example" if rng.random() < 0.3 else f"{number}@{name}.example"
    order = shop.sold[number]
    shop.sold[number] = replace(order, customer=replace(order.customer, email=mail))
    return name, number
