"""The loops of one hub process: listen, read, publish, accept. A loop that fails says so and goes on; none stops another.

Of several processes on the same data one acts; the others stand by and take over when its lease runs out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from nervo.errors import DeveloperError, NervoError
from nervo.sync import lease, loops
from nervo.sync.context import Hub
from nervo.sync.fence import LostLease
from nervo.sync.inbox import Reader
from nervo.sync.loops import Loop, Step
from nervo.sync.opening import opening
from nervo.sync.watch import Watch

AFTER_BUG_S = 5.0
LONGEST_S = 60.0
log = structlog.get_logger()


async def _nothing() -> None:
    """Where nobody has to be told."""


class Worker:
    """Runs a hub until `stop`. `poll_s` is how long a loop waits when no bell rings; `opened` is awaited each time this process
    begins to act, before its loops; `lost` when it no longer may."""

    def __init__(
        self,
        hub: Hub,
        readers: Mapping[str, Reader],
        extra: Mapping[str, Step],
        *,
        poll_s: float = 1.0,
        opened: Callable[[], Awaitable[object]] = _nothing,
        lost: Callable[[], Awaitable[object]] = _nothing,
    ) -> None:
        self.hub, self.readers, self.extra, self.poll_s = hub, readers, extra, poll_s
        self.watch = Watch(hub)
        self._opened, self._lost = opened, lost
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._governor: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes the lease if it is free, reads everything once, links, recovers, then starts the loops. Where another process
        acts, or takes over meanwhile, it stands by. Raises what the first reading raises."""
        await lease.renew(self.hub)
        await self.watch.beat()
        self._governor = asyncio.create_task(self._govern())
        if self.hub.active and await self._opens():
            return
        log.info("standby", owner=self.hub.owner)

    async def _opens(self) -> bool:
        """Whether it acts now; not where the lease was lost meanwhile."""
        first = self._opening = asyncio.create_task(self._open())
        try:
            await asyncio.wait([first])
            if first.cancelled():
                return False
            first.result()
        except BaseException:
            await self.stop()
            raise
        return True

    async def stop(self) -> None:
        """Raises Unavailable where the store is away: then the lease runs out by itself."""
        await _cancel([t for t in (self._governor, self._opening) if t])
        await self._halt()
        await lease.give(self.hub)

    async def _open(self) -> None:
        """Who refused us at the last try is asked again: no loop runs yet that would."""
        await self.watch.probe()
        try:
            await opening(self.hub)
        except NervoError:
            await self.watch.connections()
            raise
        await self._opened()
        for loop in loops.of(self.hub, self.readers, self.watch, self.extra, self.poll_s):
            self._tasks[loop.name] = asyncio.create_task(self._turn(loop))
        log.info("active", owner=self.hub.owner, epoch=self.hub.epoch)

    async def _halt(self) -> None:
        await _cancel(list(self._tasks.values()))
        self._tasks.clear()
        await self._lost()

    async def _govern(self) -> None:
        """Keeps the lease; begins to act when it is gained, stops at once when it is lost; starts loops again that died."""
        while True:
            await self.hub.clock.sleep(lease.RENEW_S)
            epoch = self.hub.epoch
            try:
                await lease.renew(self.hub)
                await self._follow(self.hub.epoch == epoch)
                await self.watch.beat()
            except Exception as error:
                log.exception("lease_not_renewed", error=repr(error))

    async def _follow(self, unbroken: bool) -> None:
        """`unbroken`: the same epoch as before, though it may have been renewed so late that nothing may leave for a moment."""
        if not unbroken and (self._tasks or self._opening):
            log.warning("lease_lost", owner=self.hub.owner)
            await _cancel([self._opening] if self._opening else [])
            self._opening = None
            await self._halt()
        if self.hub.epoch and (self._opening is None or _failed(self._opening)):
            self._opening = asyncio.create_task(self._open())
        for name, task in list(self._tasks.items()):
            if task.done():
                await self._revive(name, task)

    async def _revive(self, name: str, task: asyncio.Task[None]) -> None:
        log.error("loop_died", loop=name)
        ended = None if task.cancelled() else task.exception()
        await self.watch.bug(name, ended or RuntimeError("the loop ended"))
        found = loops.of(self.hub, self.readers, self.watch, self.extra, self.poll_s)
        self._tasks[name] = asyncio.create_task(self._turn(next(loop for loop in found if loop.name == name)))

    async def _turn(self, loop: Loop) -> None:
        """Steps while there is work; waits for the bell or the poll when there is none, longer and longer after a bug."""
        pause, codes = loop.pause_s, set[str]()
        while True:
            busy, error = await self._step(loop, codes)
            self.watch.turned(loop.name, loop.pause_s, error)
            bug = "internal_error" in codes
            pause = min(LONGEST_S, max(AFTER_BUG_S, pause * 2)) if bug else loop.pause_s
            if not busy:
                await self.hub.wait(loop.name, pause)

    async def _step(self, loop: Loop, codes: set[str]) -> tuple[int, str]:
        """One step: how much it moved, and why it failed. `codes` are the problems that its failures have opened."""
        try:
            busy = await loop.step()
            if codes:
                await self.watch.well(loop.name, codes)
                codes.clear()
            return busy, ""
        except LostLease:
            return 0, ""
        except DeveloperError as error:
            codes.add(error.code)
            await self._safely(self.watch.unreadable(loop.name, error))
            return 0, str(error)
        except NervoError as error:
            log.warning("step_failed", loop=loop.name, code=error.code, doing=error.doing, said=error.said)
            return 0, str(error)
        except Exception as error:
            log.exception("bug", loop=loop.name)
            codes.add("internal_error")
            await self._safely(self.watch.bug(loop.name, error))
            return 0, repr(error)

    async def _safely(self, telling: Awaitable[None]) -> None:
        """The teller of troubles may itself fail: then the log has it."""
        try:
            await telling
        except Exception:
            log.exception("problem_not_stored")


def _failed(task: asyncio.Task[None]) -> bool:
    if not task.done():
        return False
    if not task.cancelled() and (error := task.exception()):
        log.warning("start_failed", error=str(error))
        return True
    return task.cancelled()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
