"""Two hubs on one database; the one that acts is stopped for longer than its lease, the other takes over, the first wakes up.

Which of them wrote is told by the foreign systems, who held the lease by the database. A hub that SQLite's lock was stopped with keeps
everybody out until it wakes: then nobody takes over, and there must be no stale write either.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from nervo.staging.trading import trading_world
from tests.prove.kills.ground import Ground
from tests.prove.kills.hubs import Hubs, hubs
from tests.prove.kills.oracle import deliveries
from tests.prove.kills.scene import Scene, scene
from tests.prove.kills.witness import Witness

AWAKE_S = 1.0
MOST_STOPS = 5


@dataclass(slots=True)
class Frozen:
    """What was seen."""

    stops: int = 0
    takeovers: int = 0
    locked: int = 0
    writes: int = 0
    stale: int = 0
    orders: int = 0
    acknowledged: int = 0
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        return (
            f"stops {self.stops} takeovers {self.takeovers} locked {self.locked} writes {self.writes} "
            f"stale {self.stale} orders {self.orders} acknowledged {self.acknowledged}"
        )


def freeze(ground: Ground, takeovers: int, seed: int, *, lease_s: float) -> Frozen:
    """Stops the hub that acts until the other one has taken over so many times, or will not."""
    return asyncio.run(_freeze(ground, takeovers, seed, lease_s))


async def _freeze(ground: Ground, takeovers: int, seed: int, lease_s: float) -> Frozen:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(trading_world(seed))
        world.erp.unique_keys = False
        pair = [
            await stack.enter_async_context(hubs(ground.folder, ground.url, name, lease_s=lease_s)) for name in "ab"
        ]
        made = await stack.enter_async_context(scene(world, ground.url, pair, seed))
        for hub in pair:
            await hub.start()
            await hub.acting()
        witness = Witness(world, ground.url, lambda owner: _name(pair, owner))
        watching = asyncio.create_task(witness.watch())
        try:
            await made.stocked()
            tally = await _rounds(made, witness, pair, takeovers, lease_s)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            witness.close()
        return tally


async def _rounds(made: Scene, witness: Witness, pair: list[Hubs], takeovers: int, lease_s: float) -> Frozen:
    tally = Frozen()
    made.busy.set()
    while tally.takeovers < takeovers and tally.stops < MOST_STOPS * takeovers:
        await asyncio.sleep(made.chance.uniform(0.2, lease_s / 2))
        await _round(made, witness, pair, tally, lease_s)
    made.busy.clear()
    result, wrong = await made.rest()
    lost, repeated = deliveries(made.record, made.tables)
    tally.orders, tally.acknowledged = result.orders, len(made.record.acknowledged)
    stale, tally.writes = witness.stale(), len(witness.writes)
    tally.stale = len(stale)
    if tally.takeovers < takeovers:
        tally.violations.append(f"only {tally.takeovers} takeovers in {tally.stops} stops: nothing is proven")
    tally.violations += [f"{w.hub} wrote {w.what} {w.at:.3f} without the lease" for w in stale[:5]]
    tally.violations += [
        *wrong,
        *(f"lost {letter}" for letter in lost[:3]),
        *(f"twice {letter}" for letter in repeated[:3]),
    ]
    return tally


async def _round(made: Scene, witness: Witness, pair: list[Hubs], tally: Frozen, lease_s: float) -> None:
    """Stops who acts until the other has taken over and written something, or for as long as that should take."""
    holder = witness.now
    stopped = next((hub for hub in pair if hub.name == holder), None)
    if stopped is None:  # nobody acts just now
        await asyncio.sleep(0.1)
        return
    tally.stops += 1
    stopped.stop()
    try:
        until, written = time.monotonic() + 2 * lease_s + 8, len(witness.writes)
        while time.monotonic() < until:
            if witness.now not in ("", holder) and any(w.hub != holder for w in witness.writes[written:]):
                break
            await asyncio.sleep(0.02)
        taken = witness.now not in ("", holder)
        tally.takeovers += taken
        tally.locked += not taken
        await asyncio.sleep(made.chance.uniform(0, 0.3))
    finally:
        stopped.go_on()
    await asyncio.sleep(AWAKE_S)


def _name(pair: list[Hubs], owner: str) -> str:
    """The hub whose process is named in the lease: machine:pid@place."""
    pid = owner.partition("@")[0].rpartition(":")[2]
    return next((hub.name for hub in pair if str(hub.pid) == pid), "")
