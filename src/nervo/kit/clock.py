"""Time and ids, always passed in, so that a rehearsal and a test decide them."""

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where time comes from: `now` for people, `monotonic` for measuring, `sleep` for waiting."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # Linux


class SystemClock:
    """The machine's own clock. Where the system can tell, `monotonic` counts the time that the machine was asleep: a lease runs out
    meanwhile, whatever the wall clock is set to."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() if BOOT is None else time.clock_gettime(BOOT)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is told; `sleep` moves it on at once."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


class Ids(Protocol):
    """Where fresh ids come from."""

    def new(self) -> str: ...


class RandomIds:
    """128 random bits in hex."""

    def new(self) -> str:
        return secrets.token_hex(16)


class CountedIds:
    """id-1, id-2, …: for tests and rehearsals."""

    def __init__(self) -> None:
        self._n = 0

    def new(self) -> str:
        self._n += 1
        return f"id-{self._n}"
