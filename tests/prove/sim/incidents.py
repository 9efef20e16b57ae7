"""What goes wrong in a simulated history, drawn from its seed: on the wires, at the foreign systems, with the hub's processes, by hand."""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from nervo.bootstrap import backup
from nervo.errors import Unavailable
from nervo.kit.simulator import Fault, FaultKind
from nervo.staging.trading import MAIN
from nervo.staging.wires import Drawn, Exchange, Trouble
from nervo.store import operations
from nervo.store.database import Database, Job, _commit, _read
from tests.prove.sim.process import Away, Killed
from tests.prove.sim.scene import ERP_LATE_S, Scene

SHOP_LATE_S = 60.0
DAY_S, LONG_SHARE = 86_400.0, 0.004
RATES = (0.0, 0.0, 0.01, 0.03, 0.1)
OUTWARD = (Trouble.DROP, Trouble.HANG, Trouble.LOST, Trouble.MUTE, Trouble.LATE, Trouble.SLOW, Trouble.CUT)
INWARD = (
    Trouble.DROP,
    Trouble.HANG,
    Trouble.LOST,
    Trouble.MUTE,
    Trouble.LATE,
    Trouble.SLOW,
    Trouble.TWICE,
    Trouble.TWICE,
)
Incident = Callable[[Scene], Awaitable[None]]


class Weather:
    """The wires' troubles: each edge has its own rate in this history, and none when it clears."""

    def __init__(self, scene: Scene) -> None:
        self.chance = Random(f"{scene.seed}/weather")
        self.rates = {edge: self.chance.choice(RATES) for edge in ("erp", "woocommerce", "shopify", "hub")}
        self.clear = False

    def __call__(self, exchange: Exchange) -> Drawn | None:
        to_hub = exchange.server.name.startswith("hub")
        rate = self.rates["hub" if to_hub else exchange.server.name]
        if self.clear or self.chance.random() >= rate:
            return None
        kind = self.chance.choice(INWARD if to_hub else OUTWARD)
        bound_s = ERP_LATE_S if exchange.server.name == "erp" else SHOP_LATE_S
        return Drawn(kind, self.chance.uniform(0.05, 0.9 * bound_s))


def duration_s(chance: Random, least: float, most: float) -> float:
    """As likely short as long, on the scale of magnitudes."""
    return math.exp(chance.uniform(math.log(least), math.log(most)))


async def kill(scene: Scene) -> None:
    """kill -9 of the one that acts, now; another starts soon."""
    victim = scene.active() or (scene.living() or [None])[0]
    if victim:
        await scene.kill(victim)
    await asyncio.sleep(scene.chance.uniform(0.1, 5.0))
    if not scene.living():
        await scene.hub()


async def crash(scene: Scene) -> None:
    """A process dies at one of the next crashpoints."""
    scene.crash_in, scene.counting = scene.chance.randint(1, 150), True
    for _ in range(120):
        await asyncio.sleep(1.0)
        if not scene.counting:
            break
    scene.counting = False
    for process in [p for p in scene.processes if not p.party.alive]:
        await scene.kill(process)
    if not scene.living():
        await asyncio.sleep(scene.chance.uniform(0.1, 3.0))
        await scene.hub()


async def restart(scene: Scene) -> None:
    """An orderly stop and a start, as an upgrade does."""
    process = scene.active()
    if process and process.running:
        with contextlib.suppress(Killed, asyncio.CancelledError, Unavailable):  # meanwhile, or while it stands still
            await scene.as_party(process.party, process.running.stop())
        await scene.kill(process)
    if not scene.living():
        await scene.hub()


async def freeze(scene: Scene) -> None:
    """The acting process stands still past its lease; a second one takes over; the first goes on."""
    process = scene.active()
    if process is None:
        return
    if len(scene.living()) < 2:
        await scene.hub()
    for_s = duration_s(scene.chance, 2.0, 600.0)
    process.freeze()
    await asyncio.sleep(for_s)
    process.thaw(suspended_s=scene.chance.choice((0.0, for_s)))


async def second_hub(scene: Scene) -> None:
    """Somebody starts the hub twice."""
    if len(scene.living()) < 3:
        await scene.hub()


def outage_s(chance: Random) -> float:
    """Seconds to minutes; now and then a day or two."""
    return chance.uniform(0.5, 2.0) * DAY_S if chance.random() < LONG_SHARE else duration_s(chance, 3.0, 900.0)


async def erp_down(scene: Scene) -> None:
    scene.world.erp.down = True
    start = scene.loop.time()
    await asyncio.sleep(outage_s(scene.chance))
    scene.world.erp.down = False
    scene.world.outages.append((start, scene.loop.time()))


async def shop_down(scene: Scene) -> None:
    shop = scene.chance.choice(list(scene.world.shops.values()))
    shop.down = True
    await asyncio.sleep(outage_s(scene.chance))
    shop.down = False


async def answers(scene: Scene) -> None:
    """For a while a system answers with a refusal, or with something nobody can read."""
    system = scene.chance.choice(list(scene.simulators.values()))
    kind = scene.chance.choice(
        (FaultKind.RATE_LIMITED, FaultKind.BUSY, FaultKind.UNAUTHORISED, FaultKind.GARBAGE, FaultKind.UNAVAILABLE)
    )
    fault = Fault(kind, times=10**9)
    system.faults.append(fault)
    await asyncio.sleep(duration_s(scene.chance, 0.5, 120.0))
    if fault in system.faults:
        system.faults.remove(fault)


async def partly(scene: Scene) -> None:
    """Some items of a shop's batches fail with a trouble of its own, before they are saved or after."""
    catalogue = scene.world.shops["woocommerce"].catalogue
    catalogue.plugin_fails = lambda: scene.chance.choice(("", "", "before", "after"))
    await asyncio.sleep(duration_s(scene.chance, 0.5, 120.0))
    catalogue.plugin_fails = lambda: ""


async def full_disk(scene: Scene) -> None:
    """There is room for some writes and not for others; reading goes on."""
    await _store(scene, lambda writing: Away.REFUSED if writing and scene.chance.random() < 0.7 else None)


async def no_database(scene: Scene) -> None:
    """The database goes away and comes back: what was being written then has been, has not, or is twice."""

    def trouble(writing: bool) -> Away | None:
        if scene.chance.random() < 0.5:
            return None
        return scene.chance.choice(tuple(Away)) if writing else Away.REFUSED

    await _store(scene, trouble)


async def _store(scene: Scene, trouble: Callable[[bool], Away | None]) -> None:
    scene.store = trouble
    await asyncio.gather(asyncio.sleep(duration_s(scene.chance, 0.1, 60.0)), *(miscount(scene) for _ in range(3)))
    scene.store = lambda writing: None


async def miscount(scene: Scene) -> None:
    """A shelf is counted wrong and put right again: what every channel showed before is what it has to show."""
    erp, sku, more = scene.world.erp, scene.chance.choice(scene.world.bought), scene.chance.randint(1, 9)
    scene.miscounted.add(sku)
    erp.set_stock(sku, MAIN, erp.figure(sku, MAIN) + more)
    await asyncio.sleep(duration_s(scene.chance, 0.2, 30.0))
    erp.set_stock(sku, MAIN, erp.figure(sku, MAIN) - more)


async def clock_step(scene: Scene) -> None:
    """A machine's wall clock jumps; not while it sleeps (docs/model.md, What it assumes)."""
    awake = [process for process in scene.living() if not process.party.frozen]
    process = scene.chance.choice(awake or [None])  # type: ignore[list-item]
    if process:
        process.clock.skew_s += scene.chance.choice((-3600.0, -61.0, 61.0, 3600.0))


async def restore(scene: Scene) -> None:
    """An old backup is put back, as after a lost disk."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "backup.jsonl.gz"
        backup.backup(file)
        await asyncio.sleep(duration_s(scene.chance, 1.0, 300.0))
        for process in scene.living():
            await scene.kill(process)
        scene.restored += 1
        backup.restore(_Bare(), file, force=True)
    await scene.hub()


class _Bare(Database):
    """The database without a process: an operator's command."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, work, *, durable=True):  # type: ignore[no-untyped-def]
        from concurrent.futures import Future

        future: Future[object] = Future()
        _commit([Job(work, future, durable)])
        return future

    def read_now(self, work):  # type: ignore[no-untyped-def]
        return _read(work)


async def hand_edit(scene: Scene) -> None:
    """Somebody changes a stock at a shop by hand."""
    shop = scene.chance.choice(list(scene.world.shops.values()))
    sku = scene.chance.choice(scene.world.bought)
    if _lists(shop, sku):
        shop.edit_stock(sku, scene.chance.randint(0, 300))


async def operator(scene: Scene) -> None:
    """A person presses retry on everything and asks for the truth to be read again."""
    now = int(scene.loop.time() * 1000)
    db = _Bare()
    for (id,) in scene.rows("SELECT id FROM store_problem WHERE state = 'open' ORDER BY id LIMIT 20"):
        db.write_now(lambda tx, id=id: operations.add_command(tx, "problem.retry", {"problem_id": id}, "anna", now))


async def replay(scene: Scene) -> None:
    """An operator replays what came in."""
    _Bare().write_now(lambda tx: tx.run("UPDATE store_inbox SET state = 'new'"))


def _lists(shop: object, sku: str) -> bool:
    try:
        return shop.quantity(sku) is not None  # type: ignore[attr-defined]
    except KeyError:
        return False


INCIDENTS: tuple[Incident, ...] = (
    kill, kill, crash, crash, crash, restart, freeze, freeze, second_hub, erp_down, shop_down, answers, answers, partly, full_disk,
    no_database, miscount, clock_step, restore, hand_edit, operator, replay,
)  # fmt: skip
