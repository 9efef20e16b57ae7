"""The wall clock may be set, forwards or back, by NTP, a person or a machine that slept: what waits is moved along with it."""

from functools import partial

import structlog

from nervo.store import waits
from nervo.sync.context import Hub

LEAST_MS = 1_000
log = structlog.get_logger()


class ClockSet:
    """Compares the wall clock with the monotonic one at every step."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._ahead_ms = self._measured()

    async def step(self) -> int:
        """Moves the waits if the clock was set since the last step. Always 0: no hurry."""
        ahead_ms = self._measured()
        by_ms = ahead_ms - self._ahead_ms
        if abs(by_ms) >= LEAST_MS:
            await self.hub.db.write(partial(waits.move, by_ms=by_ms))
            log.warning("clock_set", by_ms=by_ms)
        self._ahead_ms = ahead_ms
        return 0

    def _measured(self) -> int:
        return self.hub.now_ms() - int(self.hub.clock.monotonic() * 1000)
