"""HTTP for connectors: what was not sent, what nobody knows, what is kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from nervo.errors import Misunderstood, OutcomeUnknown, Unavailable
from nervo.kit.clock import ManualClock
from nervo.kit.http import Answer, Exchange, Http, ToolBox
from nervo.kit.pacing import may_leave
from nervo.kit.simulator import Fault, FaultKind
from nervo.sync.fence import LostLease
from tests.kit.server import Echo, serving


@dataclass
class Line:
    echo: Echo
    http: Http
    kept: list[Exchange]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    kept: list[Exchange] = []
    async with serving() as echo:
        tools = ToolBox(ManualClock(), keep=kept.append)
        http = Http(echo.url, tools, headers={"Authorization": "Bearer s3cret-token"}, known_secrets=("s3cret-token",))
        yield Line(echo, http, kept)
        await http.close()


async def test_a_refused_connection_is_unavailable_even_for_a_write() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        http = Http(f"http://127.0.0.1:{taken.getsockname()[1]}", ToolBox())
        with pytest.raises(Unavailable):
            await http.call("POST", "/orders", json={})
        await http.close()


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.LOST_REPLY])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_write_whose_connection_broke_is_unknown(line: Line, method: str, kind: FaultKind) -> None:
    await line.http.call("GET", "/warm")
    line.echo.faults.append(Fault(kind, times=1))
    with pytest.raises(OutcomeUnknown):
        await line.http.call(method, "/orders", json={})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_call_whose_reply_was_lost_is_sent_once(line: Line, method: str) -> None:
    """aiohttp would send these again by itself."""
    await line.http.call("GET", "/warm")
    line.echo.faults.append(Fault(FaultKind.LOST_REPLY, times=1))
    with pytest.raises((OutcomeUnknown, Unavailable)):
        await line.http.call(method, "/orders")
    assert line.echo.effects == ["GET /warm", f"{method} /orders"]
    assert [e.status for e in line.kept] == [200, 0]


async def test_a_write_that_a_gateway_gave_up_may_have_taken_effect(line: Line) -> None:
    line.echo.faults.append(Fault(FaultKind.UNAVAILABLE, times=3))
    given_up = [(await line.http.call(*call)).given_up for call in (("GET", "/a"), ("POST", "/a"))]
    asked = await line.http.call("POST", "/graphql", safe=True)
    assert [*given_up, asked.given_up] == [Unavailable, OutcomeUnknown, Unavailable]


async def test_a_read_whose_connection_broke_is_unavailable(line: Line) -> None:
    line.echo.faults.append(Fault(FaultKind.DROP, times=2))
    with pytest.raises(Unavailable):
        await line.http.call("GET", "/orders")
    with pytest.raises(Unavailable):
        await line.http.call("POST", "/graphql", json={}, safe=True)


async def test_a_write_without_an_answer_in_time_is_unknown_and_a_read_unavailable(line: Line) -> None:
    line.echo.faults.append(Fault(FaultKind.SLOW, times=2, seconds=1.0))
    with pytest.raises(OutcomeUnknown):
        await line.http.call("POST", "/orders", json={}, timeout_s=0.05)
    with pytest.raises(Unavailable):
        await line.http.call("GET", "/orders", timeout_s=0.05)
    assert [e.status for e in line.kept] == [0, 0]
    assert all("Timeout" in e.error for e in line.kept)


async def test_a_redirect_is_not_followed(line: Line) -> None:
    answer = await line.http.call("POST", "/moved", json={})
    assert (answer.status, line.echo.effects) == (302, ["POST /moved"])


async def test_an_answer_has_its_header_names_in_lower_case(line: Line) -> None:
    assert (await line.http.call("GET", "/")).headers["x-left"] == "7"


def test_an_answer_that_is_not_json_is_misunderstood() -> None:
    with pytest.raises(Misunderstood):
        Answer(200, {}, b"<html>").json("reading orders")


async def test_every_exchange_is_kept_without_secrets(line: Line) -> None:
    await line.http.call("POST", "/orders", params={"access_token": "abcdefgh"}, json={"note": "s3cret-token è qui"})
    (kept,) = line.kept
    assert (kept.method, kept.status) == ("POST", 200)
    assert "19.9" in kept.response_body and "è qui" in kept.request_body
    for secret in ("s3cret-token", "abcdefgh"):
        assert secret not in repr(kept)


async def test_an_error_tells_no_secret(line: Line) -> None:
    line.echo.faults.append(Fault(FaultKind.DROP))
    with pytest.raises(Unavailable) as failed:
        await line.http.call("GET", "/orders/s3cret-token?key=abcdefgh")
    assert "s3cret-token" not in str(failed.value) and "abcdefgh" not in str(failed.value)


@pytest.mark.fault(28)
@pytest.mark.parametrize("sent", [{"json": {"quantity": 3}}, {}], ids=["with a body", "without one"])
async def test_a_write_asks_again_when_it_has_waited_for_its_connection(line: Line, sent: dict[str, object]) -> None:
    """Eight calls have all the connections; then the lease is lost; the ninth must not leave."""
    lost, asked = asyncio.Event(), 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if lost.is_set():
            raise LostLease("sending")

    may_leave.set(check)
    line.echo.faults += [Fault(FaultKind.SLOW, "/slow", times=8, seconds=0.3)]
    slow = [asyncio.create_task(line.http.call("POST", "/slow")) for _ in range(8)]
    late = asyncio.create_task(line.http.call("POST", "/late", **sent))
    while len(line.echo.faults) > 0:
        await asyncio.sleep(0.01)
    lost.set()
    with pytest.raises(LostLease):
        await late
    await asyncio.gather(*slow)
    assert line.echo.effects == ["POST /slow"] * 8 and asked == 18
    lost.clear()
    assert (await line.http.call("POST", "/again", **sent)).status == 200
