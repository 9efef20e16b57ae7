"""The story that is told again and again, with a crash somewhere else each time: orders, payments, a cancellation, a parcel, counted
stock, a new price, a hand edit. Without the crash it is the same to the last byte."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from django.db import connections

from nervo.staging.people import Change
from nervo.staging.reckoning import Result, shown_at
from nervo.staging.trading import MAIN, PUBLIC
from nervo.staging.wires import Network
from tests.prove.sim.history import virtual_loop
from tests.prove.sim.oracles import Oracles
from tests.prove.sim.scene import Scene

REST_S = 3600.0
BEGIN_AFTER_S = 2.0
FILLED_S = 600.0


@dataclass(frozen=True, slots=True)
class Told:
    """How one telling went. `points`: the crashpoints passed, in order, where nobody crashed."""

    points: tuple[str, ...]
    crashed: tuple[str, ...]
    broken: tuple[str, ...]


def tell(database_url: str, crash_at: frozenset[int] = frozenset(), *, unique_keys: bool = True) -> Told:
    """Tells the story; the hub dies at these points, counted from the beginning, and is started again."""
    from tests.hub import use_database

    use_database(database_url)
    net = Network(Random("story/net"))
    loop = virtual_loop(net)
    scene = Scene(0, loop, net)
    scene.build(unique_keys=unique_keys, poll_s=20.0, moment_s=0.002)
    scene.readback_s = 20
    scene.crash_at, scene.points = set(crash_at), [] if not crash_at else None
    oracles = Oracles(scene)
    try:
        loop.run_until_complete(_run(scene, oracles))
    finally:
        loop.close()
        connections["default"].close()
    return Told(tuple(scene.points or ()), tuple(scene.crashed), tuple(oracles.broken))


async def _run(scene: Scene, oracles: Oracles) -> None:
    async with scene.open():
        await scene.hub()
        keeper = asyncio.create_task(_keep_alive(scene))
        if not await scene.opened(600.0):
            oracles.say("live", "the hub does not open")
        while scene.loop.time() < FILLED_S and oracles.reckoned().diverged:  # nobody buys from an empty shop
            await asyncio.sleep(0.5)
        await _trade(scene)
        result = await _rest(scene, oracles)
        keeper.cancel()
        oracles.at_rest(result)


async def _keep_alive(scene: Scene) -> None:
    """Whoever died is started again, as a service manager does."""
    while True:
        await asyncio.sleep(0.7)
        for process in scene.processes:
            if not process.party.alive:
                await scene.kill(process)
        if not scene.living():
            await scene.hub()


async def _trade(scene: Scene) -> None:
    world, people = scene.world, scene.people
    woo, shopify = world.shops["woocommerce"], world.shops["shopify"]
    await asyncio.sleep(BEGIN_AFTER_S)
    people.buy()
    await asyncio.sleep(1.5)
    second = people.buy()
    third = people.buy()
    if third:
        world.shops[third.shop].cancel(third.id)
        world.cancelled.add((third.shop, third.id))
    await asyncio.sleep(2.0)
    people.pack()
    for step, sku in enumerate(world.restocked[:2]):
        world.erp.set_stock(sku, MAIN, 20 + step)
        at = world.erp.history[-1][0]
        people.changes.append(Change(at, sku, {name: shown_at(world, name, sku, 0) for name in world.shops}))
    world.erp.set_price(world.bought[0], PUBLIC, world.erp.books.prices[world.bought[0], PUBLIC][1].amount + 1)
    await asyncio.sleep(3.0)
    people.pay_later()
    if second and (second.shop, second.id) not in world.cancelled:
        people.think_better()
    for shop in (woo, shopify):
        shop.edit_stock(world.bought[1], 3)
    await asyncio.sleep(3.0)


async def _rest(scene: Scene, oracles: Oracles) -> Result:
    until = scene.loop.time() + REST_S
    while not (result := oracles.reckoned()).good and scene.loop.time() < until:
        await asyncio.sleep(5.0)
    points, scene.points = scene.points, None
    await asyncio.sleep(25.0)
    scene.points = points
    return oracles.reckoned() if result.good else result
