"""Sweeps: what no notice brought. Channels are read back page by page against what we published; the ERP's stock whole, nightly."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog

from nervo.ports.shop import Listing
from nervo.rules.config import ConnectionConfig
from nervo.store import journal, links, operations, publications
from nervo.store.database import Tx
from nervo.sync import orders, source
from nervo.sync.context import Hub
from nervo.sync.kinds import Kind, PriceKind, StockKind

LOOK_S = 5.0
MAX_PAGES = 100_000
Linked = list[tuple[str, dict[str, str]]]
log = structlog.get_logger()


class ReadBack:
    """Reads one channel back in the background: a page a step, a round every `readback_s`."""

    def __init__(self, hub: Hub, channel: ConnectionConfig) -> None:
        self.hub, self.channel = hub, channel
        self.remote = hub.remotes[channel.name]
        self._after = ""
        self._next = hub.clock.monotonic() + min(LOOK_S, channel.readback_s)

    async def step(self) -> int:
        """Compares a page when a round is due. Always 0: it waits between pages."""
        if self.hub.may_send(self.channel.name) and self.hub.clock.monotonic() >= self._next:
            self._after = await self.page(self._after)
            if not self._after:
                self._next = self.hub.clock.monotonic() + self.channel.readback_s
        return 0

    async def whole(self) -> int:
        """A whole round at once; how many differences were found."""
        before = await self.hub.db.read(lambda tx: operations.counted(tx, f"drift:{self.channel.name}:"))
        after = await self.page("")
        for _ in range(MAX_PAGES):
            if not after:
                break
            after = await self.page(after)
        now = await self.hub.db.read(lambda tx: operations.counted(tx, f"drift:{self.channel.name}:"))
        return sum(now.values()) - sum(before.values())

    async def page(self, after: str) -> str:
        """Compares the linked SKUs after this one; the last one of the page, "" at the end."""
        size = self.remote.port.capabilities.read_batch
        linked = await self.hub.db.read(lambda tx: links.page(tx, self.channel.name, after, size))
        if not linked:
            return ""
        known = await self.hub.db.read(lambda tx: self._known(tx, [sku for sku, _ in linked]))
        listings: Sequence[Listing] = await self.remote.call("read_listings", [remote for _, remote in linked])
        there = {listing.sku: listing for listing in listings}
        for kind in self._kinds():
            await self._compare(kind, known[kind.name], linked, there)
        await self._gone([sku for sku, _ in linked if sku not in there])
        return linked[-1][0] if len(linked) == size else ""

    def _kinds(self) -> list[Kind]:
        return [kind for kind in (StockKind(), PriceKind()) if kind.name in self.channel.publishes]

    def _known(self, tx: Tx, skus: Sequence[str]) -> dict[str, dict[str, str]]:
        return {kind.name: publications.settled(tx, self.channel.name, kind.name, skus) for kind in self._kinds()}

    async def _compare(
        self, kind: Kind, known: Mapping[str, str], linked: Linked, there: Mapping[str, Listing]
    ) -> None:
        can: Any = self.remote.port.capabilities
        shown = [
            (sku, known[sku], kind.shown(there[sku], known[sku], can))
            for sku, _ in linked
            if sku in known and sku in there
        ]
        differing = [row for row in shown if row[1] != row[2]]
        if differing:
            if kind.name == "stock":  # it may have sold some, and put them back on sale is the last thing we want
                await orders.sweep(self.hub, self.channel)
            found = await self.hub.db.write(lambda tx: self._drifted(tx, kind.name, differing))
            log.warning("drift", channel=self.channel.name, kind=kind.name, count=found)
            self.hub.ring(f"publish:{self.channel.name}:{kind.name}")

    def _drifted(self, tx: Tx, kind: str, differing: Sequence[tuple[str, str, str]]) -> int:
        name, now = self.channel.name, self.hub.now_ms()
        found = publications.drifted(tx, name, kind, differing, now)
        journal.drift(tx, [(name, kind, key, published, shown, now) for key, published, shown in found])
        operations.count(tx, f"drift:{name}:{kind}", len(found))
        return len(found)

    async def _gone(self, skus: Sequence[str]) -> None:
        """Listings that the channel has no more: a person took them out, or should know."""
        if skus:
            await self.hub.db.write(lambda tx: self._note_gone(tx, skus))

    def _note_gone(self, tx: Tx, skus: Sequence[str]) -> None:
        for sku in skus:
            fix = "Put it back there, or take it out in the ERP."
            journal.problem(tx, "listing_gone", self.channel.name, "product", sku, self.hub.now_ms(), fix=fix)


class Snapshot:
    """Reads the ERP's stock whole once a day at `snapshot_hour` (UTC), or every `snapshot_s`; what it finds is counted."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._next = hub.clock.monotonic() + self._wait_s()

    async def step(self) -> int:
        if self.hub.clock.monotonic() >= self._next:
            self._next = self.hub.clock.monotonic() + self._wait_s()
            await snapshot(self.hub)
        return 0

    def _wait_s(self) -> float:
        every = self.hub.config.snapshot_s
        if every:
            return float(every)
        now = self.hub.clock.now()
        due = now.replace(hour=self.hub.config.snapshot_hour, minute=0, second=0, microsecond=0)
        return (due + timedelta(days=due <= now) - now).total_seconds()


async def snapshot(hub: Hub) -> int:
    """All of the ERP's figures; how many SKUs no notice had told of. Those that are about to be read again are not counted."""
    found = await source.snapshot(hub)
    await hub.db.write(lambda tx: operations.count(tx, f"found_by_sweep:{hub.config.erp}:stock", found))
    return found
