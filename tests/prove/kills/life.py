"""One trading world with a hub that is killed again and again, and that has to be right whenever it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from nervo.bootstrap.demo import subscribe
from nervo.kit.simulator import Fault, FaultKind
from nervo.staging.people import People
from nervo.staging.reckoning import Result
from nervo.staging.trading import World, trading_world
from tests.prove.kills.hubs import LATE_S, Ended, Hubs, hubs
from tests.prove.kills.letters import Correspondence, Faithful, Record, Sender, sending
from tests.prove.kills.oracle import Tables, deliveries, settled

ORDER_EVERY_S = 0.25
EARLY_SHARE, EARLY_S = 0.35, 1.0
SOONEST_S, LATEST_S = 0.02, 0.8
LONG_SHARE, LONG_S = 0.25, 2.5  # long enough for orders to be under way on a slow machine too
REST_S = 240.0
CRASH_EVERY = 10
AFTER_CRASH_S = 45.0

Crash = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Tally:
    """What a campaign has seen."""

    kills: int = 0
    crashes: int = 0
    checks: int = 0
    lost: int = 0
    repeated: int = 0
    acknowledged: int = 0
    cut: int = 0
    written: int = 0  # orders that reached the ERP between kills, not while at rest
    seconds: float = 0.0
    orders: Counter[str] = field(default_factory=Counter)
    lag_s: float = 0.0
    violations: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in (
            "kills",
            "crashes",
            "checks",
            "lost",
            "repeated",
            "acknowledged",
            "cut",
            "written",
            "seconds",
            "orders",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.lag_s = max(self.lag_s, other.lag_s)
        self.violations += other.violations


@dataclass
class Life:
    """A world, its people, and the hub's processes. `where` says how to see it again."""

    world: World
    people: People
    hubs: Hubs
    record: Record
    tables: Tables
    chance: Random
    where: str
    crash: Crash | None = None
    tally: Tally = field(default_factory=Tally)
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    _written: int = 0

    async def kill_many(self, kills: int, check_every: int) -> None:
        """So many kills under load, with a rest after every `check_every` and at the end; stops at the first violation."""
        await self.hubs.start()
        await self.rest()
        for number in range(1, kills + 1):
            self.busy.set()
            await self._kill()
            if number % check_every == 0 or number == kills:
                await self.rest()
            if self.tally.violations:
                return

    async def _kill(self) -> None:
        """Kills at a random moment of the process's life, mostly after it began to act, and starts the next at once."""
        if self.chance.random() < EARLY_SHARE:
            await asyncio.sleep(self.chance.uniform(0, EARLY_S))
        else:
            await self.hubs.acting()
            if self.crash and self.tally.kills % CRASH_EVERY == CRASH_EVERY - 1:
                await self._crash(self.crash)
            await asyncio.sleep(self._life_s())
        await self.hubs.kill()
        self.tally.kills += 1
        await self.hubs.start()

    def _life_s(self) -> float:
        long = self.chance.random() < LONG_SHARE
        return self.chance.uniform(LATEST_S, LONG_S) if long else self.chance.uniform(SOONEST_S, LATEST_S)

    async def _crash(self, crash: Crash) -> None:
        """The database stops in the middle of everything; the hub has to go on by itself when it is back."""
        await asyncio.sleep(self.chance.uniform(SOONEST_S, LATEST_S))
        await crash()
        self.tally.crashes += 1
        before, began = self.record.acknowledged.total(), time.monotonic()
        while self.record.acknowledged.total() < before + 20:
            if time.monotonic() - began > AFTER_CRASH_S:
                raise Ended(f"nothing was taken within {AFTER_CRASH_S:.0f} s of the database's return")
            await asyncio.sleep(0.05)

    async def rest(self) -> None:
        """Nobody buys or writes any more: the books have to agree within a time."""
        self.busy.clear()
        self.tally.written += len(self.world.erp.sales.orders) - self._written
        await self.hubs.acting()
        result, wrong = await self._at_rest()
        lost, repeated = deliveries(self.record, self.tables)
        tally = self.tally
        tally.checks += 1
        tally.lost, tally.repeated = len(lost), len(repeated)
        tally.acknowledged, tally.cut = len(self.record.acknowledged), self.record.cut
        self._written = len(self.world.erp.sales.orders)
        tally.orders = Counter(
            orders=result.orders, in_erp=result.in_erp, held=result.held, duplicates=result.duplicates, lost=result.lost
        )
        found = [*(f"lost {letter}" for letter in lost[:3]), *(f"twice {letter}" for letter in repeated[:3]), *wrong]
        tally.violations += [f"{self.where}, kill {tally.kills}: {what}" for what in found]

    async def _at_rest(self) -> tuple[Result, list[str]]:
        until = time.monotonic() + REST_S
        while True:
            result, wrong = settled(self.world, self.people, self.record, self.tables)
            # The first rest has nothing to count yet.
            wrong = [what for what in wrong if self.tally.kills or what != "no stock change was measured"]
            if not wrong or time.monotonic() > until:
                return result, wrong
            await asyncio.sleep(0.5)

    async def trade(self) -> None:
        """What people do and what goes wrong besides kills, while `busy` is set."""
        chance, people = self.chance, self.people
        habits = (
            (people.count, 0.4),
            (people.pack, 0.35),
            (people.pay_later, 0.15),
            (people.think_better, 0.04),
            (people.reprice, 0.03),
            (people.restock, 0.5),
        )
        while True:
            await self.busy.wait()
            people.buy(doubtful=chance.random() < 0.02)
            for habit, share in habits:
                if chance.random() < share:
                    habit()
            self._trouble()
            await asyncio.sleep(ORDER_EVERY_S * chance.uniform(0.5, 1.5))

    def _trouble(self) -> None:
        """Lost replies and late writes here and there."""
        chance = self.chance
        if chance.random() < 0.05:
            self.world.erp.faults.append(Fault(FaultKind.LOST_REPLY, "POST /api/v1/orders"))
        if chance.random() < 0.02:
            self.world.erp.faults.append(Fault(FaultKind.LATE, "POST /api/v1/orders", seconds=LATE_S / 3))
        if chance.random() < 0.05:
            chance.choice(list(self.world.shops.values())).faults.append(Fault(FaultKind.LOST_REPLY, "POST"))

    async def feel_lag(self) -> None:
        """How late this process is at its longest: the simulators answer no later than that after a hub's death."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            self.tally.lag_s = max(self.tally.lag_s, time.monotonic() - before - 0.05)


@asynccontextmanager
async def life(folder: Path, url: str, seed: int, *, unique: bool, crash: Crash | None = None) -> AsyncIterator[Life]:
    """A world in which the hub has its database at `url`. `unique`: whether the ERP refuses a second order under one key."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(trading_world(seed))
        world.sweep_s, world.erp.unique_keys = 8, unique
        for simulator in (world.erp, *world.shops.values()):
            simulator.keep_seen = False
        processes = await stack.enter_async_context(hubs(folder, url))
        await processes.install(world)
        record = Record()
        sender: Sender = await sending(stack, record, processes.url)
        postman = await stack.enter_async_context(Faithful(sender, Random(seed)).work())
        await subscribe(world, postman.url)
        made = Life(world, People(world), processes, record, Tables(url), Random(seed), f"seed {seed}", crash)
        writing = Correspondence(world, sender, Random(seed + 1))
        tasks = [asyncio.create_task(work) for work in (made.trade(), made.feel_lag(), writing.flow(made.busy))]
        began = time.monotonic()
        try:
            yield made
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            made.tally.seconds = time.monotonic() - began
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
