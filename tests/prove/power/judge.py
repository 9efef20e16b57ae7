"""What must hold of every image that a power cut left, and of the world after the hub has been started on it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import pickle
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from nervo.sync.lease import LEASE_S, renew
from tests.hub import TestHub
from tests.prove.power.disk import Image
from tests.prove.power.journal import Journal, Note
from tests.prove.power.trade import NAME, point_django_at, read_webhooks
from tests.prove.power.world import World, wrong_in_the_books


@dataclass
class Known:
    """What was known outside the database when the power went."""

    durable: set[int] = field(default_factory=set)
    committed: int = 0
    answered: dict[tuple[str, str], bytes] = field(default_factory=dict)
    started: set[int] = field(default_factory=set)
    away: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    clock_s: float = 0.0
    world: bytes = b""

    def the_world(self) -> World:
        """As it was, at that time."""
        world: World = pickle.loads(self.world)
        world.clock.advance(max(0.0, self.clock_s - world.clock.monotonic()))
        return world

    def learn(self, note: Note) -> None:
        match note.kind:
            case "committed":
                number, durable = note.value
                self.committed = max(self.committed, number)
                if durable:
                    self.durable.add(number)
            case "answered":
                connection, event, body = note.value
                self.answered[connection, event] = body
            case "started":
                self.started.add(note.value[1])
            case "left":
                self.away[note.value[0]] = note.value[1:]
            case "back":
                self.away.pop(note.value, None)
            case "clock":
                self.clock_s = note.value
            case "world":
                self.world = note.value


class Story:
    """The record's notes, learned one after the other. `commits`: all transactions that there will ever have been."""

    def __init__(self, journal: Journal) -> None:
        start = journal.start_point
        self._journal, self._at = journal, 0
        self.known = Known(set(start.commits), max(start.commits, default=0), dict(start.answered), world=start.world)
        self.acknowledged_at = {self.known.committed: 0} | {
            e.value[0]: i for i, e in enumerate(journal.events) if isinstance(e, Note) and e.kind == "committed"
        }
        self.commits = sorted({*start.commits, *self.acknowledged_at} - {0})

    def move_to(self, at: int) -> Known:
        for event in self._journal.events[self._at : at]:
            if isinstance(event, Note):
                self.known.learn(event)
        self._at = at
        return self.known


@dataclass
class Findings:
    """Of one image: what is wrong with it, the last transaction that it has, and the digest of all that it says."""

    wrong: list[str]
    last: int = 0
    digest: str = ""
    undone: int = 0


def lay_down(image: Image, folder: Path, shared_memory: bytes = b"") -> Path:
    """Writes an image where it can be opened; what is left of the shared memory is of no worth, and SQLite has to know it."""
    folder.mkdir(parents=True)
    for name, content in image.items():
        (folder / name).write_bytes(content)
    if shared_memory:
        (folder / f"{NAME}-shm").write_bytes(shared_memory)
    return folder / NAME


def examine(path: Path, known: Known, story: Story) -> Findings:
    """Opens it with the ordinary sqlite3 and holds it against what was known."""
    db = sqlite3.connect(path)
    try:
        said = db.execute("PRAGMA integrity_check").fetchall()
        if said != [("ok",)]:
            return Findings([f"integrity: {said[:3]}"])
        there = [number for (number,) in db.execute("SELECT number FROM power_commit ORDER BY number")]
        last = max(there, default=0)
        wrong = list(_suffix_wrong(there, last, known, story))
        wrong += _webhooks_wrong(db, known)
        wrong += _orders_wrong(db, known)
        wrong += _calls_wrong(db, known)
        wrong += _cursors_wrong(db, known.the_world()) if known.world else []
        undone = sum(1 for number in story.commits if last < number <= known.committed)
        return Findings(wrong, last, digest(db), undone)
    except sqlite3.DatabaseError as error:
        return Findings([f"unreadable: {error}"])
    finally:
        db.close()


def _suffix_wrong(there: list[int], last: int, known: Known, story: Story) -> Iterator[str]:
    """Exactly the transactions up to one of them, and every one that was acknowledged as durable."""
    expected = [number for number in story.commits if number <= last]
    if there != expected:
        yield f"not a prefix: has {sorted(set(there) ^ set(expected))[:5]} or misses them, last is {last}"
    lost = sorted(known.durable - set(there))
    if lost:
        yield f"{len(lost)} transactions acknowledged as durable are gone: {lost[:5]}"


def _webhooks_wrong(db: sqlite3.Connection, known: Known) -> Iterator[str]:
    rows = db.execute("SELECT connection, event_key, body FROM store_inbox").fetchall()
    there = {(connection, event): bytes(body) for connection, event, body in rows}
    if len(there) != len(rows):
        yield f"{len(rows) - len(there)} webhooks are there twice"
    for key, body in known.answered.items():
        if there.get(key) != body:
            yield f"webhook {key} was answered 200 and is {'torn' if key in there else 'lost'}"


def _orders_wrong(db: sqlite3.Connection, known: Known) -> Iterator[str]:
    held = dict(db.execute("SELECT order_id, count(*) FROM store_hold GROUP BY order_id"))
    there = {i: len(json.loads(doc)["lines"]) for i, doc in db.execute("SELECT id, doc FROM store_saleorder")}
    for order in known.started - set(there):
        yield f"order {order} was accepted and is lost"
    for order, lines in there.items():
        if held.get(order) != lines:
            yield f"order {order} has {lines} lines and {held.get(order)} holds"
    yield from (f"holds of order {order}, which is not there" for order in held.keys() - there.keys())


MARKED = "SELECT count(*) FROM store_publication WHERE channel = ? AND kind = ? AND key = ? AND inflight_epoch > 0"
PENDING = "SELECT count(*) FROM store_saleorder WHERE erp_key = ? AND pending = 'order'"


def _calls_wrong(db: sqlite3.Connection, known: Known) -> Iterator[str]:
    """What is on its way to a foreign system is marked so, however the power goes."""
    for call, *what in known.away.values():
        if call in ("put_stock", "put_prices"):
            kind = "stock" if call == "put_stock" else "price"
            for sku in what[1]:
                if db.execute(MARKED, (what[0], kind, sku)).fetchone() != (1,):
                    yield f"{kind} of {sku} was on its way to {what[0]} and is not marked"
        elif call == "create_order" and db.execute(PENDING, (what[0],)).fetchone() != (1,):
            yield f"order {what[0]} was on its way to the ERP and is not pending"


def _cursors_wrong(db: sqlite3.Connection, world: World) -> Iterator[str]:
    """Nothing that a cursor has passed is missing: it was read, or it waits to be."""
    at = {
        (c, e): (moment, ident)
        for c, e, moment, ident in db.execute("SELECT connection, entity, at, ident FROM store_sourcecursor")
    }
    waits = {(c, e, k) for c, e, k in db.execute("SELECT connection, entity, key FROM store_refresh")}
    facts = dict(db.execute("SELECT sku, quantity FROM store_stockfact"))
    stands = int(at["erp", "stock"][1] or 0) if ("erp", "stock") in at else 0
    moved_since = set(world.erp.journal[stands:])
    for sku in set(world.erp.journal[:stands]) - moved_since:
        if ("erp", "stock", sku) not in waits and int(facts.get(sku, "-1")) != world.erp.figure(sku):
            yield f"the stock cursor has passed {sku}: {facts.get(sku)} here, {world.erp.figure(sku)} in the ERP, nothing waits"
    orders = {(c, e) for c, e in db.execute("SELECT connection, external_id FROM store_saleorder")}
    for name, shop in world.shops.items():
        if (name, "orders") not in at or (name, "orders_start") not in at:
            continue
        passed, start = (datetime.fromisoformat(at[name, entity][0]) for entity in ("orders", "orders_start"))
        for number, order in shop.sold.items():
            if start < order.updated_at <= passed and (name, number) not in orders:
                yield f"the order cursor of {name} has passed order {number}, which is not there"


def digest_of(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return digest(db)


def digest(db: sqlite3.Connection) -> str:
    """Of every row of every table."""
    found = hashlib.sha256()
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        rows = sorted(map(repr, db.execute(f'SELECT * FROM "{table}"')))
        found.update(f"{table}\n{rows}\n".encode())
    return found.hexdigest()


def restarted(path: Path, known: Known) -> list[str]:
    """The hub is started on the image, against the world as it was when the power went: what is wrong when all is quiet."""
    world = known.the_world()
    point_django_at(path)
    try:
        asyncio.run(_settle(world))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return [f"the hub does not start on it: {error!r}"]
    return wrong_in_the_books(world) + left_open(path)


async def _settle(world: World) -> None:
    world.clock.advance(LEASE_S + 2.0)
    hub = TestHub(world.erp, world.shops, clock=world.clock)
    world.clock.beat = lambda: renew(hub.hub)
    try:
        await hub.start()
        while await read_webhooks(hub):
            await hub.settle()
        await hub.settle()
    finally:
        await hub.close()


def left_open(path: Path) -> list[str]:
    db = sqlite3.connect(path)
    try:
        unread = db.execute("SELECT count(*) FROM store_inbox WHERE state <> 'done'").fetchone()[0]
        holds = db.execute("SELECT count(*) FROM store_hold WHERE released_tick IS NULL").fetchone()[0]
        problems = db.execute("SELECT code, key FROM store_problem WHERE state = 'open'").fetchall()
    finally:
        db.close()
    wrong = [f"{unread} webhooks unread"] if unread else []
    wrong += [f"{holds} holds open"] if holds else []
    return wrong + [f"problem {problem}" for problem in problems]
