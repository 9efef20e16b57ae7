"""A world that trades with whatever hubs there are: people buy and pack, shops and strangers write, replies get lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from nervo.bootstrap.demo import subscribe
from nervo.kit.simulator import Fault, FaultKind
from nervo.staging.people import People
from nervo.staging.reckoning import Result
from nervo.staging.trading import World
from tests.prove.kills.hubs import LATE_S, Hubs
from tests.prove.kills.letters import Correspondence, Faithful, Record, sending
from tests.prove.kills.oracle import Tables, settled

ORDER_EVERY_S = 0.25
SWEEP_S = 8
STILL_S = 100.0  # nothing moves for so long, longer than any pause of the hub: it is over
MOST_WAITING = 60


@dataclass
class Scene:
    """The world and its people, who are busy while `busy` is set. `lag_s`: how late the simulators were at most."""

    world: World
    people: People
    record: Record
    tables: Tables
    chance: Random
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    lag_s: float = 0.0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def rest(self) -> tuple[Result, list[str]]:
        """The counts as soon as everything is as it must be, or what is wrong once nothing has moved for long."""
        moved, before = time.monotonic(), None
        while True:
            result, wrong = settled(self.world, self.people, self.record, self.tables)
            wrong += [f"the world stumbled: {task.exception()!r}" for task in self.tasks if task.done()]
            if (result.in_erp, result.held, wrong) != before:
                moved, before = time.monotonic(), (result.in_erp, result.held, wrong)
            if not wrong or time.monotonic() - moved > STILL_S:
                return result, wrong
            await asyncio.sleep(0.5)

    async def stocked(self) -> None:
        """The first reading has reached the shops: there is something to buy."""
        async with asyncio.timeout(2 * STILL_S):
            while self.people.buy() is None:
                await asyncio.sleep(0.1)

    async def trade(self) -> None:
        """What people do, and what goes wrong besides."""
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
            if self._waiting() < MOST_WAITING:
                people.buy(doubtful=chance.random() < 0.02)
            for habit, share in habits:
                if chance.random() < share:
                    habit()
            self._trouble()
            await asyncio.sleep(ORDER_EVERY_S * chance.uniform(0.5, 1.5))

    def _waiting(self) -> int:
        """Orders that the ERP has not heard of: as many as there can be, and still be worked off on a slow machine."""
        return len(self.world.placed) - len(self.world.erp.sales.orders)

    def _trouble(self) -> None:
        """Lost replies and late writes here and there."""
        chance = self.chance
        if chance.random() < 0.05:
            self.world.erp.faults.append(Fault(FaultKind.LOST_REPLY, "POST /api/v1/orders"))
        if chance.random() < 0.02:
            self.world.erp.faults.append(Fault(FaultKind.LATE, "POST /api/v1/orders", seconds=LATE_S / 3))
        shop = chance.choice(list(self.world.shops.values()))
        if chance.random() < 0.05:
            shop.faults.append(Fault(FaultKind.LOST_REPLY, "P"))
        if chance.random() < 0.03:
            shop.faults.append(Fault(FaultKind.LATE, "P", seconds=LATE_S / 3))

    async def feel_lag(self) -> None:
        """This process answers for the simulators: no write takes effect later than it is late."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.05)
            self.lag_s = max(self.lag_s, time.monotonic() - before - 0.05)


@asynccontextmanager
async def scene(world: World, url: str, places: list[Hubs], seed: int) -> AsyncIterator[Scene]:
    """The world with its life, installed at the first place; letters go to any of them. `url`: their database."""
    world.sweep_s = SWEEP_S
    for simulator in (world.erp, *world.shops.values()):
        simulator.keep_seen = False
    async with AsyncExitStack() as stack:
        await places[0].install(world)
        record = Record()
        sender = await sending(stack, record, [place.url for place in places])
        postman = await stack.enter_async_context(Faithful(sender, Random(seed)).work())
        await subscribe(world, postman.url)
        made = Scene(world, People(world), record, Tables(url), Random(seed))
        writing = Correspondence(world, sender, Random(seed + 1))
        made.tasks = [asyncio.create_task(work) for work in (made.trade(), made.feel_lag(), writing.flow(made.busy))]
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
            await asyncio.gather(*made.tasks, return_exceptions=True)
