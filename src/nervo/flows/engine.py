"""The port to an engine that runs flows, and the adapter that runs them in this process.

The hub's database is the truth, an engine's history is disposable: a flow's first act is to read the order's milestones and skip
what is done, so that starting it again is always safe.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from nervo.errors import MachineError, NervoError, RateLimited
from nervo.kit.clock import Clock

Flow = Callable[[int], Awaitable[None]]
Failed = Callable[[str, int, Exception], Awaitable[None]]


class Engine(Protocol):
    """Starts flows idempotently: one run at a time for a document, whatever its flows are called."""

    def start(self, flow: str, document: int) -> None: ...

    async def idle(self) -> None:
        """Waits until nothing runs."""
        ...

    async def stop(self) -> None: ...


class MemoryEngine:
    """Flows as tasks of this process. A machine error is tried again, later each time; anything else goes to `failed`.

    Flows of one document run one after the other in the order they were started; the same flow is not queued twice.
    """

    def __init__(
        self, flows: dict[str, Flow], failed: Failed, clock: Clock, *, at_once: int = 16, longest_pause_s: float = 60.0
    ) -> None:
        self._flows, self._failed, self._clock, self._longest = flows, failed, clock, longest_pause_s
        self._slots = asyncio.Semaphore(at_once)
        self._queued: dict[int, list[str]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, flow: str, document: int) -> None:
        queue = self._queued.setdefault(document, [])
        if flow not in queue:
            queue.append(flow)
        if document not in self._tasks:
            self._tasks[document] = asyncio.get_running_loop().create_task(self._run(document))

    async def idle(self) -> None:
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def stop(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, document: int) -> None:
        try:
            while queue := self._queued.get(document):
                await self._persist(queue[0], document)
                queue.pop(0)
        finally:
            self._queued.pop(document, None)
            self._tasks.pop(document, None)

    async def _persist(self, name: str, document: int) -> None:
        attempt = 0
        while True:
            try:
                async with self._slots:
                    await self._flows[name](document)
                return
            except MachineError as error:
                await self._failed(name, document, error)
                attempt += 1
                await self._clock.sleep(self._pause_s(error, attempt))
            except NervoError as error:
                await self._failed(name, document, error)
                return
            except Exception as bug:
                await self._failed(name, document, bug)
                raise

    def _pause_s(self, error: MachineError, attempt: int) -> float:
        if isinstance(error, RateLimited) and error.retry_after_s:
            return error.retry_after_s
        return float(min(self._longest, 0.25 * 2.0 ** min(attempt, 8)))
