"""The loops of one hub process: listen, read, publish, accept. A loop that fails says so and goes on; none stops another."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from nervo.errors import NervoError
from nervo.rules.config import ConnectionConfig
from nervo.store import journal, operations
from nervo.sync import inbox, orders, source
from nervo.sync.context import Hub
from nervo.sync.inbox import Reader
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.products import ProductPublisher, link_existing
from nervo.sync.publish import LostLease, Publisher, recover

LEASE_MS = 15_000
log = structlog.get_logger()
Step = Callable[[], Awaitable[int]]


class Worker:
    """Runs a hub until `stop`. `poll_s` is how long a loop waits when no bell rings."""

    def __init__(
        self, hub: Hub, readers: Mapping[str, Reader], extra: Mapping[str, Step], *, poll_s: float = 1.0
    ) -> None:
        self.hub, self.readers, self.extra, self.poll_s = hub, readers, extra, poll_s
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Takes the lease, reads everything once, links, recovers, then starts the loops."""
        await self._lease()
        await source.first_reading(self.hub)
        for channel in self.hub.channels():
            await link_existing(self.hub, channel)
            await recover(self.hub, channel)
        self._tasks = [asyncio.create_task(self._loop(name, step, pause)) for name, step, pause in self._loops()]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hub.db.write(lambda tx: operations.give_lease(tx, "hub", self.hub.owner))

    def _loops(self) -> list[tuple[str, Step, float]]:
        hub = self.hub
        loops: list[tuple[str, Step, float]] = []
        loops.append(("lease", self._lease, LEASE_MS / 4000))
        loops.append(("listen", lambda: source.listen(hub), self.poll_s))
        loops.append(("stock", lambda: source.read_stock(hub), self.poll_s))
        loops.append(("catalogue", self._catalogue, max(5.0, self.poll_s)))
        loops.append(("inbox", lambda: inbox.drain(hub, self.readers), self.poll_s))
        loops.append(("exchanges", self._keep_exchanges, self.poll_s))
        for channel in hub.channels():
            name = channel.name
            loops.append((f"orders:{name}", partial(orders.read_hinted, hub, channel), self.poll_s))
            loops.append((f"sweep:{name}", partial(self._sweep, channel), float(channel.sweep_s)))
            for kind in (StockKind(), PriceKind()):
                if kind.name in channel.publishes:
                    loops.append((f"publish:{name}:{kind.name}", Publisher(hub, channel, kind).drain, self.poll_s))
            if "product" in channel.publishes:
                loops.append((f"publish:{name}:product", ProductPublisher(hub, channel).drain, self.poll_s))
        return loops + [(name, step, self.poll_s) for name, step in self.extra.items()]

    async def _loop(self, name: str, step: Step, pause_s: float) -> None:
        """Steps while there is work; waits for the bell or the poll when there is none, or when the step failed."""
        while True:
            try:
                busy = await step()
            except LostLease:
                self.hub.epoch, busy = 0, 0
            except NervoError as error:
                busy = 0
                log.warning("step_failed", loop=name, code=error.code, doing=error.doing, said=error.said)
            if not busy:
                await self.hub.wait(name, pause_s)

    async def _lease(self) -> int:
        hub = self.hub
        taken = await hub.db.write(lambda tx: operations.take_lease(tx, "hub", hub.owner, hub.now_ms(), LEASE_MS))
        hub.epoch = taken or 0
        hub.paused = await hub.db.read(operations.paused)
        return 0

    async def _catalogue(self) -> int:
        await source.catalogue(self.hub)
        return 0

    async def _sweep(self, channel: ConnectionConfig) -> int:
        await orders.sweep(self.hub, channel)
        return 0

    async def _keep_exchanges(self) -> int:
        rows = [r.kept.popleft() for r in self.hub.remotes.values() for _ in range(min(500, len(r.kept)))]
        if rows:
            await self.hub.db.write(lambda tx: journal.exchanges(tx, rows))
        return len(rows)
