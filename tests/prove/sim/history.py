"""One simulated history: the people trade while things go wrong, then the weather clears, everything comes to rest, and is judged."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp.connector
from django.db import connections

from nervo.staging.people import Change
from nervo.staging.reckoning import shown_at
from nervo.staging.trading import MAIN
from nervo.staging.virtual import Deadlock, VirtualLoop
from nervo.staging.wires import Network
from tests.prove.sim.incidents import INCIDENTS, Weather
from tests.prove.sim.oracles import Oracles
from tests.prove.sim.scene import Scene

LOOK_S = 15.0
REST_S = 2 * 3600.0
OPEN_S = 3600.0
STILL_S = 65.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one history came to. `digest`: of all that happened, in order."""

    seed: int
    digest: str
    broken: tuple[str, ...] = ()
    simulated_s: float = 0.0
    cpu_s: float = 0.0
    orders: int = 0
    exchanges: int = 0
    met: dict[str, int] = field(default_factory=dict)
    rest_s: float = 0.0
    propagation_ms: tuple[int, int] = (0, 0)


def play(seed: int) -> Outcome:
    """The history of a seed, always the same. Runs in a process of its own data, with PYTHONHASHSEED fixed."""
    from tests.hub import use_database

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # one thread, one loop: nothing waits for this database
    folder = Path(tempfile.mkdtemp(prefix="nervo-history-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    started = time.process_time()
    try:
        use_database(f"sqlite:///{folder / 'nervo.sqlite3'}")
        return _play(seed, started)
    finally:
        connections["default"].close()
        shutil.rmtree(folder, ignore_errors=True)


def _play(seed: int, started: float) -> Outcome:
    net = Network(Random(f"{seed}/net"))
    loop = virtual_loop(net)
    history = History(seed, loop, net)
    try:
        loop.run_until_complete(history.run())
    except Deadlock as stuck:
        history.oracles.say("live", str(stuck))
    except Exception:  # noqa: BLE001 - whatever broke is told under its seed
        history.oracles.say("harness", traceback.format_exc(limit=-6))
    finally:
        loop.close()
    return history.outcome(time.process_time() - started)


def virtual_loop(net: Network) -> VirtualLoop:
    """A loop for one history. aiohttp asks the machine how old a connection is; here it is told by the loop."""
    loop = VirtualLoop(net)
    loop.set_exception_handler(lambda loop, context: None)
    asyncio.set_event_loop(loop)
    aiohttp.connector.monotonic = loop.time  # type: ignore[attr-defined]
    return loop


class History:
    """The course of one seed."""

    def __init__(self, seed: int, loop: VirtualLoop, net: Network) -> None:
        self.scene = Scene(seed, loop, net)
        chance = self.scene.chance
        self.scene.build(
            unique_keys=chance.random() < 0.5,
            poll_s=chance.choice((2.0, 10.0, 20.0)),
            moment_s=chance.choice((0.002, 0.02)),
        )
        self.weather = Weather(self.scene)
        self.oracles = Oracles(self.scene)
        self.orders = chance.randint(2, 7)
        self.pause_s = chance.choice((0.3, 2.0, 8.0))
        self.plan = [chance.choice(INCIDENTS) for _ in range(chance.choice((0, 1, 2, 3, 4, 6)))]
        self.rest_s = 0.0
        self.result = None
        self._counted: dict[str, int] = {}

    async def run(self) -> None:
        try:
            await self._played()
        finally:
            connections["default"].close()  # the loop has one of its own

    async def _played(self) -> None:
        scene = self.scene
        scene.net.trouble = self.weather
        async with scene.open():
            await scene.hub()
            if not await scene.opened(OPEN_S):
                self.oracles.say("live", f"not open after {OPEN_S:.0f} s")
            watching = asyncio.create_task(self._watch())
            incidents = [asyncio.create_task(self._incident(n)) for n in range(len(self.plan))]
            await asyncio.sleep(scene.chance.uniform(0.0, 20.0))
            await self._trade()
            await asyncio.gather(*incidents)
            self._clear()
            await self._rest()
            watching.cancel()

    async def _incident(self, number: int) -> None:
        await asyncio.sleep(self.scene.chance.uniform(0.0, 20.0 + self.orders * self.pause_s * 1.5))
        incident = self.plan[number]
        self.scene.note("incident", incident.__name__)
        self.scene.met[incident.__name__] += 1
        await incident(self.scene)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.oracles.look()

    async def _trade(self) -> None:
        people, chance = self.scene.people, self.scene.chance
        for _ in range(self.orders * 4):
            if len(self.scene.world.placed) >= self.orders:
                break
            placed = people.buy(doubtful=chance.random() < 0.05)
            if placed and chance.random() < 0.06:
                self.scene.world.shops[placed.shop].cancel(placed.id)
                self.scene.world.cancelled.add((placed.shop, placed.id))
            for habit, share in ((self._count, 0.5), (people.pack, 0.4), (people.pay_later, 0.2), (people.think_better, 0.08),
                                 (people.reprice, 0.1), (people.restock, 0.5)):  # fmt: skip
                if chance.random() < share:
                    habit()
            await asyncio.sleep(self.pause_s * chance.uniform(0.2, 2.0))

    def _count(self) -> None:
        """The office counts a shelf of a SKU that nobody buys: each time to a number that it never was before."""
        world = self.scene.world
        sku = self.scene.chance.choice(world.restocked)
        number = self._counted[sku] = self._counted.get(sku, 10) + 1
        world.erp.set_stock(sku, MAIN, number)
        at = world.erp.history[-1][0]
        self.scene.people.changes.append(Change(at, sku, {name: shown_at(world, name, sku, 0) for name in world.shops}))

    def _clear(self) -> None:
        """No more trouble; whoever was stopped goes on."""
        self.weather.clear = True
        self.scene.store = lambda writing: None
        for simulator in self.scene.simulators.values():
            simulator.down = False
            simulator.faults.clear()
        self.scene.counting = False

    async def _rest(self) -> None:
        """Until the books agree, then a while longer: what agrees by chance does not stay so."""
        scene = self.scene
        if not scene.living():
            await scene.hub()
        since = scene.loop.time()
        while not self.oracles.agree(result := self.oracles.reckoned()) and scene.loop.time() < since + REST_S:
            await asyncio.sleep(10.0 if scene.loop.time() < since + 600 else 120.0)
        self.rest_s = scene.loop.time() - since
        await asyncio.sleep(STILL_S)
        if self.oracles.agree(result):
            result = self.oracles.reckoned()
        self.result = result
        self.oracles.at_rest(result)

    def outcome(self, cpu_s: float) -> Outcome:
        scene, result = self.scene, self.result
        books = repr([(row["key"], row["state"], row["total"], row["paid"]) for row in scene.world.erp.orders()])
        scene.note("books", books)
        return Outcome(
            scene.seed, scene.digest.hexdigest()[:16], tuple(self.oracles.broken), scene.loop.time(), cpu_s,
            len(scene.world.placed), scene.net.exchanges, dict(scene.met), self.rest_s,
            (result.p50_ms, result.p99_ms) if result else (0, 0),
        )  # fmt: skip
