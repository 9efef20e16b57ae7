"""Backlogs: a channel that is down for a day at peak, and an ERP that is down for a day at an order a second.

In `small` the days are shorter; nothing else differs.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

from nervo.bootstrap.connections import remotes_of
from nervo.bootstrap.hub import Running
from nervo.kit.clock import ManualClock, SystemClock
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.erp import OrderDraft
from nervo.rules.config import Config, ConnectionConfig
from nervo.store.database import Database, Tx
from nervo.sync import source
from nervo.sync.context import Hub
from nervo.sync.kinds import StockKind
from nervo.sync.lease import give, renew
from nervo.sync.products import link_existing
from nervo.sync.publish import Publisher
from tests.bench import ports
from tests.bench.backlog_ports import MUCH, UNIT, BusyErp, DayShop, SlowErp
from tests.bench.figures import Figure, percentile
from tests.bench.ground import store

LONGEST_S = 3600.0
DAY_ORDERS, SLOTS, CALL_S = 86_400, 8, 0.032
SOLD, WATCHED, MOVES_PER_S = 1_000, 200, 5.0
SHOPS, CHANNEL_SKUS = 3, 1_000


async def run(small: bool) -> list[Figure]:
    async with store() as db:
        figures = await channel_down(db, 2 if small else 24)
        return figures + await erp_down(db, 1_000 if small else DAY_ORDERS)


# A channel that is down.


async def channel_down(db: Database, hours: int) -> list[Figure]:
    """Every SKU moves once a minute; two channels are told each time, the third only when it is back."""
    skus, clock = ports.names(CHANNEL_SKUS), ManualClock()
    erp = BusyErp(skus)
    shops = {f"shop{i}": DayShop(skus, clock.now()) for i in range(SHOPS)}
    hub = await _stepped(db, erp, shops, clock)
    lost, before_mb = shops["shop0"], resident_mb()
    lost.down = True
    lost.arrived.clear()
    for minute in range(hours * 60):
        for i, sku in enumerate(skus):
            erp.move(sku, 1 + (minute + i) % 900)
        clock.advance(60)
        await _settled(hub)
        for shop in shops.values():
            shop.arrived.clear()
    rows, after_mb = await db.read(_queued), resident_mb()
    lost.down = False
    clock.advance(120)
    calls, started = lost.calls, time.perf_counter()
    await _settled(hub)
    took = time.perf_counter() - started
    await give(hub)
    assert all(shop.shown == erp.moved for shop in shops.values())
    return [
        Figure(f"channel down {hours} simulated h: changes meanwhile", erp.moves, ""),
        Figure("rows that wait, of all channels", rows, "", CHANNEL_SKUS * SHOPS),
        Figure("memory that it took", max(0.0, after_mb - before_mb), "MB", 50),
        Figure("values sent for a SKU when it is back", len(lost.arrived) / len(skus), "", 1),
        Figure("calls for them", lost.calls - calls, ""),
        Figure("until it shows them all", took, "s", 10),
    ]


async def _stepped(db: Database, erp: BusyErp, shops: Mapping[str, DayShop], clock: ManualClock) -> Hub:
    """A hub that is moved by hand, and has published everything once."""
    config = ports.config(list(shops))
    hub = Hub(db, config, remotes_of(config, {"erp": erp, **shops}, clock), clock, "bench")
    await renew(hub)
    for channel in hub.channels():
        await link_existing(hub, channel)
    await source.first_reading(hub)
    await _settled(hub)
    return hub


async def _settled(hub: Hub) -> None:
    """Until nothing moves, of what answers."""
    await renew(hub)
    publishers = [Publisher(hub, channel, StockKind()) for channel in hub.channels()]
    moved = 1
    while moved:
        moved = await source.listen(hub) + await source.read_stock(hub)
        for publisher in publishers:
            moved += await publisher.drain()


def _queued(tx: Tx) -> int:
    """Rows of everything that waits because of state."""
    row = tx.one("SELECT (SELECT count(*) FROM store_publication) + (SELECT count(*) FROM store_refresh)")
    assert row
    return int(row[0])


# An ERP that is down.


async def erp_down(db: Database, count: int) -> list[Figure]:
    alone = await _alone(min(count, 1_000))
    sold, watched = ports.names(SOLD), [f"W{i}" for i in range(WATCHED)]
    erp, clock = SlowErp([*sold, *watched], slots=SLOTS, call_s=CALL_S), SystemClock()
    shops = {n: DayShop(sold, clock.now() - timedelta(seconds=86_300), watched) for n in ("busy", "other")}
    named = {n: ConnectionConfig(n, "bench", "write", publishes=("stock",), sweep_s=1) for n in shops}
    config = Config(
        erp="slow", guards=ports.NO_GUARDS, connections={"slow": ConnectionConfig("slow", "bench", "write"), **named}
    )
    running = Running(db, config, {"slow": erp, **shops}, clock, "bench-backlog")
    await running.start()
    quiet = await _moving(erp, shops["other"], watched, lambda moves: moves >= 100)
    erp.down = True
    shops["busy"].sold = count
    started = time.perf_counter()
    await _until(lambda: _count(db, "store_saleorder") == count, count / 50 + 60)
    accepted_s, waiting_mb = time.perf_counter() - started, resident_mb()
    await asyncio.sleep(5)
    erp.down, done, started = False, asyncio.Event(), time.perf_counter()
    moving = asyncio.create_task(_moving(erp, shops["other"], watched, lambda moves: done.is_set()))
    await _until(lambda: bool(erp.book), 60)
    first_s, started, worked = time.perf_counter() - started, time.perf_counter(), time.process_time()
    await _until(lambda: len(erp.confirmed) == count, count / 20 + 60)
    drained_s, worked = time.perf_counter() - started, time.process_time() - worked
    done.set()
    beside = await moving
    await _until(lambda: _count(db, "store_flowdue") == 0, 60)
    await running.stop()
    assert len(erp.book) == len(set(erp.book)) == count and set(erp.confirmed.values()) == {1}
    return [
        Figure(f"ERP down while {count:,} orders come: accepted", count / accepted_s, "/s"),
        Figure("the ERP's own speed, with a bare client", alone, "orders/s"),
        Figure("the first order after it is back", first_s, "s", 15),
        Figure("drained", count / drained_s, "orders/s"),
        Figure("drained, of the ERP's own speed", 100 * count / drained_s / alone, "%", 90, least=True),
        Figure("processor time for an order, everything included", 1000 * worked / count, "ms"),
        Figure("farthest from its turn", _displaced(erp), "orders", 64),
        Figure("stock change → channel without a backlog, p99", percentile(quiet, 0.99) * 1000, "ms"),
        Figure("stock change → channel while it drains, p50", percentile(beside, 0.50) * 1000, "ms"),
        Figure("stock change → channel while it drains, p99", percentile(beside, 0.99) * 1000, "ms", 1_000),
        Figure("memory with all of them waiting", waiting_mb, "MB", 400),
        Figure("its process's peak memory", peak_mb(), "MB", 500),
    ]


async def _alone(count: int) -> float:
    """Orders/s that this ERP takes from a client that does nothing else."""
    erp = SlowErp(["S"], slots=SLOTS, call_s=CALL_S)
    shop, numbers = DayShop(["S"], ports.START), iter(range(count))

    async def client() -> None:
        for number in numbers:
            order = shop.order_of(number)
            if await erp.find_customer(order.customer) is None:
                await erp.create_customer(order.customer, order, "")
            await erp.find_order(str(number))
            written = await erp.create_order(OrderDraft(str(number), order, ""))
            await erp.confirm_order(written.erp_id)
            await erp.record_payment(written.erp_id, Payment("p", "x", PaymentStatus.PAID, UNIT, "EUR"), written.key)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(2 * SLOTS)))
    return count / (time.perf_counter() - started)


async def _moving(erp: SlowErp, shop: DayShop, skus: list[str], enough: Callable[[int], bool]) -> list[float]:
    """Moves SKUs that nobody buys, one after the other; seconds until the channel showed each, or a later state of the SKU."""
    moved, started = list[tuple[float, str, int]](), time.perf_counter()
    while not enough(len(moved)):
        sku = skus[len(moved) % len(skus)]
        quantity = erp.moved.get(sku, MUCH) + 1
        moved.append((time.perf_counter(), sku, quantity))
        erp.move(sku, quantity)
        await asyncio.sleep(max(0.0, started + len(moved) / MOVES_PER_S - time.perf_counter()))
    await _until(lambda: all(shop.shown[sku] >= quantity for _, sku, quantity in moved), 60)
    arrived: dict[str, list[tuple[float, int]]] = {}
    for at, sku, quantity in shop.arrived:
        arrived.setdefault(sku, []).append((at, quantity))
    return [next(t for t, q in arrived[sku] if t >= at and q >= quantity) - at for at, sku, quantity in moved]


def _displaced(erp: SlowErp) -> int:
    """How far an order was written from its turn, as the ERP's own book says."""
    turns = sorted(erp.book, key=lambda key: int(key.split("-")[1]))
    place = {key: at for at, key in enumerate(erp.book)}
    return max(abs(place[key] - turn) for turn, key in enumerate(turns))


def _count(db: Database, table: str) -> int:
    return db.read_now(lambda tx: int((tx.one(f"SELECT count(*) FROM {table}") or (0,))[0]))


async def _until(done: Callable[[], bool], longest_s: float) -> None:
    async with asyncio.timeout(longest_s):
        while not done():
            await asyncio.sleep(0.2)


def resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(figures: list[Figure]) -> str:
    rows = [f"| {f.what} | {f.shown} | {f.wanted} | {f.verdict} |" for f in figures]
    return "\n".join(["| figure | measured | target | |", "|---|---|---|---|", *rows])
