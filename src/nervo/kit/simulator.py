"""The base of every simulator: a foreign system in memory behind its real HTTP paths on loopback, with a plan of faults."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web
from aiohttp.typedefs import Handler

from nervo.kit.clock import Clock, SystemClock


class FaultKind(StrEnum):
    """What may go wrong with one request."""

    UNAVAILABLE = "unavailable"  # 503, no effect
    RATE_LIMITED = "rate_limited"  # 429 as this system says it, no effect
    BUSY = "busy"  # 429 of a proxy before it: nothing says how long, no effect
    UNAUTHORISED = "unauthorised"  # revoked access, no effect
    DROP = "drop"  # connection closed, no effect
    LOST_REPLY = "lost_reply"  # effect, then the connection closes
    LATE = "late"  # connection closes; the effect comes `seconds` later
    SLOW = "slow"  # effect and answer, `seconds` later
    GARBAGE = "garbage"  # an answer that nobody can read, after the effect


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` requests whose "METHOD /path" contains `match`. `after` skips so many first."""

    kind: FaultKind
    match: str = ""
    times: int = 1
    after: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that reached the simulator and what it answered, for contract tests. Status 0: no answer was given."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    status: int
    response_body: bytes


class Simulator:
    """A foreign system. Subclasses add routes in `routes()` and say in `rate_limited()` and `unauthorised()` how it refuses.

    `seen` keeps the last requests with their answers. State lives in plain attributes: the simulator's own books.
    """

    def __init__(self, clock: Clock | None = None, *, latency_s: float = 0.0) -> None:
        self.clock = clock or SystemClock()
        self.faults: list[Fault] = []
        self.latency_s = latency_s
        self.down = False
        self.autodeliver_s = 0.0
        self.seen: deque[Seen] = deque(maxlen=5_000)
        self.keep_seen = True
        self.url = ""
        self._late: set[asyncio.Task[web.StreamResponse]] = set()

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError(f"{type(self).__name__} has no routes")

    def rate_limited(self) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "1"})

    def unauthorised(self) -> web.Response:
        return web.Response(status=401)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Listens on loopback while the block runs; gives the base URL. With `autodeliver_s` webhooks leave by themselves."""
        runner = await self.start(port)
        sender = asyncio.ensure_future(self._deliver_always()) if self.autodeliver_s else None
        try:
            yield self.url
        finally:
            if sender:
                sender.cancel()
            await runner.cleanup()

    async def deliver(self) -> int:
        """Sends the webhooks that are due; how many. A system without webhooks has none."""
        return 0

    async def _deliver_always(self) -> None:
        while True:
            await self.deliver()
            await asyncio.sleep(self.autodeliver_s)

    async def start(self, port: int = 0) -> web.AppRunner:
        """Listens until the returned runner is cleaned up."""
        app = web.Application(middlewares=[self._middleware], client_max_size=64 * 1024 * 1024)
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await request.read()
        fault = self._next_fault(request)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        response = await self._answer(request, handler, fault)
        self._note(request, body, response)
        if response is None:
            self._hang_up(request)
            return web.Response(status=500)
        return response

    async def _answer(
        self,
        request: web.Request,
        handler: Handler,
        fault: Fault | None,
    ) -> web.StreamResponse | None:
        if self.down or (fault and fault.kind is FaultKind.UNAVAILABLE):
            return web.Response(status=503, text="Service Unavailable")
        match fault.kind if fault else None:
            case FaultKind.RATE_LIMITED:
                return self.rate_limited()
            case FaultKind.BUSY:
                return web.Response(status=429)
            case FaultKind.UNAUTHORISED:
                return self.unauthorised()
            case FaultKind.DROP:
                return None
            case FaultKind.LATE:
                assert fault
                task = asyncio.ensure_future(self._later(request, handler, fault.seconds))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
                return None
            case FaultKind.SLOW:
                assert fault
                await asyncio.sleep(fault.seconds)
        response = await _handled(handler, request)
        if fault and fault.kind is FaultKind.LOST_REPLY:
            return None
        if fault and fault.kind is FaultKind.GARBAGE:
            return web.Response(status=200, body=b"<html>\xff\xfe half a pa", content_type="application/json")
        return response

    async def _later(
        self,
        request: web.Request,
        handler: Handler,
        seconds: float,
    ) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await _handled(handler, request)

    def _next_fault(self, request: web.Request) -> Fault | None:
        called = f"{request.method} {request.path}"
        for fault in self.faults:
            if fault.match in called:
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _hang_up(self, request: web.Request) -> None:
        if request.transport:
            request.transport.abort()

    def _note(self, request: web.Request, body: bytes, response: web.StreamResponse | None) -> None:
        if not self.keep_seen:
            return
        answer = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                {k.lower(): v for k, v in request.headers.items()},
                body,
                response.status if response else 0,
                answer,
            )
        )


async def _handled(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return web.Response(status=refusal.status, text=refusal.text)
