"""The demo: the whole hub in the trading world, at a human pace to look at, or fast and full of trouble to be counted."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from nervo import registry
from nervo.bootstrap import configuration
from nervo.bootstrap.connections import Connections, Verify, connect_all
from nervo.bootstrap.hub import Running
from nervo.bootstrap.vault import Vault
from nervo.kit.clock import SystemClock
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.kit.simulator import Fault, FaultKind
from nervo.staging.people import People
from nervo.staging.postman import Postman
from nervo.staging.reckoning import Result, reckon
from nervo.staging.trading import World, trading_world
from nervo.store.codec import ms
from nervo.store.database import Database, Tx

# Opens the ingest route for these verifiers and gives its base address; `ring` wakes the hub.
Doorstep = Callable[[Database, Mapping[str, Verify], Callable[[str], None]], AbstractAsyncContextManager[str]]

MOST_S = 55.0
ORDER_EVERY_S = 0.07
OUTAGE_S = 4.0
STORM_S = 2.0
LATE_S = 0.5  # how late the plan's late writes take effect; the hub is told twice that
HELD = """SELECT DISTINCT o.connection, o.external_id FROM store_saleorder o
          JOIN store_problem p ON p.order_id = o.id AND p.state = 'open' WHERE o.state = 'held'"""


def install(world: World, db: Database, vault: Vault) -> None:
    """The world's configuration becomes the live one, its secrets go to the vault."""
    configuration.apply(db, world.document(), "demo", "the trading world", ms(SystemClock().now()))

    def keep(tx: Tx) -> None:
        for name, secrets in world.secrets().items():
            configuration.put_secrets(tx, vault, name, secrets)

    db.write_now(keep)


async def subscribe(world: World, base_url: str) -> None:
    """Each shop's webhooks go to the ingest route under this address."""
    for name, given in world.settings().items():
        if name in world.shops:
            connector = registry.connector(name)
            port = connector.connect(parse(connector.settings, given), ToolBox())
            await port.subscribe(f"{base_url}/hooks/{name}")
            await port.close()


async def check(
    db: Database, vault: Vault, doorstep: Doorstep, *, orders: int = 300, seed: int = 1, most_s: float = MOST_S
) -> Result:
    """Trades with trouble, waits until the books agree or the time is over, and counts."""
    async with rehearsal(db, vault, doorstep, orders=orders, seed=seed, most_s=most_s) as done:
        return await done.rest()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Trading is over; the hub still runs."""

    world: World
    people: People
    db: Database
    orders: int
    until: float

    async def reckon(self) -> Result:
        """The counts now."""
        result = reckon(self.world, await self.db.read(_held), self.people.changes)
        if result.orders >= self.orders:
            return result
        return replace(
            result, complaints=(f"there was time for {result.orders} of {self.orders} orders", *result.complaints)
        )

    async def rest(self) -> Result:
        """The counts as soon as they are good, or at the end of the time."""
        while True:
            result = await self.reckon()
            if result.good or time.monotonic() > self.until:
                return result
            await asyncio.sleep(0.3)


@asynccontextmanager
async def rehearsal(
    db: Database, vault: Vault, doorstep: Doorstep, *, orders: int, seed: int, most_s: float
) -> AsyncIterator[Rehearsal]:
    """A world, a hub and a postman; so many orders later it is handed over."""
    until = time.monotonic() + most_s
    async with trading_world(seed) as world:
        world.sweep_s = 2
        await asyncio.to_thread(install, world, db, vault)
        async with _hub(world, db, vault) as (running, connections):
            async with doorstep(db, connections.verifiers, running.hub.ring) as address:
                async with Postman(address, Random(seed)).work() as postman:
                    await subscribe(world, postman.url)
                    people = People(world)
                    await _trade(people, orders, until)
                    yield Rehearsal(world, people, db, orders, until)


@asynccontextmanager
async def _hub(world: World, db: Database, vault: Vault) -> AsyncIterator[tuple[Running, Connections]]:
    clock = SystemClock()
    connections = await asyncio.to_thread(connect_all, db, vault, world.config, clock)
    assert not connections.failed, connections.failed
    for remote in connections.remotes.values():
        remote.port.capabilities = replace(remote.port.capabilities, late_application_s=2 * LATE_S)
    running = Running(db, world.config, connections.remotes, clock, "demo", readers=connections.readers, poll_s=0.2)
    await running.start()
    try:
        yield running, connections
    finally:
        await running.stop()
        await connections.close()


async def _trade(people: People, orders: int, until: float) -> None:
    """So many orders, with what people do between them and what goes wrong; the last third of the time is for coming to rest."""
    world, chance = people.world, people.world.chance
    plan = [(orders // 5, _storm), (orders // 2, _outage), (orders * 4 // 5, _storm)]
    troubles = []
    while len(world.placed) < orders and time.monotonic() < until - 10:
        number = len(world.placed)
        people.buy(doubtful=chance.random() < 0.02 or number == orders // 4)
        _errands(people)
        _trouble(world, number)
        while plan and number >= plan[0][0]:
            troubles.append(asyncio.create_task(plan.pop(0)[1](world)))
        await asyncio.sleep(ORDER_EVERY_S * chance.uniform(0.5, 1.5))
    await asyncio.gather(*troubles)
    for simulator in (world.erp, *world.shops.values()):
        simulator.faults.clear()


def _errands(people: People) -> None:
    chance, habits = people.world.chance, ((people.count, 0.5), (people.pack, 0.35), (people.pay_later, 0.15),
                                           (people.think_better, 0.04), (people.reprice, 0.05), (people.restock, 0.5))  # fmt: skip
    for habit, share in habits:
        if chance.random() < share:
            habit()


def _trouble(world: World, number: int) -> None:
    """Lost replies and late writes here and there."""
    erp, shop = world.erp, world.chance.choice(list(world.shops.values()))
    if number % 11 == 7:
        erp.faults.append(Fault(FaultKind.LOST_REPLY, "POST /api/v1/orders"))
    if number % 29 == 11:
        erp.faults.append(Fault(FaultKind.LATE, "POST /api/v1/orders", seconds=LATE_S))
    if number % 13 == 5:
        shop.faults.append(Fault(FaultKind.LOST_REPLY, "POST"))


async def _storm(world: World) -> None:
    """Every shop answers 429 to everything for a while."""
    storms = [(shop, Fault(FaultKind.RATE_LIMITED, times=100_000)) for shop in world.shops.values()]
    for shop, storm in storms:
        shop.faults.insert(0, storm)
    await asyncio.sleep(STORM_S)
    for shop, storm in storms:
        shop.faults.remove(storm)


async def _outage(world: World) -> None:
    start = world.clock.monotonic()
    world.erp.down = True
    await asyncio.sleep(OUTAGE_S)
    world.erp.down = False
    world.outages.append((start, world.clock.monotonic()))


def _held(tx: Tx) -> set[tuple[str, str]]:
    rows: list[Any] = tx.rows(HELD)
    return {(connection, external_id) for connection, external_id in rows}
