"""Who wrote what and when, by the foreign systems' own record, and who held the lease then."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from nervo.kit.simulator import Seen
from nervo.staging.trading import World

HOLDER = "SELECT owner FROM store_lease WHERE name = 'hub' AND expires_ms > 0"
LOOK_S = 0.005
READS = ("/stock/query", "/access_token")


@dataclass(frozen=True, slots=True)
class Write:
    """A write that took effect in a foreign system."""

    at: float
    hub: str
    what: str


class Ledger(deque[Seen]):
    """In place of a simulator's `seen`: keeps who wrote what and when, right after it took effect."""

    def __init__(self, writes: list[Write]) -> None:
        super().__init__(maxlen=1)
        self._writes = writes

    def append(self, seen: Seen) -> None:
        if is_write(seen):
            self._writes.append(Write(time.monotonic(), seen.headers.get("x-hub", ""), f"{seen.method} {seen.path}"))


def is_write(seen: Seen) -> bool:
    if seen.method in ("GET", "HEAD") or seen.path.endswith(READS):
        return False
    return not seen.path.endswith("/graphql.json") or b"mutation" in seen.body


class Witness:
    """The world's record of writes beside the lease's history. `hub_of` names the hub of a lease's owner."""

    def __init__(self, world: World, url: str, hub_of: Callable[[str], str]) -> None:
        self.writes: list[Write] = []
        for simulator in (world.erp, *world.shops.values()):
            simulator.keep_seen, simulator.seen = True, Ledger(self.writes)
        self.looks: list[tuple[float, str]] = []
        self._lease, self._hub_of = reading(url), hub_of

    @property
    def now(self) -> str:
        """Who holds the lease, as far as we have seen."""
        return self.looks[-1][1] if self.looks else ""

    async def watch(self) -> None:
        """Looks at the lease again and again; keeps the first look and the last of each reign, and every change."""
        while True:
            before = time.monotonic()
            name = self._hub_of(holder(self._lease))
            if len(self.looks) > 1 and self.looks[-1][1] == self.looks[-2][1] == name:
                self.looks.pop()
            self.looks.append((before, name))
            await asyncio.sleep(LOOK_S)

    def close(self) -> None:
        self._lease.close()

    def stale(self) -> list[Write]:
        """Writes of a hub that did not hold the lease: neither at the look before them nor at the one after."""
        times = [at for at, _ in self.looks]
        return [w for w in self.writes if w.hub not in self._holders(bisect_right(times, w.at))]

    def _holders(self, after: int) -> set[str]:
        return {name for _, name in self.looks[max(0, after - 1) : after + 1]}


def reading(url: str) -> Any:
    """A connection to the hubs' database, for looking."""
    if url.startswith("sqlite"):
        return sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True, timeout=20)
    return psycopg.connect(url, autocommit=True)


def holder(connection: Any) -> str:
    """The lease's owner, asked of the database itself."""
    row = connection.execute(HOLDER).fetchone()
    return str(row[0]) if row else ""
