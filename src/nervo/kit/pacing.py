"""The pace: one token bucket per credential and operation, set from the manifest, learnt from answers; a budget for calls that
are repeated, and a breaker for a side that does not answer."""

import heapq
import itertools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from nervo.kit.clock import Clock

URGENT, NORMAL, BULK = 0, 1, 2
# How urgent the calls of this task are, where a connector does not say it itself.
urgency: ContextVar[int] = ContextVar("urgency", default=NORMAL)
# Asked when a call has waited its turn, right before it leaves: raises where it may no longer.
may_leave: ContextVar[Callable[[], None] | None] = ContextVar("may_leave", default=None)


class Bucket:
    """A token bucket. Takers wait in order of priority (orders and stock before bulk), first come first served within one.

    `rate` tokens/s, `burst` tokens at most. Not for several event loops at once.
    """

    def __init__(self, clock: Clock, rate: float, burst: float) -> None:
        self._clock, self.rate, self.burst = clock, rate, burst
        self._tokens, self._at = burst, clock.monotonic()
        self._closed_until = 0.0
        self._queue: list[tuple[int, int]] = []
        self._order = itertools.count()

    async def take(self, cost: float = 1.0, priority: int = NORMAL) -> None:
        """Waits until `cost` tokens are there, then takes them. A cost above the burst is taken as the burst."""
        if not self._queue and self._try(min(cost, self.burst)):
            return
        ticket = (priority, next(self._order))
        heapq.heappush(self._queue, ticket)
        try:
            while not (self._queue[0] == ticket and self._try(min(cost, self.burst))):
                await self._clock.sleep(max(0.001, self._wait_s(min(cost, self.burst))))
        finally:
            self._queue.remove(ticket)
            heapq.heapify(self._queue)

    def learn(self, *, available: float | None = None, rate: float | None = None, burst: float | None = None) -> None:
        """What an answer said of the limit: tokens left now, refill rate, size."""
        self._refill()
        self.rate, self.burst = rate or self.rate, burst or self.burst
        if available is not None:
            self._tokens = min(self.burst, available)

    def close_for(self, seconds: float) -> None:
        """No token until then: a 429 with Retry-After."""
        self._closed_until = max(self._closed_until, self._clock.monotonic() + seconds)

    def closed_s(self) -> float:
        """How long it stays closed."""
        return max(0.0, self._closed_until - self._clock.monotonic())

    def _try(self, cost: float) -> bool:
        self._refill()
        if self._clock.monotonic() < self._closed_until or self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now

    def _wait_s(self, cost: float) -> float:
        closed = self._closed_until - self._clock.monotonic()
        return max(closed, (cost - self._tokens) / self.rate)


class Pace:
    """The buckets of one credential, by operation; an operation without its own shares the default one."""

    def __init__(
        self,
        clock: Clock,
        rate: float = 1000.0,
        burst: float = 1000.0,
        operations: dict[str, tuple[float, float]] | None = None,
    ) -> None:
        self._default = Bucket(clock, rate, burst)
        self._own = {name: Bucket(clock, r, b) for name, (r, b) in (operations or {}).items()}

    def of(self, operation: str = "") -> Bucket:
        return self._own.get(operation, self._default)


class Chance(Protocol):
    """Where a pause by chance comes from: random.Random is one."""

    def uniform(self, a: float, b: float, /) -> float: ...


class Longest:
    """No chance: always the longest pause, for tests and rehearsals."""

    def uniform(self, a: float, b: float, /) -> float:
        return b


class Budget:
    """How many calls may be repeated: `share` of all, and `least` a minute beside; what is not used is kept up to ten minutes' worth."""

    def __init__(self, clock: Clock, share: float = 0.1, least: float = 10.0) -> None:
        self._clock, self._share, self._least = clock, share, least
        self._left, self._at = least, clock.monotonic()

    def called(self) -> None:
        """A call for the first time."""
        self._left = min(10 * self._least, self._left + self._share)

    def repeat(self) -> bool:
        """Whether a call may be made once more; it counts as made."""
        now = self._clock.monotonic()
        self._left = min(10 * self._least, self._left + (now - self._at) * self._least / 60)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Breaker:
    """After `failures` calls in a row without an answer it refuses all for a pause, longer each time; then one probe at a time, until
    one is answered."""

    def __init__(
        self, clock: Clock, chance: Chance, *, failures: int = 5, first_s: float = 0.5, longest_s: float = 10.0
    ) -> None:
        self._clock, self._chance = clock, chance
        self._failures, self._first_s, self._longest_s = failures, first_s, longest_s
        self._failed, self._pause_s, self._until = 0, first_s, 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        return self._failed >= self._failures

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        return self.open and (self._probing or self._clock.monotonic() < self._until)

    def admits(self, *, probe: bool = True) -> bool:
        """Asked before a call; one that may not be the probe is refused until another was answered."""
        if not self.open:
            return True
        if not probe or self.refuses:
            return False
        self._probing = True
        return True

    def answered(self) -> None:
        self._failed, self._pause_s, self._probing = 0, self._first_s, False

    def unanswered(self) -> None:
        """Calls that were under way when it opened do not make the pause longer."""
        self._failed += 1
        if self._probing or self._failed == self._failures:
            pause_s = self._chance.uniform(self._pause_s / 2, self._pause_s)
            self._until = self._clock.monotonic() + pause_s
            self._pause_s = min(self._longest_s, self._pause_s * 2)
        self._probing = False

    def undecided(self) -> None:
        """The probe ended without telling anything."""
        self._probing = False
