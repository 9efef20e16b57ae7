"""This part of the proof: campaigns until the time is over, on SQLite and PostgreSQL, with and without unique keys in the ERP."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from nervo.store.database import Database
from tests.bench import bulkhead
from tests.bench.figures import percentile
from tests.conftest import empty_postgresql_database
from tests.hub import use_database
from tests.postgres import URL_VARIABLE, private_server
from tests.prove.network.campaign import Seen, campaign
from tests.prove.network.pipe import Line, piped
from tests.prove.parts import Effort, Result

TRADING_S, SHORT_S = 60.0, 8.0


@dataclass
class Tally:
    """Campaigns added up."""

    seen: list[Seen] = field(default_factory=list)

    def total(self, name: str) -> int:
        return sum(getattr(seen.reckoned, name) for seen in self.seen)

    def figures(self) -> dict[str, object]:
        rests = [seen.rest_s for seen in self.seen]
        applied, passed, repaired = Counter[str](), Counter[str](), Counter[str]()
        for seen in self.seen:
            applied += seen.toxics
            passed.update(seen.passed)
            repaired.update(seen.repaired)
        kinds = Counter[str]()
        for name, n in applied.items():
            kinds[name if name.startswith("database") else name.split(" ")[1]] += n
        return {
            "campaigns": len(self.seen),
            "orders": self.total("orders"),
            "held for a person": self.total("held"),
            "duplicates": self.total("duplicates"),
            "lost": self.total("lost"),
            "diverged": self.total("diverged"),
            "requests passed": dict(passed),
            "toxics applied": kinds.total(),
            "by edge": {edge: sum(n for name, n in applied.items() if name.split(" ")[0] == edge) for edge in [*passed, "database"]},
            "by kind": dict(sorted(kinds.items())),
            "found by sweeps": dict(repaired),
            "time to come to rest": f"p50 {percentile(rests, 0.5):.1f} s, longest {max(rests):.1f} s",
        }  # fmt: skip


def run(effort: Effort) -> Result:
    tally, until = Tally(), time.monotonic() + effort.minutes * 60
    for seed in count(1):
        tally.seen.append(asyncio.run(once(seed, SHORT_S if effort.short else TRADING_S)))
        effort.say(f"network: {said(tally.seen[-1])}")
        if (effort.short and seed == len(GROUNDS)) or (not effort.short and time.monotonic() > until):
            break
    figures = tally.figures() | ({} if effort.short else {"bulkhead": asyncio.run(bulkheads())})
    return Result("network", figures, tuple(wrong for seen in tally.seen for wrong in seen.wrong))


async def bulkheads() -> dict[str, str]:
    """What one sick channel does to the others, as `./dev bench bulkhead` measures it."""
    return {figure.what: figure.shown for figure in await bulkhead.run(small=False)}


def said(seen: Seen) -> str:
    return f"seed {seen.seed}: {seen.reckoned.line()}; {seen.toxics.total()} toxics; at rest after {seen.rest_s:.1f} s"


async def once(seed: int, seconds: float) -> Seen:
    """One campaign; the seed says on what."""
    ground, unique = GROUNDS[seed % len(GROUNDS)]
    with ground() as url:
        async with opened(url) as (db, pipe):
            return await campaign(db, seed, seconds, unique_keys=unique, pipe=pipe)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Database, Line | None]]:
    """The database at this address; PostgreSQL through a pipe."""
    async with piped(url) if url.startswith("postgresql") else nullcontext() as pipe:
        await asyncio.to_thread(use_database, pipe.url if pipe else url)
        db = Database()
        try:
            yield db, pipe
        finally:
            await asyncio.to_thread(db.close)


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="nervo-network-") as folder:
        yield f"sqlite:///{Path(folder) / 'nervo.sqlite3'}"


@contextmanager
def postgresql() -> Iterator[str]:
    """An empty database on the server that is there, or a server of its own."""
    if os.environ.get(URL_VARIABLE):
        yield from empty_postgresql_database()
    else:
        with private_server() as server:
            yield server.url


GROUNDS = ((sqlite, True), (postgresql, True), (sqlite, False), (postgresql, False))
