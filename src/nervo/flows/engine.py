"""The port to an engine that runs flows, and the adapter that runs them in this process.

The hub's database is the truth, an engine's history is disposable: a flow's first act is to read the order's milestones and skip
what is done, so that starting it again is always safe.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Protocol

from nervo.errors import TRIED_AGAIN, NervoError, Unavailable
from nervo.flows.gate import Gate
from nervo.kit.clock import Clock
from nervo.sync.fence import LostLease

Flow = Callable[[int], Awaitable[None]]
Failed = Callable[[str, int, Exception], Awaitable[None]]


class Engine(Protocol):
    """Starts flows idempotently: one run at a time for a document, whatever its flows are called."""

    def start(self, flow: str, document: int) -> None: ...

    async def idle(self) -> None:
        """Waits until nothing runs."""
        ...

    async def drop(self) -> None:
        """Stops what runs and forgets what waits; `start` works again afterwards."""
        ...

    async def stop(self) -> None: ...


class MemoryEngine:
    """Flows as tasks of this process. What is TRIED_AGAIN is so later each time; every failure goes to `failed`.

    Flows of one document run one after the other in the order they were started; the same flow is not queued twice. While the
    other side is down, one document at a time knocks, the oldest first; when it answers, all go on, the oldest first. `home` names the
    side that every flow needs; what has failed at another one waits for that one only.
    """

    def __init__(
        self,
        flows: dict[str, Flow],
        failed: Failed,
        clock: Clock,
        *,
        home: str = "",
        at_once: int = 16,
        longest_pause_s: float = 60.0,
    ) -> None:
        self._flows, self._failed, self._clock, self._longest = flows, failed, clock, longest_pause_s
        self._home = home
        self._gates = defaultdict[str, Gate](lambda: Gate(clock, at_once))
        self._sides: dict[int, str] = {}  # document → where it failed last, unless at home
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

    async def drop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._queued.clear()
        for document, task in list(self._tasks.items()):
            if task in tasks:  # one that was cancelled before it began has not taken itself out
                del self._tasks[document]

    async def stop(self) -> None:
        await self.drop()

    async def _run(self, document: int) -> None:
        try:
            while queue := self._queued.get(document):
                await self._persist(queue[0], document)
                queue.pop(0)
        finally:
            self._queued.pop(document, None)
            self._tasks.pop(document, None)
            self._sides.pop(document, None)

    async def _persist(self, name: str, document: int) -> None:
        attempt = 0
        while error := await self._try(name, document):
            attempt += 1
            gate = self._gates[self._sides.get(document, "")]
            await gate.rest(self._pause_s(error, attempt), wake=isinstance(error, Unavailable))

    async def _try(self, name: str, document: int) -> NervoError | None:
        """One run; the error after which it is to be tried again."""
        side = self._sides.get(document, "")
        async with self._gates[side].turn(document):
            try:
                await self._once(name, document)
            except LostLease:
                return None
            except TRIED_AGAIN as error:
                if isinstance(error, Unavailable):
                    self._trouble(document, error)
                return await self._unnoted(name, document, error) or error
            except Exception as error:  # noqa: BLE001 - a refusal or a bug: a person is asked, the other documents go on
                return await self._unnoted(name, document, error)
            else:
                for answered in {side, ""}:
                    self._gates[answered].well()
        return None

    def _trouble(self, document: int, error: Unavailable) -> None:
        side = "" if error.side == self._home else error.side
        self._sides[document] = side
        self._gates[side].trouble()

    async def _unnoted(self, name: str, document: int, error: Exception) -> NervoError | None:
        """What kept a failure from being written down: then it is tried again, so that nobody misses it."""
        try:
            await self._failed(name, document, error)
        except Unavailable as away:
            return away
        return None

    async def _once(self, name: str, document: int) -> None:
        await self._flows[name](document)

    def _pause_s(self, error: NervoError, attempt: int) -> float:
        asked: float | None = getattr(error, "retry_after_s", None)
        return asked if asked else float(min(self._longest, 0.25 * 2.0 ** min(attempt, 8)))
