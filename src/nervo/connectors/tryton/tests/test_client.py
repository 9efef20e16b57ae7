"""What Tryton says when it cannot or will not, and who has to act on it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from nervo.connectors.tryton import wire
from nervo.connectors.tryton.client import Client
from nervo.connectors.tryton.connector import Tryton
from nervo.connectors.tryton.documents import OLDEST_FIRST
from nervo.connectors.tryton.settings import Settings
from nervo.errors import (
    AuthFailed,
    Conflict,
    Misunderstood,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
    Unsupported,
)
from nervo.kit.http import Exchange, ToolBox
from nervo.kit.secrets import Secret
from nervo.kit.simulator import Simulator

GOLDEN = Path(__file__).parent / "golden"
WARNING = ["UserWarning", ["no_carrier_7", "There is no carrier.", ""]]


class Desk(Simulator):
    """Tryton's door: logs in, forgets sessions, answers each method from its script, refuses a method that has none."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: list[str] = []
        self.script: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, list[Any]]] = []
        self.bus: list[Any] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/erp/rpc/", self.rpc), web.post("/erp/bus", self.listen)]

    async def rpc(self, request: web.Request) -> web.Response:
        call = await request.json()
        if call["method"] == "common.db.login":
            return self.log_in(*call["params"])
        if not self.knows(request):
            return web.Response(status=401, text="<h1>Unauthorized</h1>")
        self.calls.append((call["method"], call["params"]))
        answers = self.script.get(call["method"])
        if not answers:
            return web.json_response({"id": call["id"], "error": ["AttributeError: no such method", "Traceback …"]})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer() if callable(answer) else web.json_response({"id": call["id"], **answer})

    def log_in(self, user: str, parameters: dict[str, str], language: str) -> web.Response:
        if (user, parameters["password"]) != ("hub", "s3cret-password"):
            return web.Response(status=401)
        token = f"token-{len(self.sessions)}-{'x' * 20}"
        self.sessions.append(base64.b64encode(f"{user}:7:{token}".encode()).decode())
        return web.json_response({"id": 1, "result": [7, token, "http://bus"]})

    def knows(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("Session ") in self.sessions

    async def listen(self, request: web.Request) -> web.Response:
        if not self.knows(request):
            return web.Response(status=401)
        asked = await request.json()
        assert asked["channels"] == ["nervo"]
        answer = self.bus.pop(0)
        if answer == "late":
            await asyncio.sleep(0.5)
        return web.Response(status=answer) if isinstance(answer, int) else web.json_response(answer)


def result(value: Any) -> dict[str, Any]:
    return {"result": value}


def status(code: int, **headers: str) -> Any:
    return lambda: web.Response(status=code, text="<h1>no</h1>", headers=headers)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with desk.serve():
        yield desk


def settings(desk: Desk, password: str = "s3cret-password", *, doorbell: bool = False) -> Settings:
    return Settings(desk.url, "erp", "hub", Secret(password), "Sito", doorbell=doorbell)


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    client = Client(settings(desk), ToolBox())
    yield client
    await client.close()


async def press(client: Client) -> None:
    await client.button("sale.sale", "quote", [7])


@pytest.mark.fault(41)
async def test_many_first_calls_share_one_login(desk: Desk, client: Client):
    desk.script["model.sale.sale.search"] = [result([1])]
    await asyncio.gather(*(client.search("sale.sale", []) for _ in range(5)))
    assert len(desk.sessions) == 1


@pytest.mark.fault(41)
async def test_a_forgotten_session_is_opened_again_and_the_call_repeated(desk: Desk, client: Client):
    desk.script["model.sale.sale.quote"] = [result(None)]
    await press(client)
    desk.sessions[0] = "forgotten"
    await press(client)
    assert [method for method, _ in desk.calls] == ["model.sale.sale.quote"] * 2
    assert len(desk.sessions) == 2


async def test_a_wrong_password_is_for_a_person(desk: Desk):
    client = Client(settings(desk, "wrong"), ToolBox())
    with pytest.raises(AuthFailed):
        await press(client)
    await client.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": ["UserError", ["The codice fiscale is not valid.", "", None]]}, Rejected),
        ({"error": ["ConcurrencyException", "Record was modified in the meantime"]}, Conflict),
        ({"error": ["LoginException", ["password", "Password", "password"]]}, AuthFailed),
        ({"error": ["KeyError: 'sale.sale'", "Traceback"]}, Misunderstood),
        (status(403), Rejected),
        (status(404), NotFound),
        (status(409), Conflict),
        (status(503), OutcomeUnknown),
        (status(504), OutcomeUnknown),
        (status(502), OutcomeUnknown),
        (lambda: web.Response(text="<html>maintenance</html>"), Misunderstood),
    ],
)
async def test_each_refusal_has_one_who_acts(desk: Desk, client: Client, answer: Any, error: type[Exception]):
    desk.script["model.sale.sale.quote"] = [answer]
    with pytest.raises(error):
        await press(client)


async def test_a_refusal_keeps_trytons_own_words(desk: Desk, client: Client):
    desk.script["model.sale.sale.quote"] = [{"error": ["UserError", ["The codice fiscale is not valid.", "", None]]}]
    with pytest.raises(Rejected) as refused:
        await press(client)
    assert refused.value.said == "The codice fiscale is not valid."


async def test_too_many_calls_say_how_long_to_wait(desk: Desk, client: Client):
    desk.script["model.sale.sale.quote"] = [status(429, **{"Retry-After": "7"})]
    with pytest.raises(RateLimited) as limited:
        await press(client)
    assert limited.value.retry_after_s == 7


async def test_a_warning_is_answered_yes_for_this_once_and_the_button_pressed_again(desk: Desk, client: Client):
    desk.script["model.sale.sale.quote"] = [{"error": WARNING}, result(None)]
    desk.script["model.res.user.warning.skip"] = [result(None)]
    await press(client)
    assert desk.calls[1][1][:2] == ["no_carrier_7", False]
    assert [method.rsplit(".", 1)[1] for method, _ in desk.calls] == ["quote", "skip", "quote"]


async def test_a_warning_that_comes_back_is_for_a_person(desk: Desk, client: Client):
    desk.script["model.sale.sale.quote"] = [{"error": WARNING}]
    desk.script["model.res.user.warning.skip"] = [result(None)]
    with pytest.raises(Rejected) as refused:
        await press(client)
    assert (refused.value.code, refused.value.said) == ("warning", "There is no carrier.")


@pytest.mark.fault(20)
async def test_a_sale_that_nobody_can_read_is_named_and_stops_no_other(desk: Desk, client: Client):
    (fine,) = msgspec.json.decode((GOLDEN / "sale_done.json").read_bytes())
    strange = fine | {"id": 99, "shipments.": "none"}
    desk.script["model.sale.sale.search_read"] = [result([strange, fine])]
    for model in ("product.product", "stock.shipment.out"):
        desk.script[f"model.{model}.fields_get"] = [result({"attributes": {}, "weight": {}, "carrier": {}})]
    rows = await client.find_each("sale.sale", [], wire.SaleRow, wire.SalePlace, order=OLDEST_FIRST)
    assert [(type(row), row.id) for row in rows] == [(wire.SalePlace, 99), (wire.SaleRow, fine["id"])]


async def test_the_password_and_the_token_are_in_no_recording(desk: Desk):
    kept: list[Exchange] = []
    desk.script["model.sale.sale.quote"] = [result(None)]
    client = Client(settings(desk), ToolBox(keep=kept.append))
    await press(client)
    await client.close()
    written = msgspec.json.encode(kept).decode()
    assert len(kept) == 1
    assert "s3cret-password" not in written
    assert desk.sessions[0] not in written


async def test_the_bell_rings_with_a_mark_for_the_next_call(desk: Desk):
    erp = Tryton(settings(desk, doorbell=True), ToolBox())
    desk.bus = [
        {"channel": "nervo", "message": {"message_id": "811", "type": "nervo"}},
        {"channel": None, "message": None},
    ]
    assert erp.capabilities.doorbell
    assert await erp.doorbell("") == ("811", True)
    assert await erp.doorbell("811") == ("811", False)
    await erp.close()


async def test_a_tryton_without_its_bus_says_what_to_set(desk: Desk):
    erp = Tryton(settings(desk, doorbell=True), ToolBox())
    desk.bus = [501]
    with pytest.raises(Unsupported) as refused:
        await erp.doorbell("")
    assert "allow_subscribe" in refused.value.fix
    await erp.close()


async def test_a_bus_that_answers_too_late_says_what_to_set(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nervo.connectors.tryton.client.BELL_TIMEOUT_S", 0.2)
    erp = Tryton(settings(desk, doorbell=True), ToolBox())
    desk.bus = ["late"]
    with pytest.raises(Unsupported) as refused:
        await erp.doorbell("")
    assert "long_polling_timeout" in refused.value.fix
    await erp.close()


async def test_a_tryton_that_is_down_is_down_for_the_bell_too(desk: Desk):
    erp = Tryton(settings(desk, doorbell=True), ToolBox())
    desk.bus = [503]
    with pytest.raises(Unavailable):
        await erp.doorbell("")
    await erp.close()


async def test_without_the_setting_there_is_no_bell_and_no_call(desk: Desk):
    erp = Tryton(settings(desk), ToolBox())
    with pytest.raises(Unsupported):
        await erp.doorbell("")
    assert not erp.capabilities.doorbell
    assert not desk.sessions
    await erp.close()
