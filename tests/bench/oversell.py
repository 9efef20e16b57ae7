"""Units that nervo oversells per 1,000 stock-outs, beside a hub that works every 5 or 15 minutes.

First the running product is measured: a sale at one shop until the other shop shows the lower stock, that is webhook or sweep, hold,
publication and the shop's own answer. Then stock-outs are simulated with these very times.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from nervo.bootstrap.connections import connect_all
from nervo.bootstrap.demo import install, subscribe
from nervo.bootstrap.hub import Running
from nervo.bootstrap.settings import Settings
from nervo.cli.demo import doorstep
from nervo.cli.opened import opened
from nervo.kit.clock import SystemClock
from nervo.staging.postman import Postman
from nervo.staging.trading import World, trading_world
from tests.bench.figures import Figure, number, percentile
from tests.bench.ground import folder
from tests.bench.oversell_model import Lateness, cycle, drawn, expected, simulated

CHANNELS, RATES_H = 3, (2, 10, 60, 1_000)
ANSWERS_AFTER_S, SWEEP_S, LOST = 0.1, 60, 0.03
SALES_PER_S, SALES, MOST_EVENTS = 5.0, 400, 1_000_000
LONGEST_S = 1800.0
ON_TIME, LOSSY = "nervo, every webhook comes", f"nervo, {LOST:.0%} of the webhooks lost, a sweep every {SWEEP_S} s"


async def run(small: bool) -> list[Figure]:
    count = 12 if small else SALES
    async with _trading(sweep_s=1 if small else SWEEP_S) as (world, postman):
        on_time = await measured(world, count)
        postman.lost_share = LOST
        lossy = await measured(world, count)
    figures = [f for name, sample in ((ON_TIME, on_time), (LOSSY, lossy)) for f in _shown(name, sample)]
    hubs: dict[str, tuple[Lateness, float, float]] = {
        ON_TIME: (drawn(on_time), statistics.fmean(on_time), max(on_time)),
        LOSSY: (drawn(lossy), statistics.fmean(lossy), max(lossy)),
        "a hub that works every 5 minutes": (cycle(300), 150, 300),
        "a hub that works every 15 minutes": (cycle(900), 450, 900),
    }
    for name, (lateness, mean_s, longest_s) in hubs.items():
        for rate_h in RATES_H:
            figures += _stock_outs(name, rate_h, lateness, mean_s, longest_s, MOST_EVENTS // (300 if small else 1))
    return figures


def _shown(name: str, sample: list[float]) -> list[Figure]:
    return [
        Figure(
            f"{name}: sale → shown elsewhere, mean", statistics.fmean(sample), "s", 1.0 if name == ON_TIME else None
        ),
        Figure(f"{name}: p50", percentile(sample, 0.5), "s"),
        Figure(f"{name}: p99", percentile(sample, 0.99), "s"),
        Figure(f"{name}: sales measured", len(sample), ""),
    ]


def _stock_outs(
    name: str, rate_h: float, lateness: Lateness, mean_s: float, longest_s: float, events: int
) -> list[Figure]:
    rates = (rate_h / CHANNELS,) * CHANNELS
    runs = max(20, round(events / (5 + 5 * rate_h * longest_s / 3600)))
    found = simulated(rates, [lateness] * CHANNELS, longest_s, runs=runs, seed=1)
    said = expected(rates, (mean_s,) * CHANNELS)
    return [
        Figure(f"{name} @ {rate_h}/h", found.value * 1000, "units per 1,000 stock-outs"),
        Figure(f"{name} @ {rate_h}/h, standard error", found.error * 1000, ""),
        Figure(f"{name} @ {rate_h}/h, by the formula", said * 1000, ""),
    ]


def table(figures: list[Figure]) -> str:
    """What was measured, then hubs by rates: simulated ± its standard error, in brackets by the formula."""
    value = {f.what: f.value for f in figures}
    measured_rows = [f"| {f.what} | {f.shown} |" for f in figures if "@" not in f.what]
    hubs = list(dict.fromkeys(f.what.split(" @ ")[0] for f in figures if "@" in f.what))
    rows = ["| propagation | measured |", "|---|---|", *measured_rows, ""]
    rows += [
        "| oversold units per 1,000 stock-outs | " + " | ".join(f"Λ {rate:,}/h" for rate in RATES_H) + " |",
        "|---" * (1 + len(RATES_H)) + "|",
    ]
    for hub in hubs:
        cells = []
        for rate in RATES_H:
            what = f"{hub} @ {rate}/h"
            noise, said = value[f"{what}, standard error"], value[f"{what}, by the formula"]
            cells.append(f"{number(value[what])} ± {number(noise)} ({number(said)})")
        rows.append(f"| {hub} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


@dataclass
class Shelf:
    """A SKU as it was put on sale, and what has been sold of it since: what each shop should show is known from this alone."""

    shown: dict[str, int]
    sold: int = 0
    since: float = 0.0
    there: str = ""  # the shop that has yet to show the last sale

    def wanted(self, shop: str) -> int:
        return self.shown[shop] - self.sold


async def measured(world: World, count: int) -> list[float]:
    """Seconds from so many sales at a shop, one after the other by chance, until the other shop showed what is left."""
    shelves = {s: Shelf({n: _shows(world, n, s) for n in world.shops}) for s in world.bought}
    chance, took, sold = Random(7), list[float](), 0
    due, until = time.perf_counter(), time.perf_counter() + 2 * count / SALES_PER_S + SWEEP_S + 30
    while len(took) < count:
        assert time.perf_counter() < until, f"{sold - len(took)} of {sold} sales were never shown"
        if sold < count and time.perf_counter() >= due and _sell(world, chance, shelves):
            sold, due = sold + 1, due + chance.expovariate(SALES_PER_S)
        took += _seen(world, shelves)
        await asyncio.sleep(0.01)
    return took


def _sell(world: World, chance: Random, shelves: dict[str, Shelf]) -> bool:
    """One unit of a SKU of which both shops show the truth."""
    free = [
        s
        for s, shelf in shelves.items()
        if not shelf.there and all(10 < _shows(world, n, s) == shelf.wanted(n) for n in world.shops)
    ]
    if not free:
        return False
    sku, (here, there) = chance.choice(free), chance.sample(sorted(world.shops), 2)
    world.shops[here].place_order([(sku, 1)], email=chance.choice(world.customers).email)
    shelf = shelves[sku]
    shelf.sold, shelf.there, shelf.since = shelf.sold + 1, there, world.clock.monotonic()
    return True


def _seen(world: World, shelves: dict[str, Shelf]) -> list[float]:
    found = []
    for name, shop in world.shops.items():
        for at, sku, quantity in shop.history[-400:]:
            shelf = shelves.get(sku)
            if shelf and shelf.there == name and at >= shelf.since and quantity == shelf.wanted(name):
                found.append(at - shelf.since)
                shelf.there = ""
    return found


def _shows(world: World, shop: str, sku: str) -> int:
    return int(world.shops[shop].quantity(sku) or 0)


@asynccontextmanager
async def _trading(sweep_s: int) -> AsyncIterator[tuple[World, Postman]]:
    """Simulated systems over HTTP and the hub as `nervo up` wires it; each shop answers after ANSWERS_AFTER_S."""
    with folder() as path:
        store = await asyncio.to_thread(
            opened, Settings(path, f"sqlite:///{path / 'nervo.sqlite3'}", environment="staging")
        )
        clock = SystemClock()
        async with trading_world(1) as world:
            world.sweep_s = sweep_s
            for sku in world.bought:
                world.erp.set_stock(sku, "MI", 70)
                world.erp.set_stock(sku, "RM", 0)
            await asyncio.to_thread(install, world, store.db, store.vault)
            made = await asyncio.to_thread(connect_all, store.db, store.vault, world.config, clock)
            running = Running(store.db, world.config, made.remotes, clock, "bench", readers=made.readers)
            await running.start()
            try:
                await _opened(world)
                async with doorstep(store.db, made.verifiers, running.hub.ring) as address:
                    async with Postman(address, Random(1), lost_share=0.0).work() as postman:
                        await subscribe(world, postman.url)
                        for shop in world.shops.values():
                            shop.latency_s = ANSWERS_AFTER_S
                        yield world, postman
            finally:
                await running.stop()
                await made.close()
                await asyncio.to_thread(store.db.close)


async def _opened(world: World) -> None:
    """Until both shops show what is there."""
    async with asyncio.timeout(60):
        while not all(_shows(world, name, sku) > 60 for name in world.shops for sku in world.bought):
            await asyncio.sleep(0.1)
