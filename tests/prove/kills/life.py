"""One trading world with a hub that is killed again and again, and that has to be right whenever it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from nervo.staging.trading import trading_world
from tests.prove.kills.hubs import Ended, Hubs, hubs
from tests.prove.kills.oracle import deliveries
from tests.prove.kills.scene import Scene, scene
from tests.prove.parts import Say

EARLY_SHARE, EARLY_S = 0.35, 1.0
SOONEST_S, LATEST_S = 0.02, 0.8
WRITING_SHARE, WRITING_S = 0.3, 0.3  # killed right after an order has reached the ERP, when others are on their way
LONGEST_S = 8.0
AFTER_CRASH_S = 60.0

Crash = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Tally:
    """What a campaign has seen. `written`: orders that reached the ERP between kills, not while at rest."""

    kills: int = 0
    crashes: int = 0
    checks: int = 0
    lost: int = 0
    repeated: int = 0
    acknowledged: int = 0
    cut: int = 0
    written: int = 0
    seconds: float = 0.0
    orders: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))


@dataclass
class Life:
    """A scene and the hub's processes, one after the other. `where` says how to see it again; `crash`, done before every so many
    kills, stops the database and starts it again."""

    scene: Scene
    hubs: Hubs
    where: str
    crash: Crash | None = None
    crash_every: int = 10
    say: Say = print
    tally: Tally = field(default_factory=Tally)
    _written: int = 0

    async def kill_many(self, kills: int, check_every: int) -> None:
        """So many kills under load, with a rest after every `check_every` and at the end; stops at the first violation."""
        await self.hubs.start()
        await self.scene.stocked()
        for number in range(1, kills + 1):
            self.scene.busy.set()
            await self._kill()
            if number % check_every == 0 or number == kills:
                await self._rest()
            if self.tally.violations:
                return

    async def _kill(self) -> None:
        """Kills at a random moment of the process's life, mostly after it began to act, and starts the next at once."""
        chance = self.scene.chance
        if chance.random() < EARLY_SHARE:
            await asyncio.sleep(chance.uniform(0, EARLY_S))
        else:
            await self.hubs.acting()
            if self.crash and self.tally.kills + 1 >= self.crash_every * (self.tally.crashes + 1):
                await self._crash(self.crash)
            await self._live()
        await self.hubs.kill()
        self.tally.kills += 1
        await self.hubs.start()

    async def _live(self) -> None:
        chance, orders = self.scene.chance, self.scene.world.erp.sales.orders
        if chance.random() > WRITING_SHARE:
            await asyncio.sleep(chance.uniform(SOONEST_S, LATEST_S))
            return
        until, before = time.monotonic() + LONGEST_S, len(orders)
        while len(orders) == before and time.monotonic() < until:
            await asyncio.sleep(0.005)
        await asyncio.sleep(chance.uniform(0, WRITING_S))

    async def _crash(self, crash: Crash) -> None:
        """The database stops in the middle of everything; the hub has to go on by itself when it is back."""
        await self._live()
        await crash()
        self.tally.crashes += 1
        taken = self.scene.record.acknowledged
        before, began = taken.total(), time.monotonic()
        while taken.total() < before + 20:
            if time.monotonic() - began > AFTER_CRASH_S:
                raise Ended(f"nothing was taken within {AFTER_CRASH_S:.0f} s of the database's return")
            await asyncio.sleep(0.05)

    async def _rest(self) -> None:
        """Nobody buys or writes any more: the books have to agree."""
        scene, tally = self.scene, self.tally
        scene.busy.clear()
        tally.written += len(scene.world.erp.sales.orders) - self._written
        await self.hubs.acting()
        result, wrong = await scene.rest()
        lost, repeated = deliveries(scene.record, scene.tables)
        self._written = len(scene.world.erp.sales.orders)
        tally.checks += 1
        tally.lost, tally.repeated = len(lost), len(repeated)
        tally.acknowledged, tally.cut = len(scene.record.acknowledged), scene.record.cut
        tally.orders = Counter(
            orders=result.orders, in_erp=result.in_erp, held=result.held, duplicates=result.duplicates
        )
        found = [*(f"lost {letter}" for letter in lost[:3]), *(f"twice {letter}" for letter in repeated[:3]), *wrong]
        self.say(f"{self.where}, kill {tally.kills}: {tally.acknowledged} acknowledged, {result.line()}")
        tally.violations += [f"{self.where}, kill {tally.kills}: {what}" for what in found]


@asynccontextmanager
async def life(
    folder: Path, url: str, seed: int, say: Say, *, unique: bool, crash: Crash | None = None
) -> AsyncIterator[Life]:
    """A world whose hub has its database at `url`. `unique`: whether the ERP refuses a second order under one key."""
    async with trading_world(seed) as world, hubs(folder, url) as processes:
        world.erp.unique_keys = unique
        async with scene(world, url, [processes], seed) as made:
            lived, began = Life(made, processes, f"seed {seed}", crash, say=say), time.monotonic()
            yield lived
            lived.tally.seconds = time.monotonic() - began
