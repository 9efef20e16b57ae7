"""The way in under every fault: what is answered, what is kept, and what becomes of it in the ERP."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from django.db import connections
from structlog.testing import capture_logs

from nervo.api.ingest import Door, Ingest
from nervo.bootstrap.hub import knock
from nervo.cli.serve import routed
from nervo.errors import Forged
from nervo.kit.clock import ManualClock, SystemClock
from nervo.kit.http import Http, ToolBox
from nervo.kit.signatures import hmac_sha256, matches_base64
from nervo.kit.simulator import Simulator
from nervo.kit.text import as_utf8
from nervo.model.orders import Order
from nervo.model.parties import Address
from nervo.ports.common import Cursor, Page
from nervo.ports.erp import ErpOrder, OrderDraft
from nervo.ports.shop import Delivery, Hint, WebhookRequest
from nervo.staging.world import WorldErp, WorldShop
from nervo.store.database import Database
from nervo.sync import inbox
from nervo.sync.front_door import KNOCK_S, OURS, FrontDoor
from tests.api.test_ingest import Caller
from tests.hub import TestHub, use_database

PIECE = 65_536
MEGABYTE = 1 << 20


def read_number(topic: str, headers: object, body: bytes) -> tuple[Hint, ...]:
    return (Hint("order", body.decode()),)


def door(name: str, secret: str) -> Door:
    """Verifies by its own secret."""

    def verify(request: WebhookRequest) -> Delivery:
        if not matches_base64(request.headers.get("x-hmac", ""), request.body, [secret]):
            raise Forged("checking a signature")
        return Delivery("orders", request.headers.get("x-event-id", ""))

    return Door(name, verify)


async def post(app, body: Iterator[bytes] | bytes, path: str = "/hooks/shop", secret: str = "s", **headers: str) -> int:
    """A signed delivery in pieces; what is answered."""
    pieces = iter([body]) if isinstance(body, bytes) else body
    signature = base64.b64encode(hmac_sha256(secret, body)) if isinstance(body, bytes) else b""
    given = [(b"x-hmac", signature), *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())]
    answers: list[dict] = []

    async def receive() -> dict:
        piece = next(pieces, None)
        return {
            "type": "http.request",
            "body": piece or b"",
            "more_body": not isinstance(body, bytes) and piece is not None,
        }

    async def send(message: dict) -> None:
        answers.append(message)

    await app({"type": "http", "method": "POST", "path": path, "headers": given}, receive, send)
    return answers[0]["status"]


class Erp(WorldErp):
    """`drafts`: every order as it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: list[OrderDraft] = []

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        self.drafts.append(draft)
        return await super().create_order(draft)


class Line:
    """A shop's webhooks into a hub: the route, the inbox, the ERP."""

    def __init__(self, hub: TestHub, erp: Erp, shop: WorldShop) -> None:
        self.hub, self.erp, self.shop = hub, erp, shop
        self.app = Ingest(hub.hub.db, {"shop": door("shop", "s")}, hub.clock)

    async def post(self, body: bytes, **headers: str) -> int:
        return await post(self.app, body, **headers)

    async def drain(self, reader=read_number) -> None:
        await inbox.drain(self.hub.hub, {"shop": reader})
        await self.hub.settle()

    def kept(self) -> list[tuple[object, ...]]:
        return self.hub.ask("SELECT body FROM store_inbox ORDER BY id")

    def problems(self) -> list[tuple[object, ...]]:
        return self.hub.ask("SELECT code, key FROM store_problem WHERE state = 'open' ORDER BY code, key")


@pytest.fixture
async def line(store: str):
    erp, shop = Erp(), WorldShop(["A"])
    erp.stock("A", 100)
    hub = await TestHub(erp, {"shop": shop}).start()
    yield Line(hub, erp, shop)
    await hub.close()


@pytest.mark.fault(7)
async def test_a_hub_that_hangs_everywhere_still_acknowledges(store: str) -> None:
    db, never = Database(), asyncio.Event()
    app = Ingest(db, {"shop": door("shop", "s")}, ManualClock(), ring=lambda bell: None)
    tasks = [asyncio.create_task(never.wait()) for _ in range(100)]
    async with asyncio.timeout(5):
        assert await asyncio.gather(*(post(app, b"%d" % i) for i in range(200))) == [200] * 200
    for task in tasks:
        task.cancel()
    db.close()


@pytest.mark.fault(7)
async def test_nobody_outside_is_called_before_the_acknowledgement(line: Line) -> None:
    number = line.shop.sell({"A": 1})
    calls = (dict(line.erp.calls), dict(line.shop.calls))
    line.erp.faults.down = line.shop.faults.down = TimeoutError("hanging")  # type: ignore[assignment]
    assert await line.post(number.encode()) == 200
    assert (dict(line.erp.calls), dict(line.shop.calls)) == calls
    line.erp.faults.down = line.shop.faults.down = None


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


CITY = "Città d'Oro – שלום \N{RIGHT-TO-LEFT OVERRIDE} 😀"


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"city": "Città"}'.encode("latin-1"), "application/json; charset=ISO-8859-1"),
        ('{"city": "Città"}'.encode("utf-16"), "application/json"),
        ('{"city": "Città"}'.encode("utf-16-be"), "application/json; charset=utf-16-be"),
        ('\ufeff{"city": "Città"}'.encode(), "application/json"),
        (b'{"city": "Citt\\u00e0"}', ""),
    ],
    ids=["latin-1", "UTF-16", "UTF-16 without mark", "BOM", "escaped"],
)
def test_text_is_read_as_its_mark_or_its_header_says(body: bytes, content_type: str) -> None:
    assert as_utf8(body, content_type).replace(b"\\u00e0", "à".encode()) == '{"city": "Città"}'.encode()


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("body", "read"),
    [
        (rb'"a \ud800 b"', rb'"a \ufffd b"'),
        (rb'"\udc00\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"NUL \u0000"', rb'"NUL \ufffd"'),
        (rb'"a path C:\\ud800 \\u0000"', rb'"a path C:\\ud800 \\u0000"'),
        (CITY.encode(), CITY.encode()),
        ('"Città"'.encode("latin-1"), '"Città"'.encode("latin-1")),
    ],
    ids=["half", "the other half", "NUL", "no escape at all", "right to left", "undeclared latin-1"],
)
def test_half_characters_are_marked_and_everything_else_is_left_alone(body: bytes, read: bytes) -> None:
    assert as_utf8(body, "application/json") == read


@pytest.mark.fault(19)
async def test_an_answer_with_a_mark_before_it_is_read(store: str) -> None:
    class Marked(Simulator):
        def routes(self) -> list[web.RouteDef]:
            return [web.get("/orders", self.orders)]

        async def orders(self, request: web.Request) -> web.Response:
            return web.Response(body='\ufeff{"city": "Città \\ud800"}'.encode(), content_type="application/json")

    server = Marked()
    async with server.serve():
        http = Http(server.url, ToolBox())
        answer = await http.call("GET", "/orders")
        await http.close()
    assert answer.json("reading") == {"city": "Città \ufffd"}


@pytest.mark.fault(19)
@pytest.mark.parametrize("body", ["7".encode("utf-16"), "\ufeff7".encode(), b"7"], ids=["UTF-16", "BOM", "ASCII"])
async def test_a_delivery_in_another_encoding_is_kept_as_it_came_and_read(line: Line, body: bytes) -> None:
    for _ in range(7):
        line.shop.sell({"A": 1})
    assert await line.post(body) == 200
    await line.drain()
    assert bytes(line.kept()[0][0]) == body  # type: ignore[arg-type]
    assert line.problems() == []


@pytest.mark.fault(19)
async def test_a_customers_own_script_reaches_the_erp_letter_for_letter(line: Line) -> None:
    number = line.shop.sell({"A": 1})
    line.shop.change(number, billing=Address(name="Łukasz 'O’Neil'", city=CITY))
    await line.drain()
    (draft,) = line.erp.drafts
    assert (draft.order.billing.name, draft.order.billing.city) == ("Łukasz 'O’Neil'", CITY)


@pytest.mark.fault(19)
async def test_a_garbled_address_is_held_until_a_person_has_corrected_it(line: Line) -> None:
    bad, fine = line.shop.sell({"A": 1}), line.shop.sell({"A": 1})
    line.shop.change(bad, billing=Address(city="Citt\ufffd"))
    await line.drain()
    assert (len(line.erp.book), line.problems()) == (1, [("garbled_text", bad)])
    ((id,),) = line.hub.ask("SELECT id FROM store_saleorder WHERE external_id = %s", bad)
    await line.hub.command("order.correct", order_id=id, changes={"billing": {"city": "Città"}})
    await line.hub.settle()
    assert (len(line.erp.book), line.problems(), line.erp.drafts[-1].order.billing.city) == (2, [], "Città")
    assert fine


@pytest.mark.fault(19, 57)
@pytest.mark.parametrize("text", ["half \ud800 a character", "NUL \0"], ids=["surrogate", "NUL"])
async def test_an_order_that_no_database_can_keep_is_a_problem_and_the_others_go_on(line: Line, text: str) -> None:
    bad, fine = line.shop.sell({"A": 1}), line.shop.sell({"A": 1})
    party = line.shop.sold[bad].customer
    line.shop.change(bad, customer=replace(party, name=text))
    await line.drain()
    later = line.shop.sell({"A": 1})
    await line.post(bad.encode())
    await line.post(later.encode())
    await line.drain()
    assert [key.split("-")[1] for key in line.erp.book] == [fine, later]
    assert line.problems() == [("unreadable_order", bad)]
    line.shop.change(bad, customer=party)
    line.hub.clock.advance(120)
    await line.hub.settle()
    assert (len(line.erp.book), line.problems()) == (3, [])


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
