"""Trading while the network misbehaves, then quiet, then the reckoning from the simulators' own books."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from nervo.bootstrap.demo import HELD
from nervo.staging.reckoning import Result as Reckoned
from nervo.staging.reckoning import reckon
from nervo.store import operations
from nervo.store.database import Database, Tx
from tests.prove.network import ground
from tests.prove.network.ground import line
from tests.prove.network.pipe import Line
from tests.prove.network.plan import moments
from tests.prove.network.toxics import Jolt, Toxic

RULES = {"sweep_s": 2, "readback_s": 5, "subscriptions_s": 3}
REST_S = 180.0
MOMENT_S = 1.0
ORDER_EVERY_S = 0.12
HELD_IN_SILENCE = """SELECT connection, external_id FROM store_saleorder o WHERE state = 'held'
    AND NOT EXISTS (SELECT 1 FROM store_problem p WHERE p.order_id = o.id AND p.state = 'open')"""
LEFT_OPEN = """SELECT p.code, p.connection, p.subject, p.key, p.said FROM store_problem p LEFT JOIN store_saleorder o ON o.id = p.order_id
    WHERE p.state = 'open' AND (o.id IS NULL OR o.state <> 'held')"""


@dataclass
class Seen:
    """What became of one campaign. `left_open`: problems that nobody has to solve any more and that are still shown."""

    seed: int
    reckoned: Reckoned
    rest_s: float
    asked: Mapping[str, int]
    passed: Mapping[str, int]
    toxics: Counter[str] = field(default_factory=Counter)
    repaired: Mapping[str, int] = field(default_factory=dict)
    silent: Sequence[tuple[str, str]] = ()
    twice: Sequence[str] = ()
    left_open: Sequence[tuple[str, ...]] = ()

    @property
    def wrong(self) -> list[str]:
        """Each thing that is not as it must be, with the seed that shows it again."""
        said = [] if self.reckoned.good else [self.reckoned.line(), *self.reckoned.complaints]
        said += [f"{shop} {id} is held without a problem" for shop, id in self.silent]
        said += [*self.twice, *(f"still open: {' '.join(problem)}" for problem in self.left_open)]
        return [f"seed {self.seed}: {what}" for what in said]


async def campaign(
    db: Database, seed: int, seconds: float, *, unique_keys: bool = True, pipe: Line | None = None
) -> Seen:
    """Trades for about so long under a plan drawn from the seed, then lets it come to rest. `pipe` leads to the database."""
    chance = Random(seed)
    async with line(db, seed, unique_keys=unique_keys, **RULES) as here:
        await stocked(here)
        trading = asyncio.create_task(trade(here))
        try:
            for moment in moments(chance, seconds, database=pipe is not None, moment_s=MOMENT_S):
                poison(here, moment.toxics)
                await asyncio.gather(asyncio.sleep(MOMENT_S), *([jolted(pipe, moment.jolt, chance)] if pipe else []))
        finally:
            trading.cancel()
            with suppress(asyncio.CancelledError):
                await trading
            poison(here, {})
            if pipe:
                pipe.tell("delay")
        here.people.count()
        started = time.monotonic()
        reckoned = await rest(here)
        found = await seen(here, seed, reckoned, time.monotonic() - started)
    if pipe:
        found.toxics += Counter({f"database {what}": n for what, n in pipe.applied.items()})
    return found


def poison(here: ground.Line, moment: Mapping[str, list[Toxic]]) -> None:
    """These toxics on these edges; none on the others."""
    for edge, proxy in here.edges.items():
        proxy.toxics = list(moment.get(edge, ()))


async def jolted(pipe: Line, jolt: Jolt, chance: Random) -> None:
    """What the line to the database suffers in a moment."""
    pipe.tell("delay", jolt.delay_s)
    if jolt.stall_s:
        pipe.tell("stall", jolt.stall_s)
        await asyncio.sleep(jolt.stall_s)
    for _ in range(jolt.cuts):
        await asyncio.sleep(MOMENT_S / jolt.cuts * chance.random())
        pipe.tell("cut")


async def stocked(here: ground.Line) -> None:
    """Every shop shows what can be bought."""
    async with asyncio.timeout(30):
        while not all(shop.quantity(sku) for shop in here.world.shops.values() for sku in here.world.bought):
            await asyncio.sleep(0.05)


async def trade(here: ground.Line) -> None:
    """What people do, until cancelled."""
    people, chance = here.people, here.world.chance
    habits = ((people.count, 0.4), (people.pack, 0.35), (people.pay_later, 0.15), (people.think_better, 0.05),
              (people.reprice, 0.05), (people.restock, 0.5))  # fmt: skip
    while True:
        people.buy(doubtful=chance.random() < 0.03)
        for habit, share in habits:
            if chance.random() < share:
                habit()
        await asyncio.sleep(ORDER_EVERY_S * chance.uniform(0.5, 1.5))


async def rest(here: ground.Line) -> Reckoned:
    """The counts as soon as they are good and no problem is left, or when the patience is over."""
    until = time.monotonic() + REST_S
    while any(proxy.under_way for proxy in here.edges.values()):
        await asyncio.sleep(0.1)
    while True:
        reckoned = reckon(here.world, await here.db.read(_held), here.people.changes)
        if (reckoned.good and not await here.db.read(left_open)) or time.monotonic() > until:
            return reckoned
        await asyncio.sleep(0.3)


async def seen(here: ground.Line, seed: int, reckoned: Reckoned, rest_s: float) -> Seen:
    edges, db = here.edges, here.db
    toxics = Counter({f"{edge} {kind}": n for edge, proxy in edges.items() for kind, n in proxy.applied.items()})
    repaired = await db.read(lambda tx: operations.counted(tx, "drift:") | operations.counted(tx, "found_by_"))
    return Seen(
        seed, reckoned, rest_s, {e: p.asked for e, p in edges.items()}, {e: p.passed for e, p in edges.items()}, toxics, repaired,
        await db.read(_held_in_silence), list(_twice(here)), await db.read(left_open),
    )  # fmt: skip


def _twice(here: ground.Line) -> list[str]:
    """What was done twice in the simulators' books, apart from whole orders, which the reckoning counts."""
    world, said = here.world, []
    for row in world.erp.orders():
        if row["paid"] > row["total"]:
            said.append(f"{row['key']}: paid {row['paid']} of {row['total']}")
    for placed in world.placed:
        told = [f["tracking_number"] for f in world.shops[placed.shop].fulfilments(placed.id)]
        if len(told) != len(set(told)):
            said.append(f"{placed.shop} {placed.id}: fulfilled as {told}")
    emails = Counter(customer.email for customer, *_ in world.erp.sales.customers.values())
    return said + [f"customer {email} is there {n} times" for email, n in emails.items() if n > 1]


def _held(tx: Tx) -> set[tuple[str, str]]:
    return {(str(connection), str(id)) for connection, id in tx.rows(HELD)}


def _held_in_silence(tx: Tx) -> list[tuple[str, str]]:
    return [(str(connection), str(id)) for connection, id in tx.rows(HELD_IN_SILENCE)]


def left_open(tx: Tx) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in tx.rows(LEFT_OPEN)]
