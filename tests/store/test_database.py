"""The store's writer: groups, poison writes, deadlocks, lost connections."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from nervo.errors import Unavailable
from nervo.store import publications
from nervo.store.apart import each
from nervo.store.database import LOST, Database, Tx

COUNT = "INSERT INTO store_counter (name, value) VALUES (%s, %s)"
MORE = "UPDATE store_counter SET value = value + 1 WHERE name = %s"


@pytest.mark.fault(57)
async def test_a_poison_write_in_a_group_spoils_nothing_but_itself(store: str) -> None:
    db = Database()

    def write(name: str, value: object):
        return db.write(lambda tx: tx.run(COUNT, (name, value)))

    outcomes = await asyncio.gather(*(write(f"n{i}", None if i == 3 else i) for i in range(8)), return_exceptions=True)
    assert [isinstance(o, Exception) for o in outcomes] == [i == 3 for i in range(8)]
    assert len(await db.read(lambda tx: tx.rows("SELECT name FROM store_counter"))) == 7
    db.close()


async def test_a_write_that_raises_runs_once_and_leaves_nothing(store: str) -> None:
    db, runs = Database(), []

    def refuses(tx: Tx) -> None:
        runs.append(1)
        tx.run(COUNT, ("a", 1))
        raise KeyError("no")

    with pytest.raises(KeyError):
        await db.write(refuses)
    assert len(runs) == 1
    assert await db.read(lambda tx: tx.rows("SELECT name FROM store_counter")) == []
    db.close()


async def test_a_deadlock_is_tried_again(store: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    db, both = Database(writers=2), threading.Barrier(2, timeout=5)
    await db.write(
        lambda tx: tx.values("INSERT INTO store_counter (name, value) VALUES {values}", [("a", 0), ("b", 0)])
    )

    def crosswise(first: str, second: str):
        def work(tx: Tx) -> None:
            tx.run(MORE, (first,))
            with suppress(threading.BrokenBarrierError):
                both.wait()  # the second time round nobody else comes
            both.abort()
            tx.run(MORE, (second,))

        return work

    one = db.write(crosswise("a", "b"))
    await asyncio.sleep(0.05)
    await asyncio.gather(one, db.write(crosswise("b", "a")))
    assert dict(await db.read(lambda tx: tx.rows("SELECT name, value FROM store_counter"))) == {"a": 2, "b": 2}
    db.close()


async def test_keys_marked_crosswise_by_two_writers_never_deadlock(store: str) -> None:
    db = Database()
    keys = [f"S{i:03}" for i in range(200)]

    def mark(order: list[str]):
        return db.write(lambda tx: publications.mark(tx, "shop", "stock", order, 1))

    await asyncio.gather(*(mark(keys if i % 2 else keys[::-1]) for i in range(12)))
    assert await db.read(lambda tx: publications.counts(tx, "shop", "stock")) == (200, 200)
    db.close()


async def test_a_database_that_is_away_fails_all_that_wait_at_once(store: str) -> None:
    db, tries = Database(), []

    def away(tx: Tx) -> None:
        tries.append(1)
        raise OperationalError("disk I/O error")

    outcomes = await asyncio.gather(*(db.write(away) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(o, Unavailable) and o.code == "store_unavailable" for o in outcomes)
    assert len(tries) <= 20
    assert await db.write(lambda tx: tx.run(COUNT, ("a", 1))) == 1
    db.close()


async def test_a_connection_that_was_cut_is_made_again(store: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to cut")
    db = Database(writers=1, readers=1)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await db.write(lambda tx: tx.rows(cut))
    assert await db.read(lambda tx: tx.rows("SELECT 1")) == [(1,)]
    await db.read(lambda tx: tx.rows(cut))
    assert await db.write(lambda tx: tx.run(COUNT, ("a", 1))) == 1
    db.close()


def test_reading_from_a_database_that_is_away_is_a_machines_error_and_goes_on_later(store: str, tmp_path: Path) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the same code; a server of its own is stopped in tests/prove/kills")
    db, names = Database(readers=1), "SELECT name FROM store_counter"
    assert db.read_now(lambda tx: tx.rows(names)) == []
    db.read_now(lambda tx: connection.close())
    file, elsewhere = Path(connection.settings_dict["NAME"]), tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.mkdir()
    with pytest.raises(Unavailable):
        db.read_now(lambda tx: tx.rows(names))
    file.rmdir()
    elsewhere.rename(file)
    assert db.read_now(lambda tx: tx.rows(names)) == []
    db.close()


async def test_who_is_stopped_inside_a_transaction_keeps_its_locks_for_seconds_only(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's lock is the stopped process's until it goes on")
    monkeypatch.setattr("nervo.store.database.STOPPED_S", 1)
    stopped, others, locked = Database(writers=1), Database(writers=1), threading.Event()
    await stopped.write(lambda tx: tx.run(COUNT, ("a", 0)))
    runs = []

    def stops_once(tx: Tx) -> None:
        runs.append(1)
        tx.run(MORE, ("a",))
        locked.set()
        if len(runs) == 1:
            time.sleep(3)
        tx.run(MORE, ("a",))

    stopping = asyncio.create_task(stopped.write(stops_once))
    await asyncio.to_thread(locked.wait)
    async with asyncio.timeout(2.5):
        await others.write(lambda tx: tx.run(MORE, ("a",)))
    await stopping
    assert await others.read(lambda tx: tx.rows("SELECT value FROM store_counter")) == [(3,)] and len(runs) == 2
    stopped.close()
    others.close()


@pytest.mark.parametrize("lost", LOST)
async def test_a_lost_connection_is_nobodys_fault_among_many(store: str, lost: type[Exception]) -> None:
    db, runs = Database(), []

    def work(item: int) -> int:
        runs.append(item)
        if len(runs) == 2:
            raise lost("terminating connection")
        return item

    assert await db.write(lambda tx: each([1, 2, 3], work)) == ([1, 2, 3], [])
    assert runs == [1, 2, 1, 2, 3]
    db.close()
