"""A full disk: the hub trades on a disk of its own that is filled to the last byte and freed again, over and over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from structlog.testing import capture_logs

from nervo.api.ingest import Door, Ingest
from nervo.errors import Unavailable
from nervo.flows.catalogue import resume
from nervo.sync.lease import renew
from tests.hub import TestHub, use_database
from tests.prove.parts import Effort, Result
from tests.prove.power.judge import left_open
from tests.prove.power.trade import NAME, anybody, at_work, post, read_webhooks, sale
from tests.prove.power.world import new_world, wrong_in_the_books

PART = "full disk"
KB = 1024
SIZE_KB = 64_000
LEFT_KB = (0, 4, 16, 64, 200)  # what is left on a disk that is about to be full


def may_mount() -> bool:
    """Whether a small disk can be made here."""
    with tempfile.TemporaryDirectory(prefix="nervo-full-") as place, contextlib.suppress(OSError):
        with small_disk(Path(place), 64):
            return True
    return False


@contextlib.contextmanager
def small_disk(place: Path, size_kb: int) -> Iterator[Path]:
    """A disk in memory. Raises OSError where mounting is not allowed."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "nervo-prove", str(place)], check=False)
    if made.returncode:
        raise OSError("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def run(effort: Effort) -> Result:
    if not may_mount():
        return Result(PART, {"not run": "mounting a small disk is not allowed here"})
    return trade(4 if effort.short else max(10, int(6 * effort.minutes)))


def trade(cycles: int) -> Result:
    """Fills and frees the disk so many times while the hub trades on it."""
    with tempfile.TemporaryDirectory(prefix="nervo-full-") as place, small_disk(Path(place), SIZE_KB) as disk:
        full = _Full(disk, Random(9))
        with capture_logs() as lines:
            full.run(cycles)
    said = sum("disk is full" in str(line.get("error")) for line in lines)
    figures = {"lines in the log that say so": said, "violations": len(full.wrong)}
    return Result(PART, dict(full.figures) | figures, tuple(full.wrong[:20]))


class _Full:
    """`answered`: what the senders were told was taken; the oracle of all that must be there."""

    def __init__(self, disk: Path, rng: Random) -> None:
        self.disk, self.rng, self.world = disk, rng, new_world(8)
        self.figures, self.wrong = Counter[str](), list[str]()
        self.answered: dict[str, bytes] = {}
        self.sent = 0

    def run(self, cycles: int) -> None:
        use_database(f"sqlite:///{self.disk / NAME}")
        asyncio.run(self._go(cycles))
        gc.collect()
        self.wrong += wrong_in_the_books(self.world) + left_open(self.disk / NAME) + self._lost()

    async def _go(self, cycles: int) -> None:
        hub = await TestHub(self.world.erp, self.world.shops, clock=self.world.clock).start()
        doors = {name: Door(name, anybody) for name in self.world.shops}
        self.ingest = Ingest(hub.hub.db, doors, self.world.clock)
        while not all(shop.sold for shop in self.world.shops.values()):
            sale(self.world, self.rng)
        for _ in range(cycles):
            self._fill(self.rng.choice(LEFT_KB))
            refused = await self._until_full(hub)
            self._look("full")
            (self.disk / "ballast").unlink()
            if await self._deliver("north", b"1") != 200:
                self.wrong.append("there is room again, and a webhook is not taken")
            self.figures["times full"] += bool(refused)
            await self._turn(hub, full=False)
            self._look("room again")
        while await read_webhooks(hub):
            await hub.settle()
        await hub.settle()
        await hub.close()

    def _fill(self, left_kb: int) -> None:
        """Somebody else's file takes all but so much."""
        with (self.disk / "ballast").open("wb") as ballast:
            while (free := shutil.disk_usage(self.disk).free - left_kb * KB) > 0:
                with contextlib.suppress(OSError):  # the hub has taken some meanwhile
                    os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), free)

    async def _until_full(self, hub: TestHub) -> int:
        """Trades on until deliveries are refused, and some turns more; how many were refused."""
        refused = 0
        for _ in range(12):
            refused += await self._turn(hub, full=True)
            if refused > 10:
                break
        return refused

    async def _turn(self, hub: TestHub, *, full: bool) -> int:
        """The shops sell, the hub's loops work, webhooks come; how many were refused."""
        name, number = sale(self.world, self.rng)
        letters = [(name, b"%s" % number.encode()), *(("south", b"1") for _ in range(5))]
        answers, outcomes = await asyncio.gather(
            asyncio.gather(*(self._deliver(to, said) for to, said in letters)),
            asyncio.gather(renew(hub.hub), *at_work(hub), resume(hub.hub), return_exceptions=True),
        )
        self.wrong += [f"a webhook was answered {status}" for status in answers if status not in (200, 503)]
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                self.figures["turns of a loop that could not write"] += 1
                if not full or not isinstance(outcome, Unavailable):
                    self.wrong.append(f"a loop said {outcome!r} with {'no room' if full else 'room'}")
        self.world.clock.advance(0.5)
        return answers.count(503)

    async def _deliver(self, to: str, number: bytes) -> int:
        self.sent += 1
        event = f"e{self.sent}"
        body = b'{"id": "%s", "event": "%d", "note": "%s"}' % (
            number,
            self.sent,
            b"x" * self.rng.randint(0, 12_000),
        )
        status = await post(self.ingest, to, event, body)
        self.figures[f"answered {status}"] += 1
        if status == 200:
            self.answered[event] = body
        return status

    def _look(self, when: str) -> None:
        """The database is whole, and what was acknowledged is in it."""
        db = sqlite3.connect(f"file:{self.disk / NAME}?mode=ro", uri=True)
        said = db.execute("PRAGMA integrity_check").fetchall()
        db.close()
        self.figures["times examined"] += 1
        self.wrong += [f"{when}: {one}" for one in ([] if said == [("ok",)] else [said])]
        self.wrong += [f"{when}: {one}" for one in self._lost()]

    def _lost(self) -> list[str]:
        db = sqlite3.connect(f"file:{self.disk / NAME}?mode=ro", uri=True)
        rows = db.execute("SELECT event_key, body FROM store_inbox").fetchall()
        db.close()
        there = Counter(event for event, _ in rows)
        bodies = {event: bytes(body) for event, body in rows}
        lost = [event for event, body in self.answered.items() if bodies.get(event) != body]
        twice = [event for event, times in there.items() if times > 1]
        return [f"{len(lost)} webhooks answered 200 are lost: {lost[:3]}"] * bool(lost) + [f"twice: {twice}"] * bool(
            twice
        )
