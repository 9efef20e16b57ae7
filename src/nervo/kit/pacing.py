"""The pace: one token bucket per credential and operation, set from the manifest, learnt from answers."""

import heapq
import itertools
from collections.abc import Callable
from contextvars import ContextVar

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
