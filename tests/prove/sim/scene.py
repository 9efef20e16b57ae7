"""The scene of a simulated history: an ERP and two shops, each a party on the network, the people who trade, and the hub's processes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from nervo.kit import crashpoint
from nervo.rules.config import Config
from nervo.staging.catalogue import catalogue
from nervo.staging.people import People
from nervo.staging.trading import ERP, SHELVES, World, _simulator, _stock_up
from nervo.staging.virtual import VirtualClock, VirtualLoop
from nervo.staging.wires import Drawn, Exchange, Network, Party, party
from nervo.store.database import _read
from tests.prove.sim.process import PORT, Away, Killed, Process, Tasks

ARTICLES, NEW = 4, 1
DELIVER_S = 0.5
ERP_LATE_S = 20


class Scene:
    """Everything of one history. `book` is what the oracles have to say, `digest` what happened, in order."""

    def __init__(self, seed: int, loop: VirtualLoop, net: Network) -> None:
        self.seed, self.loop, self.net = seed, loop, net
        self.clock = VirtualClock(loop)
        self.chance = Random(f"{seed}/incidents")
        self.tasks = Tasks(loop)
        self.processes: list[Process] = []
        self.crash_in, self.counting = 0, False
        self.crash_at: set[int] = set()
        self.passed = 0
        self.points: list[str] | None = None
        self.crashed: list[str] = []
        self.digest = hashlib.sha256()
        self.met = Counter[str]()
        self.acknowledged: list[tuple[str, str]] = []
        self.restored, self.readback_s = 0, 300
        self.miscounted: set[str] = set()
        self.store: Callable[[bool], Away | None] = lambda writing: None
        self._number = 0
        net.said = self._said

    def build(self, *, unique_keys: bool, poll_s: float, moment_s: float) -> None:
        """The books before anything happens."""
        chance = Random(f"{self.seed}/people")
        erp = _simulator(ERP, self.clock)
        erp.unique_keys = unique_keys
        shops = {name: _simulator(name, self.clock) for name in SHELVES}
        self.world = World(erp, shops, catalogue(chance)[:ARTICLES], chance, self.clock, new_articles=NEW)
        for simulator in (erp, *shops.values()):
            simulator.keep_seen = False
        _stock_up(self.world)
        self.people = People(self.world)
        self.parties = {name: Party(name) for name in ("erp", *shops)}
        self._poll_s, self._moment_s = poll_s, moment_s

    @property
    def simulators(self) -> dict[str, Any]:
        return {"erp": self.world.erp, **self.world.shops}

    def settings(self) -> dict[str, dict[str, str]]:
        given = self.world.settings()
        return given | {"erp": given["erp"] | {"late_application_s": str(ERP_LATE_S)}}

    @property
    def config(self) -> Config:
        found = self.world.config
        connections = {
            name: replace(c, sweep_s=60, readback_s=self.readback_s, subscriptions_s=300)
            for name, c in found.connections.items()
        }
        return replace(found, public_url=f"http://127.0.0.1:{PORT}", snapshot_s=1800, connections=connections)

    async def as_party(self, who: Party, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs something as somebody on the network."""
        return await self.spawn(who, work)

    def spawn(self, who: Party, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = copy_context()
        context.run(party.set, who)
        return asyncio.create_task(work, context=context)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The foreign systems listen and deliver; at the end every process is dead."""
        runners = [await self.as_party(self.parties[n], s.start()) for n, s in self.simulators.items()]
        senders = [self.spawn(self.parties[n], self._deliver(s)) for n, s in self.world.shops.items()]
        crashpoint.watch(self._crashpoint)
        try:
            yield
        finally:
            crashpoint.watch(None)
            for process in self.processes:
                await self.kill(process)
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
            for runner in runners:
                await runner.cleanup()

    async def _deliver(self, shop: Any) -> None:
        while True:
            await shop.deliver()
            await asyncio.sleep(DELIVER_S)

    # Processes

    async def hub(self) -> Process:
        """One more hub process."""
        self._number += 1
        chance = Random(f"{self.seed}/moments/{self._number}")
        process = Process(
            f"hub-{self._number}", self, self.config, poll_s=self._poll_s, chance=chance, moment_s=self._moment_s
        )
        process.acknowledged = self._acknowledged
        process.store_trouble = lambda writing: self.store(writing)
        self.processes.append(process)
        await process.start()
        return process

    def _acknowledged(self, name: str, body: bytes) -> None:
        if not body.startswith(b"webhook_id="):  # a ping, of which one is kept for all
            self.acknowledged.append((name, hashlib.sha256(body).hexdigest()))

    async def opened(self, within_s: float) -> bool:
        """Waits until the hub knows the ERP and every shop: what is sold from then on is its own."""
        until = self.loop.time() + within_s
        while self.loop.time() < until:
            process = self.active()
            if process and process.running and process.running.hub.opened >= set(self.world.shops):
                return True
            await asyncio.sleep(0.5)
        return False

    def living(self) -> list[Process]:
        return [p for p in self.processes if p.party.alive]

    def active(self) -> Process | None:
        return next((p for p in self.living() if p.running and p.running.hub.active), None)

    async def kill(self, process: Process) -> None:
        """As kill -9: at once, wherever it stands."""
        if process.party.alive:
            self._die(process)
        await self.tasks.end(process.name)

    def _die(self, process: Process) -> None:
        process.party.alive = False
        process.party.frozen = False
        process._thawed.set()
        self.net.cut(process.party)
        self.note("dies", process.name)

    def _crashpoint(self, name: str, what: object) -> None:
        """Dies where it was told to: at the n-th point that any process passes, or as the countdown ends."""
        who = party.get()
        mine = next((p for p in self.processes if p.party is who), None)
        if mine is None:
            return
        mine.check()
        self.passed += 1
        if self.points is not None:
            self.points.append(_named(name, what))
        self.crash_in -= self.crash_in > 0
        if self.passed in self.crash_at or (self.counting and self.crash_in == 0):
            self.counting = False
            self.crashed.append(_named(name, what))
            self._die(mine)
            raise Killed(mine.name)

    # What happened

    def note(self, *what: object) -> None:
        self.digest.update(f"{self.loop.time():.6f} {' '.join(map(str, what))}\n".encode())

    def _said(self, exchange: Exchange, drawn: Drawn | None) -> None:
        if drawn:
            self.met[f"net {drawn.kind}"] += 1
        self.note(exchange.client.name, exchange.server.name, exchange.line, drawn.kind if drawn else "")

    def rows(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """A look into the hub's tables, by no process."""
        return _read(lambda tx: tx.rows(sql, args))

    def total(self, sku: str) -> Decimal:
        return self.world.erp.figure(sku)


def _named(name: str, what: object) -> str:
    """A crashpoint in words: the call's operation, or the writes that a commit carries."""
    if isinstance(what, list):
        work = getattr(what[0].work, "func", what[0].work)
        return f"{name} {work.__qualname__.replace('.<locals>', '').replace('.<lambda>', '')}"
    return f"{name} {what}"
