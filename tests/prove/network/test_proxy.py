"""The fault proxy does what its toxics say: looked at from both ends of a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.prove.network.pipe import Pipe, piped
from tests.prove.network.proxy import Proxy
from tests.prove.network.toxics import Kind, Toxic

BODY = '{"answer": "' + "è" * 400 + '"}'


class Far:
    """A far side that counts what reaches it."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.text())
        return web.Response(text=BODY, content_type="application/json", headers={"X-Number": str(len(self.bodies))})


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    made = Far()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def proxy(far: Far) -> AsyncIterator[Proxy]:
    async with Proxy(far.url, Random(1)).serve() as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5)) as session:
        session._retry_connection = False
        yield session


async def post(http: aiohttp.ClientSession, proxy: Proxy, body: str = "sent") -> tuple[int, str, dict[str, Any]]:
    async with http.post(f"{proxy.url}/things?a=1", data=body, allow_redirects=False) as r:
        return r.status, await r.text(), dict(r.headers)


async def get(http: aiohttp.ClientSession, proxy: Proxy, path: str = "/things") -> str:
    async with http.get(proxy.url + path) as r:
        await r.text()
        return r.headers.get("X-Number", "")


async def test_without_a_toxic_all_is_passed_on_kept_connections_and_large_bodies_too(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    large = "ò" * 100_000
    for body in ("sent", large, ""):
        status, text, headers = await post(http, proxy, body)
        assert (status, text, headers["Content-Type"]) == (200, BODY, "application/json; charset=utf-8")
    assert far.bodies == ["sent", large, ""]
    assert (proxy.asked, proxy.passed, sum(proxy.applied.values())) == (3, 3, 0)


@pytest.mark.parametrize(
    "kind", [Kind.STALL, Kind.RESET, Kind.NO_ANSWER, Kind.RESET_AFTER, Kind.LOST_REPLY, Kind.TRUNCATE, Kind.CUT_CHUNKED]
)
async def test_the_client_gets_no_whole_answer_and_the_far_side_the_request_or_not(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession, kind: Kind
) -> None:
    fails = {
        Kind.STALL: TimeoutError, Kind.NO_ANSWER: TimeoutError, Kind.LOST_REPLY: aiohttp.ServerDisconnectedError,
        Kind.TRUNCATE: aiohttp.ClientPayloadError, Kind.CUT_CHUNKED: aiohttp.ClientPayloadError,
        Kind.RESET: aiohttp.ClientOSError, Kind.RESET_AFTER: aiohttp.ClientOSError,
    }  # fmt: skip
    with proxy.under(Toxic(kind)), pytest.raises(fails[kind]):
        await post(http, proxy)
    assert far.bodies == ([] if kind in (Kind.STALL, Kind.RESET) else ["sent"])
    assert proxy.applied == {kind: 1}
    assert (await post(http, proxy))[1] == BODY


@pytest.mark.parametrize(
    ("toxic", "status", "reaches"),
    [
        (Toxic(Kind.STORM, status=502), 502, False),
        (Toxic(Kind.STORM, status=504), 504, False),
        (Toxic(Kind.GATEWAY, status=504), 504, True),
        (Toxic(Kind.THROTTLE, retry_after="2"), 429, False),
        (Toxic(Kind.REDIRECT), 302, False),
        (Toxic(Kind.GARBAGE), 200, True),
    ],
)
async def test_an_answer_of_its_own_is_a_page_of_html(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession, toxic: Toxic, status: int, reaches: bool
) -> None:
    with proxy.under(toxic):
        found, text, headers = await post(http, proxy)
    assert (found, text.startswith("<html>"), headers["Content-Type"]) == (status, True, "text/html")
    assert headers.get("Retry-After", "") == toxic.retry_after
    assert far.bodies == (["sent"] if reaches else [])


@pytest.mark.parametrize(
    ("toxic", "least_s"),
    [
        (Toxic(Kind.LATENCY, seconds=0.2, jitter_s=0.05), 0.2),
        (Toxic(Kind.BANDWIDTH, size=5_000), 0.1),
        (Toxic(Kind.SLICER, size=7), 0.0),
        (Toxic(Kind.SLOW_CLOSE, seconds=0.2), 0.2),
    ],
)
async def test_what_only_slows_changes_nothing(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession, toxic: Toxic, least_s: float
) -> None:
    started = time.monotonic()
    with proxy.under(toxic):
        assert (await post(http, proxy))[1] == BODY
    assert time.monotonic() - started >= least_s
    assert proxy.applied == {toxic.kind: 1} and far.bodies == ["sent"]


async def test_a_kept_connection_is_closed_while_the_next_request_is_sent_never_the_first(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    with proxy.under(Toxic(Kind.CLOSE_KEPT)):
        await post(http, proxy, "first")
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await post(http, proxy, "second")
    assert far.bodies == ["first"] and proxy.applied == {Kind.CLOSE_KEPT: 1}


async def test_a_late_request_arrives_after_its_client_was_cut_off(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    with proxy.under(Toxic(Kind.LATE, seconds=0.1)), pytest.raises(aiohttp.ServerDisconnectedError):
        await post(http, proxy)
    with proxy.under(Toxic(Kind.LATE, seconds=0.1, status=503)):
        assert (await post(http, proxy))[0] == 503
    assert far.bodies == []
    async with asyncio.timeout(5):
        while len(far.bodies) < 2:
            await asyncio.sleep(0.01)


async def test_only_safe_requests_are_passed_on_twice_and_webhooks_where_it_is_said(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    with proxy.under(Toxic(Kind.DUPLICATE)):
        assert await get(http, proxy) == "2"
        await post(http, proxy)
    assert len(far.bodies) == 3
    async with Proxy(far.url, Random(1), repeatable=lambda request: True).serve() as ours:
        with ours.under(Toxic(Kind.DUPLICATE)):
            await post(http, ours, "hook")
    assert far.bodies[3:] == ["hook", "hook"]


async def test_a_stale_answer_is_an_earlier_one_to_the_same_get(
    far: Far, proxy: Proxy, http: aiohttp.ClientSession
) -> None:
    assert [await get(http, proxy), await get(http, proxy, "/other")] == ["1", "2"]
    with proxy.under(Toxic(Kind.STALE)):
        assert [await get(http, proxy), await get(http, proxy, "/new")] == ["1", "3"]
    assert proxy.applied == {Kind.STALE: 1} and len(far.bodies) == 3


async def test_the_same_seed_draws_the_same_toxics_and_a_match_and_a_number_of_times_are_kept(far: Far) -> None:
    async def drawn(seed: int) -> list[int]:
        async with Proxy(far.url, Random(seed)).serve() as proxy, aiohttp.ClientSession() as http:
            with proxy.under(Toxic(Kind.STORM, "POST", share=0.5, times=5)):
                found = [(await post(http, proxy))[0] for _ in range(20)]
                assert await get(http, proxy)
            assert proxy.applied == {Kind.STORM: 5}
            return found

    first, again, other = await drawn(3), await drawn(3), await drawn(4)
    assert first == again != other and sorted(first) == [200] * 15 + [503] * 5


async def test_a_pipe_delays_stalls_and_cuts(far: Far, http: aiohttp.ClientSession) -> None:
    async with Pipe(far.url).serve() as pipe:
        assert (await post(http, pipe))[1] == BODY
        pipe.delay_s = 0.1
        started = time.monotonic()
        assert (await post(http, pipe))[1] == BODY
        assert time.monotonic() - started >= 0.2
        pipe.delay_s = 0.0
        async with pipe.stalled():
            with pytest.raises(TimeoutError):
                await post(http, pipe, "held")
            assert "held" not in far.bodies
        reader, writer = await asyncio.open_connection(*pipe.address)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"\r\n")
        pipe.cut()
        with pytest.raises(ConnectionResetError):
            while await reader.read(65_536):
                pass
        assert pipe.cut_off > 0 and pipe.connections >= 2


async def test_a_pipe_in_a_process_of_its_own_obeys(far: Far, http: aiohttp.ClientSession) -> None:
    async with piped(far.url) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(line.url.rsplit(":", 1)[1]))
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"\r\n")
        line.tell("delay", 0.15)
        line.tell("stall", 0.3)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        started = time.monotonic()
        while len(far.bodies) < 2:
            await asyncio.sleep(0.01)
        assert time.monotonic() - started >= 0.15
        line.tell("cut")
        with pytest.raises(ConnectionResetError):
            while await reader.read(65_536):
                pass
        assert line.applied == {"delay": 1, "stall": 1, "cut": 1}
    assert line.process.returncode == 0
