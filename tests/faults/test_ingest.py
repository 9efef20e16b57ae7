"""The way in under every fault: what is answered, what is kept, and what becomes of it in the ERP."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from django.db import connections
from structlog.testing import capture_logs

from nervo.api.ingest import Door, Ingest
from nervo.bootstrap.hub import knock
from nervo.cli.serve import routed
from nervo.kit.clock import ManualClock, SystemClock
from nervo.kit.simulator import Simulator
from nervo.model.orders import Order
from nervo.ports.common import Cursor, Page
from nervo.ports.shop import Delivery
from nervo.staging.world import WorldShop
from nervo.store import room
from nervo.store.database import Database
from nervo.sync.disk import Disk
from nervo.sync.front_door import KNOCK_S, OURS, FrontDoor
from tests.api.test_ingest import Caller
from tests.faults.line import Erp, Line, door, post
from tests.hub import TestHub, use_database

PIECE = 65_536
MEGABYTE = 1 << 20


@pytest.mark.fault(7)
async def test_nobody_outside_is_called_before_the_acknowledgement(line: Line) -> None:
    number = line.shop.sell({"A": 1})
    calls = (dict(line.erp.calls), dict(line.shop.calls))
    assert await line.post(number.encode()) == 200
    assert (dict(line.erp.calls), dict(line.shop.calls)) == calls
    assert line.hub.ask("SELECT count(*) FROM store_inbox WHERE state = 'new'") == [(1,)]
    assert line.hub.ask("SELECT count(*) FROM store_saleorder") == [(0,)]


@pytest.mark.fault(12)
async def test_a_captured_delivery_played_back_has_no_effect(line: Line) -> None:
    number = line.shop.sell({"A": 1})
    assert await line.post(number.encode(), x_event_id="e1") == 200
    await line.drain()
    assert await line.post(number.encode(), x_event_id="e1") == 200
    assert await line.post(number.encode(), x_event_id="forged-id") == 200
    await line.drain()
    assert (len(line.kept()), len(line.erp.book), list(line.erp.confirmations.values())) == (1, 1, [1])


@pytest.mark.fault(13)
async def test_one_shops_delivery_at_another_shops_door_is_refused(store: str) -> None:
    db = Database()
    app = Ingest(db, {"one": door("one", "first"), "two": door("two", "second")}, ManualClock())
    assert await post(app, b"7", "/hooks/one", "first") == 200
    assert await post(app, b"7", "/hooks/two", "first") == 401
    assert db.read_now(lambda tx: tx.rows("SELECT connection FROM store_inbox")) == [("one",)]
    assert app.refused == {("two", 401): 1}
    db.close()


@pytest.fixture
def small_disk(tmp_path: Path):
    """A SQLite store whose file may grow by so many pages; `None`: as it likes. For connections that are made afterwards."""
    use_database(f"sqlite:///{tmp_path / 'nervo.sqlite3'}")
    options = connections.settings["default"]["OPTIONS"]
    usual = options["init_command"]

    with sqlite3.connect(tmp_path / "nervo.sqlite3") as file:
        (size,) = file.execute("PRAGMA page_count").fetchone()

    def room(pages: int | None) -> None:
        options["init_command"] = usual if pages is None else f"{usual};PRAGMA max_page_count={size + pages}"

    yield room
    options["init_command"] = usual


@pytest.mark.fault(9)
async def test_a_full_database_refuses_says_so_and_takes_again_when_there_is_room(small_disk) -> None:
    small_disk(20)
    db = Database()
    app = Ingest(db, {"shop": door("shop", "s")}, ManualClock())
    with capture_logs() as lines:
        answers = [await post(app, b"%d " % i * 20_000) for i in range(12)]
    assert set(answers) == {200, 503} and answers[-1] == 503
    assert {line["event"] for line in lines} == {"webhook_not_stored", "webhook_refused"}
    assert "full" in str(lines)
    acknowledged = answers.count(200)
    assert db.read_now(lambda tx: tx.rows("SELECT count(*) FROM store_inbox")) == [(acknowledged,)]
    small_disk(None)
    assert await post(app, b"again") == 200
    assert db.read_now(lambda tx: tx.rows("SELECT count(*) FROM store_inbox")) == [(acknowledged + 1,)]
    db.close()


@pytest.mark.fault(9)
async def test_a_disk_that_gets_full_is_a_problem_until_there_is_room_again(line: Line, monkeypatch) -> None:
    disk = Disk(line.hub.hub)
    for left, problems in (
        (600, []),
        (511, [("disk_low", "disk")]),
        (0, [("disk_low", "disk")]),
        (600, []),
        (None, []),
    ):
        monkeypatch.setattr(room, "free_mb", lambda left=left: left)
        await disk.step()
        assert line.problems() == problems


@pytest.mark.fault(9)
async def test_the_room_on_sqlites_own_disk_is_what_is_looked_at(store: str) -> None:
    db = Database()
    free = await db.read(lambda tx: room.free_mb())
    assert (free is None) == (db.vendor == "postgresql")
    assert free is None or free > 0
    db.close()


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    "path", ["/hooks/shop", "/hooks/shop/", "/hooks//shop", "/hooks/", "/hooks/nobody", "/hooks/a/b"]
)
async def test_the_way_in_never_redirects(store: str, path: str) -> None:
    async def panel(scope, receive, send) -> None:
        """Sends every stranger to its login."""
        await send({"type": "http.response.start", "status": 302, "headers": [(b"location", b"/login/")]})
        await send({"type": "http.response.body", "body": b""})

    db = Database()
    app = routed(Ingest(db, {"shop": door("shop", "s")}, ManualClock()), panel)
    assert await post(app, b"1", path) in (200, 404)
    db.close()


class Proxy(Simulator):
    """What stands in front of nervo: it answers every request with this status."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 405

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self.answer)]

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(status=self.status, headers={"Location": "https://elsewhere.example/"})


@pytest.mark.fault(15)
@pytest.mark.parametrize("status", [301, 302, 308, 200, 403, 404, 502])
async def test_a_proxy_that_does_not_let_webhooks_through_is_a_problem_until_it_does(store: str, status: int) -> None:
    proxy = Proxy()
    async with proxy.serve():
        hub = TestHub(Erp(), {"shop": WorldShop([])}, public_url=proxy.url)
        front = FrontDoor(hub.hub, partial(knock, SystemClock()))

        async def knocks(answered: int, times: int) -> list[tuple[object, ...]]:
            proxy.status = answered
            for _ in range(times):
                hub.clock.advance(KNOCK_S)
                await front.step()
            return hub.ask("SELECT \"values\" FROM store_problem WHERE code = 'door_blocked' AND state = 'open'")

        assert await knocks(405, 2) == []
        assert await knocks(status, 1) == []
        ((values,),) = await knocks(status, 1)
        assert f'"status":{status}' in str(values) and "/hooks/shop" in str(values)
        assert await knocks(405, 1) == []
        await hub.close()


@pytest.mark.fault(15)
async def test_our_own_way_in_answers_a_knock_as_expected(store: str) -> None:
    db, answers = Database(), []
    app = Ingest(db, {"shop": door("shop", "s")}, ManualClock())

    async def send(message: dict) -> None:
        answers.append(message)

    async def receive() -> dict:
        return {"type": "http.request"}

    await app({"type": "http", "method": "GET", "path": "/hooks/shop", "headers": []}, receive, send)
    assert answers[0]["status"] == OURS
    db.close()


def pieces_of(piece: bytes, size: int) -> Iterator[bytes]:
    return (piece for _ in range(size // len(piece)))


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (lambda: pieces_of(b"x" * PIECE, 50 * MEGABYTE), 413),
        (lambda: pieces_of(b'{"sku": "A"},\n' * 1_000, 14_000_000), 413),
        (lambda: b"[" + b"\n" * 1_000_000 + b"]", 200),
        (lambda: b"[" * 10_000 + b"]" * 10_000, 400),
        (lambda: b'{"a":' * 10_000, 400),
        (lambda: b"[]," * 600_000, 200),
    ],
    ids=["50 MB", "a million rows", "a million empty lines", "10,000 levels", "10,000 open levels", "wide"],
)
async def test_a_huge_body_is_answered_in_bounded_memory(caller: Caller, body, status: int) -> None:
    given = body()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    answered = await post(caller.app, given)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert answered == status
    assert peak < 12 * MEGABYTE, f"{peak:,} bytes"


@pytest.fixture
def caller(store: str):
    db = Database()
    made = Caller(db)
    made.app = Ingest(db, {"shop": Door("shop", lambda request: Delivery("orders"))}, ManualClock())
    yield made
    db.close()


@pytest.mark.fault(4)
async def test_a_notice_that_comes_before_the_order_can_be_seen_is_asked_again(line: Line) -> None:
    number = line.shop.sell({"A": 1})
    order = line.shop.sold.pop(number)
    assert await line.post(number.encode()) == 200
    await line.drain()
    assert line.erp.book == []
    line.shop.sold[number] = order

    async def no_sweep(after: Cursor | None) -> Page[Order]:
        return Page((), after, False)

    line.shop.orders = no_sweep  # type: ignore[method-assign]
    line.hub.clock.advance(30)
    await line.drain()
    assert (len(line.erp.book), line.problems()) == (1, [])


@pytest.mark.fault(4)
async def test_a_notice_of_an_order_that_is_never_seen_ends_as_a_problem(line: Line) -> None:
    await line.post(b"4711")
    for _ in range(20):
        await line.drain()
        line.hub.clock.advance(60)
    assert (line.problems(), line.hub.ask("SELECT * FROM store_refresh")) == ([("order_missing", "4711")], [])
    assert line.shop.calls["order"] < 20
