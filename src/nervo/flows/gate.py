"""Who runs next: the oldest document first, many at once in good times, one at a time while the other side is down."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nervo.kit.clock import Clock

KNOCK_EVERY_S = 1.0


class Gate:
    """At most `at_once` turns; in trouble one, and not sooner than KNOCK_EVERY_S after the last."""

    def __init__(self, clock: Clock, at_once: int) -> None:
        self._clock, self._at_once = clock, at_once
        self._inside = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = 0
        self._troubled = False
        self._well = asyncio.Event()

    @asynccontextmanager
    async def turn(self, document: int) -> AsyncIterator[None]:
        await self._enter(document)
        try:
            yield
        finally:
            self._inside -= 1
            self._admit()

    def trouble(self) -> None:
        """The other side does not answer."""
        self._troubled = True
        self._well.clear()

    def well(self) -> None:
        """It answers: who rests because of it goes on now."""
        self._troubled = False
        self._well.set()

    async def rest(self, seconds: float, *, wake: bool) -> None:
        """Waits; `wake`: at most until the other side answers again."""
        if not wake:
            await self._clock.sleep(seconds)
            return
        waits = {asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._well.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _enter(self, document: int) -> None:
        self._order += 1
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (document, self._order, turn))
        self._admit()
        try:
            await turn
            if self._troubled:
                await self._clock.sleep(KNOCK_EVERY_S)
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._inside -= 1
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._inside < (1 if self._troubled else self._at_once):
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                self._inside += 1
