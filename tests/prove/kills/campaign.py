"""The campaign of kills: lives on SQLite and on PostgreSQL, added up."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from random import Random

from tests.prove.kills.frozen import freeze
from tests.prove.kills.ground import Ground, crash, postgresql, sqlite
from tests.prove.kills.hubs import LATE_S, LEASE_S, Ended
from tests.prove.kills.life import Life, Tally, life
from tests.prove.parts import Effort, Result, Say

PER_LIFE, CHECK_EVERY = 250, 50
Make = Callable[[], AbstractContextManager[Ground]]
KILLS = {"SQLite": 1_000, "PostgreSQL": 300}
FREEZES = (("SQLite", 2.0, 6), ("PostgreSQL", 2.0, 16), ("PostgreSQL", LEASE_S, 2))  # the last as it is in production
GROUNDS: dict[str, Make] = {"SQLite": sqlite, "PostgreSQL": postgresql}


def run(effort: Effort) -> Result:
    """1,000 kills on SQLite and 300 on PostgreSQL, and hubs stopped past their lease; a few of each in the short version."""
    share = 0.01 if effort.short else effort.minutes / 10
    figures: dict[str, object] = {}
    violations: list[str] = []
    for kind, kills in KILLS.items():
        tally = campaign(kind, math.ceil(kills * share), 1, effort.say, crash_every=3 if effort.short else 10)
        figures[f"kills, {kind}"] = line(tally)
        violations += tally.violations
    for kind, lease_s, takeovers in FREEZES:
        with GROUNDS[kind]() as ground:
            frozen = freeze(ground, math.ceil(takeovers * share), 1, lease_s=lease_s)
        figures[f"stopped past a lease of {lease_s:.0f} s, {kind}"] = frozen.line()
        effort.say(f"{kind}, lease {lease_s:.0f} s: {frozen.line()}")
        violations += frozen.violations
    return Result("kills", figures, tuple(violations))


def campaign(kind: str, kills: int, seed: int, say: Say, *, crash_every: int = 10, keep: bool = False) -> Tally:
    """So many kills on databases of one kind. Every other life has an ERP that takes a second order under the same key."""
    total = Tally()
    while total.kills < kills and not total.violations:
        number = min(PER_LIFE, kills - total.kills)
        with GROUNDS[kind]() as ground:
            unique = bool(seed % 2)
            lived = asyncio.run(_live(ground, number, seed, say, crash_every, unique=unique))
            if lived.violations and keep:
                say(
                    f"kept in {shutil.copytree(ground.folder, tempfile.mkdtemp(prefix='nervo-kept-'), dirs_exist_ok=True)}"
                )
        total.add(lived)
        say(f"{kind}, seed {seed}, {'unique keys' if unique else 'no unique keys'}: {line(lived)}")
        seed += 1
    return total


async def _live(ground: Ground, kills: int, seed: int, say: Say, crash_every: int, *, unique: bool) -> Tally:
    crashing = partial(crash, ground.server, Random(seed)) if ground.server else None
    async with life(ground.folder, ground.url, seed, say, unique=unique, crash=crashing) as lived:
        lived.crash_every = crash_every
        try:
            await lived.kill_many(kills, CHECK_EVERY)
        except Ended as ended:
            lived.tally.violations.append(f"seed {seed}, kill {lived.tally.kills}: {ended}; {_said(ground.folder)}")
        await _last_look(lived)
    return lived.tally


async def _last_look(lived: Life) -> None:
    tally, lag_s = lived.tally, lived.scene.lag_s
    if lived.hubs.pid:
        await lived.hubs.kill()
    if not lived.scene.tables.sound():
        tally.violations.append(f"{lived.where}: the database is damaged")
    if lag_s > LATE_S:
        tally.violations.append(
            f"{lived.where}: the simulators were {lag_s:.1f} s late, more than they promise: nothing is proven"
        )


def _said(folder: Path) -> str:
    """The hub's last words."""
    files = [folder / "hub.log", folder / "hub.err"]
    return " | ".join(line for file in files if file.exists() for line in file.read_text().splitlines()[-3:])


def line(tally: Tally) -> str:
    orders, crashes = tally.orders, f"database crashes {tally.crashes} " if tally.crashes else ""
    return (
        f"kills {tally.kills} {crashes}acknowledged {tally.acknowledged} lost {tally.lost} duplicated {tally.repeated} "
        f"cut off in between {tally.cut} orders {orders['orders']} in_erp {orders['in_erp']} held {orders['held']} "
        f"duplicates {orders['duplicates']} written between kills {tally.written} checks {tally.checks} "
        f"kills/s {tally.kills / max(tally.seconds, 1):.2f}"
    )
