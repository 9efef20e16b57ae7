"""What has to be true after any number of kills: looked up in the senders' record and in the foreign systems' own books."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import psycopg

from nervo.bootstrap.demo import HELD
from nervo.staging.people import People
from nervo.staging.reckoning import Result, diverged, reckon
from nervo.staging.trading import World
from tests.prove.kills.letters import Letter, Record

INBOX = "SELECT id, connection, topic, event_key, body_sha256 FROM store_inbox"
UNREAD = "SELECT count(*) FROM store_inbox WHERE state = 'new'"
BUGS = "SELECT code, key, said FROM store_problem WHERE code IN ('internal_error', 'bad_webhook', 'loop_stuck', 'falling_behind')"
SHOWN = 5


class Tables:
    """The hub's tables, looked at from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if not self.url.startswith("sqlite"):
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql).fetchall()
        connection_ = sqlite3.connect(f"file:{self.url.removeprefix('sqlite:///')}?mode=ro", uri=True, timeout=20)
        try:
            return connection_.execute(sql).fetchall()
        finally:
            connection_.close()

    def held(self) -> set[tuple[str, str]]:
        return {(connection, id) for connection, id in self.rows(HELD)}

    def sound(self) -> bool:
        """Whether the file is a whole database, as SQLite itself sees it. PostgreSQL looks after its own."""
        return not self.url.startswith("sqlite") or self.rows("PRAGMA integrity_check") == [("ok",)]


def deliveries(record: Record, tables: Tables) -> tuple[list[Letter], list[Letter]]:
    """Acknowledged letters that are not in the inbox, and those that are there more than once."""
    events, bodies = defaultdict[tuple[str, ...], set[int]](set), defaultdict[tuple[str, ...], set[int]](set)
    for id, connection, topic, event, digest in tables.rows(INBOX):
        bodies[connection, topic, digest].add(id)
        if event:
            events[connection, event].add(id)
    found: dict[Letter, int] = {}
    for letter in record.acknowledged:
        same = bodies[letter.connection, letter.topic, letter.digest]
        found[letter] = len(same | events[letter.connection, letter.event] if letter.event else same)
    return [letter for letter, n in found.items() if n == 0], [letter for letter, n in found.items() if n > 1]


def settled(world: World, people: People, record: Record, tables: Tables) -> tuple[Result, list[str]]:
    """The books' counts now, and what is not as it should be; empty once everything has come to rest as it must."""
    result = reckon(world, tables.held(), people.changes)
    return result, [*_books(world, result), *_ours(record, tables)]


def _books(world: World, result: Result) -> Iterable[str]:
    if result.orders != result.in_erp + result.held or result.duplicates or result.lost:
        yield result.line()
    yield from result.complaints[:SHOWN]
    yield from (f"{shop} shows {shown} of {sku}, not {wanted}" for shop, sku, shown, wanted in diverged(world)[:SHOWN])
    yield from _once(world)


def _once(world: World) -> Iterable[str]:
    """Payments, shipments, customers and the letters to customers: each once."""
    rows = {row["key"]: row for row in world.erp.orders()}
    for placed in world.placed:
        if row := rows.get(placed.key):
            if row["paid"] > row["total"] or len(row["payments"]) > 1:
                yield f"{placed.key} was paid {row['payments']} of {row['total']}"
            told = Counter(f["tracking_number"] for f in world.shops[placed.shop].fulfilments(placed.id))
            if twice := [number for number, n in told.items() if n > 1]:
                yield f"{placed.shop} {placed.id} was fulfilled twice: {twice}"
    emails = Counter(row.email for row, _ in world.erp.sales.customers.values())
    yield from (f"{n} customers in the ERP are {email}" for email, n in emails.items() if n > 1)
    for id, notes in world.shops["woocommerce"].orders.notes.items():
        if twice := [text for text, n in Counter(n["note"] for n in notes if n["customer_note"]).items() if n > 1]:
            yield f"the buyer of woocommerce {id} was written to twice: {twice}"


def _ours(record: Record, tables: Tables) -> Iterable[str]:
    if waiting := sum(record.open.values()):
        yield f"{waiting} deliveries are not acknowledged"
    if tables.rows(UNREAD) != [(0,)]:
        yield "deliveries are not read"
    yield from (f"problem {code} of {key}: {said}" for code, key, said in tables.rows(BUGS)[:SHOWN])
