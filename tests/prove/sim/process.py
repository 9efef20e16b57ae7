"""Hub processes in virtual time: each may be killed, frozen, or have a wrong clock, and the others never notice but by its silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any, TypeVar

from aiohttp import web
from django.db import connection

from nervo import registry
from nervo.api.ingest import Door, Ingest
from nervo.bootstrap.connections import Connections, connected
from nervo.bootstrap.hub import Running
from nervo.errors import NervoError, Unavailable
from nervo.kit.settings import parse
from nervo.ports.shop import Delivery, WebhookRequest
from nervo.rules.config import Config
from nervo.staging.virtual import VirtualClock, VirtualLoop
from nervo.staging.wires import Party, party
from nervo.store.database import Database, Job, Tx, _commit, _read

T = TypeVar("T")
PORT = 8080
AGAIN_S = 5.0


class Killed(BaseException):
    """The process has died; nothing of it runs on."""


class ProcessClock(VirtualClock):
    """A process's clock; who sleeps in a frozen process wakes when it thaws."""

    def __init__(self, loop: VirtualLoop, process: Process) -> None:
        super().__init__(loop)
        self._process = process
        self.suspended_s = 0.0  # a suspended machine's monotonic clock stands still

    def monotonic(self) -> float:
        return super().monotonic() - self.suspended_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._process.gate()


@contextmanager
def _as_in_a_thread() -> Iterator[None]:
    """The store's threads have no event loop: Django asks at every step."""
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


class Away(StrEnum):
    """What becomes of a write whose database goes away: it was not taken; it was, and nobody is told; it was, the connection was lost
    before the answer, and it is done once more."""

    REFUSED = "refused"
    UNSAID = "unsaid"
    TWICE = "twice"


def _away() -> Unavailable:
    return Unavailable("asking the store", "it is away", code="store_unavailable")


class Store(Database):
    """The real transactions, one after the other, each some moments before and after its commit."""

    def __init__(self, process: Process) -> None:
        self.vendor, self._closed, self._process = connection.vendor, False, process

    def submit(self, work: Callable[[Tx], T], *, durable: bool = True) -> Future[T]:
        self._process.check()
        trouble, future = self._process.store_trouble(True), Future[T]()
        if trouble is Away.REFUSED:
            future.set_exception(_away())
            return future
        with _as_in_a_thread():
            if trouble is Away.TWICE:
                _commit([Job(work, Future(), durable)])
            _commit([Job(work, future, durable)])
        if trouble is Away.UNSAID and not future.exception():
            future = Future()
            future.set_exception(_away())
        return future

    async def write(self, work: Callable[[Tx], T], *, durable: bool = True) -> T:
        await self._process.moment()
        future = self.submit(work, durable=durable)
        await self._process.moment()
        return future.result()

    async def read(self, work: Callable[[Tx], T]) -> T:
        await (self._process.moment() if self._process.dawdles() else self._process.gate())
        return self.read_now(work)

    def read_now(self, work: Callable[[Tx], T]) -> T:
        self._process.check()
        if self._process.store_trouble(False):
            raise _away()
        with _as_in_a_thread():
            return _read(work)

    def close(self) -> None: ...


class Process:
    """One hub process: worker and ingest. `acknowledged` is told of every delivery that gets a 2xx."""

    def __init__(
        self, name: str, world: Any, config: Config, *, poll_s: float, chance: Random, moment_s: float
    ) -> None:
        self.loop: VirtualLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self.party = Party(name)
        self.clock = ProcessClock(self.loop, self)
        self.db = Store(self)
        self.acknowledged: Callable[[str, bytes], None] = lambda connection, body: None
        self.store_trouble: Callable[[bool], Away | None] = lambda writing: None
        self.started_at = self.loop.time()
        self._world, self._config, self._poll_s = world, config, poll_s
        self._chance, self._moment_s = chance, moment_s
        self._thawed = asyncio.Event()
        self._thawed.set()
        self.running: Running | None = None
        self.connections = Connections()
        self._runner: web.AppRunner | None = None
        self._main: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.party.name

    def check(self) -> None:
        if not self.party.alive:
            raise Killed(self.name)

    async def gate(self) -> None:
        """Goes on when this process may; never when it is dead."""
        self.check()
        while not self._thawed.is_set():
            await self._thawed.wait()
            self.check()

    async def moment(self) -> None:
        """A little time, as the disk and the other threads take."""
        await asyncio.sleep(self._chance.random() * self._moment_s)
        await self.gate()

    def dawdles(self) -> bool:
        """Whether a read takes long enough for others to move meanwhile."""
        return self._chance.random() < 0.2

    async def start(self) -> None:
        """Begins in the background, as a process does; `up` awaits it."""
        context = copy_context()
        context.run(party.set, self.party)
        self._main = asyncio.create_task(self._run(), context=context)

    async def _run(self) -> None:
        self._connect()
        await self._serve()
        while True:
            running = Running(self.db, self._config, self.connections.remotes, self.clock, self.name,
                              readers=self.connections.readers, poll_s=self._poll_s)  # fmt: skip
            running.hub.lease_ms = lambda tx: int(1000 * self.loop.time()) + 10**12
            self.running = running
            try:
                await running.start()
                return
            except NervoError:
                with contextlib.suppress(Unavailable):  # the lease runs out by itself
                    await running.stop()
                await self.clock.sleep(AGAIN_S)

    def _connect(self) -> None:
        given = self._world.settings()
        for item in self._config.connections.values():
            found = registry.connector(item.connector)
            settings = parse(found.settings, given[item.name])
            self.connections.remotes[item.name] = connected(item, settings, self.clock, self._chance)
            if found.verify and found.hints:
                self.connections.verifiers[item.name] = partial(_verify, found.verify, settings)
                self.connections.readers[item.name] = found.hints

    async def _serve(self) -> None:
        doors = {name: Door(name, verify) for name, verify in self.connections.verifiers.items()}
        ingest = Ingest(self.db, doors, self.clock, lambda bell: self.running.hub.ring(bell) if self.running else None)
        app = web.Application()
        app.router.add_post("/hooks/{name}", partial(self._deliver, ingest))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", PORT).start()

    async def _deliver(self, ingest: Ingest, request: web.Request) -> web.Response:
        """The ASGI application behind aiohttp's server."""
        body, answer = await request.read(), {}
        await self.gate()
        headers = [(k.lower().encode(), v.encode()) for k, v in request.headers.items()]
        scope = {"type": "http", "method": request.method, "path": request.path, "headers": headers}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            answer.update(message)

        await ingest(scope, receive, send)
        await self.gate()
        if answer["status"] < 300:
            self.acknowledged(request.match_info["name"], body)
        return web.Response(status=answer["status"])

    def freeze(self) -> None:
        self.party.frozen = True
        self._thawed.clear()

    def thaw(self, *, suspended_s: float = 0.0) -> None:
        self.clock.suspended_s += suspended_s
        self.party.thaw()
        self._thawed.set()


def _verify(verify: Any, settings: Any, request: WebhookRequest) -> Delivery:
    return verify(request, settings)


class Tasks:
    """Which tasks belong to which party, so that a kill ends them all."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._of: dict[str, dict[asyncio.Task[Any], None]] = {}
        loop.set_task_factory(self._make)

    def _make(self, loop: Any, coro: Any, context: Any = None, **rest: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, context=context, **rest)
        who = (context.get(party) if context else party.get()) or party.get()
        mine = self._of.setdefault(who.name, {})
        mine[task] = None
        task.add_done_callback(lambda done: mine.pop(done, None))
        return task

    async def end(self, name: str) -> None:
        """Cancels them until none is left; what they still try meets a dead process."""
        for _ in range(100):
            mine = [t for t in self._of.get(name, {}) if t is not asyncio.current_task()]
            if not mine:
                return
            for task in mine:
                task.cancel()
            await asyncio.wait(mine, timeout=1.0)
        raise AssertionError(f"{name} does not die: {mine[:3]}")
