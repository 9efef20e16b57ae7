"""What was acknowledged is stored, whatever happens to the process, the database or the neighbours in the batch."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

from nervo.api.ingest import Door, Ingest
from nervo.kit.clock import ManualClock
from nervo.ports.shop import Delivery, WebhookRequest
from nervo.store import inbox
from nervo.store.database import Database, Tx
from tests.bench.ingest_server import SECRET, SHOP
from tests.bench.load import Letters
from tests.hub import use_database

KILLS = 10


def anything(request: WebhookRequest) -> Delivery:
    return Delivery("orders", request.headers["x-event"])


async def post(app: Ingest, event: str, body: bytes = b"{}", wait_s: float = 0.0) -> int:
    answers: list[dict] = []

    async def receive() -> dict:
        await asyncio.sleep(wait_s)
        return {"type": "http.request", "body": body, "more_body": bool(wait_s)}

    async def send(message: dict) -> None:
        answers.append(message)

    headers = [(b"x-event", event.encode())]
    await app({"type": "http", "method": "POST", "path": "/hooks/shop", "headers": headers}, receive, send)
    return answers[0]["status"]


def app_on(db: Database, timeout_s: float = 5.0) -> Ingest:
    return Ingest(db, {"shop": Door("shop", anything)}, ManualClock(), timeout_s=timeout_s)


def stored(db: Database) -> set[str]:
    return {row[0] for row in db.read_now(lambda tx: tx.rows("SELECT event_key FROM store_inbox"))}


async def test_deliveries_that_arrive_together_share_commits(store: str) -> None:
    db, commits = Database(), []
    app, write = app_on(db), db.write

    async def counted(work):
        commits.append(1)
        return await write(work)

    db.write = counted  # type: ignore[method-assign]
    assert set(await asyncio.gather(*(post(app, f"e{i}", b"%d" % i) for i in range(150)))) == {200}
    assert len(stored(db)) == 150 and len(commits) <= 3
    db.close()


async def test_one_that_the_database_refuses_spoils_no_other(store: str) -> None:
    db = Database()
    intake = inbox.Intake(db)
    rows = [("shop", "orders", f"e{i}", f"hash{i}", "{}", b"{}", 1) for i in range(20)]
    rows[7] = (*rows[7][:4], None, *rows[7][5:])  # type: ignore[assignment]
    outcomes = await asyncio.gather(*(intake.add(row) for row in rows), return_exceptions=True)
    assert [i for i, outcome in enumerate(outcomes) if outcome] == [7]
    assert stored(db) == {f"e{i}" for i in range(20)} - {"e7"}
    db.close()


async def test_a_sender_that_gives_up_takes_nobody_with_it(store: str) -> None:
    db = Database()
    app = app_on(db)
    tasks = [asyncio.create_task(post(app, f"e{i}", b"%d" % i)) for i in range(30)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [o for i, o in enumerate(outcomes) if i != 3] == [200] * 29
    assert await post(app, "later", b"later") == 200
    db.close()


async def test_a_slow_sender_is_cut_off(store: str) -> None:
    db = Database()
    assert await post(app_on(db, timeout_s=0.05), "e1", b"x", wait_s=0.02) == 408
    assert stored(db) == set()
    db.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite store's file, in use."""
    use_database(f"sqlite:///{tmp_path / 'nervo.sqlite3'}")
    return tmp_path / "nervo.sqlite3"


@pytest.mark.fault(8)
async def test_a_locked_database_is_never_a_success(file: Path) -> None:
    db = Database()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await post(app_on(db, timeout_s=0.3), "e1") == 503
    other.execute("ROLLBACK")
    assert await post(app_on(db), "e1") == 200
    assert stored(db) == {"e1"}
    db.close()


@pytest.mark.fault(9)
async def test_a_full_disk_is_never_a_success(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def full(tx: Tx, rows: object) -> int:
        raise OperationalError("database or disk is full")

    db = Database()
    monkeypatch.setattr(inbox, "add", full)
    assert await asyncio.gather(*(post(app_on(db), f"e{i}") for i in range(5))) == [503] * 5
    monkeypatch.undo()
    assert await post(app_on(db), "e1") == 200
    db.close()


class Client:
    """Posts until the server dies; `acknowledged` are the bodies that were answered with 200."""

    def __init__(self, letters: Letters) -> None:
        self.letters, self.acknowledged, self.other = letters, [], []

    async def post_for_ever(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                letter = self.letters.next()
                writer.write(letter)
                status = (await reader.readuntil(b"\r\n\r\n"))[9:12]
                (self.acknowledged if status == b"200" else self.other).append(letter.partition(b"\r\n\r\n")[2])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.mark.fault(10)
@pytest.mark.slow
async def test_killed_between_storing_and_answering_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    client = Client(Letters(SHOP, SECRET, 4096))
    for kill in range(KILLS):
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.ingest_server", str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert server.stdout
        port = int(await server.stdout.readline())
        posting = asyncio.gather(*(client.post_for_ever(port) for _ in range(8)))
        await asyncio.sleep(0.05 + 0.013 * kill)
        server.kill()
        await posting
        await server.wait()
    database = sqlite3.connect(tmp_path / "nervo.sqlite3")
    kept = {row[0] for row in database.execute("SELECT body FROM store_inbox")}
    assert len(client.acknowledged) > KILLS and client.other == []
    assert set(client.acknowledged) - kept == set()
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
