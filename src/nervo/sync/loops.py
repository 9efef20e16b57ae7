"""Which loops a hub has: each a step, and how long it waits when there is nothing to do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from nervo.rules.config import ConnectionConfig
from nervo.store import journal
from nervo.sync import inbox, orders, source, sweep
from nervo.sync.buffers import EVERY_S, Buffers
from nervo.sync.commands import Commands
from nervo.sync.context import Hub
from nervo.sync.disk import LOOK_S, Disk
from nervo.sync.inbox import Reader
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.opening import open_channel
from nervo.sync.products import ProductPublisher
from nervo.sync.publish import Publisher
from nervo.sync.subscriptions import Subscriptions
from nervo.sync.watch import Watch

Step = Callable[[], Awaitable[int]]
COMMANDS_S = 0.5
OPEN_S = 5.0
WATCH_S = 1.0
REST = 4.0


@dataclass(frozen=True, slots=True)
class Loop:
    """A step that returns how much it moved; 0: wait for the bell of this name, or `pause_s`."""

    name: str
    step: Step
    pause_s: float


def sparing(hub: Hub, step: Step, *operations: str, batch: int = 0) -> Step:
    """A step that asks the ERP with these operations, and however often it is woken takes no more than a fifth of its time by that.
    One that moved a whole batch goes on at once."""
    moved = 0

    async def spared() -> int:
        nonlocal moved
        if not batch or moved < batch:
            await hub.erp().spared(*operations, rest=REST)
        moved = await step()
        return moved

    return spared


def of(hub: Hub, readers: Mapping[str, Reader], watch: Watch, extra: Mapping[str, Step], poll_s: float) -> list[Loop]:
    found = [
        Loop("connections", watch.connections, WATCH_S),
        Loop("probe", watch.probe, WATCH_S),
        Loop("disk", Disk(hub).step, LOOK_S),
        Loop("commands", Commands(hub).step, min(poll_s, COMMANDS_S)),
        Loop("inbox", lambda: inbox.drain(hub, readers), poll_s),
        Loop("exchanges", partial(_keep_exchanges, hub), poll_s),
        *_erp(hub, poll_s),
    ]
    reckoned = Buffers(hub)
    if reckoned.wanted:
        found.append(Loop("buffers", reckoned.step, EVERY_S))
    for channel in hub.channels():
        found += _channel(hub, channel, poll_s)
    return found + [Loop(name, step, poll_s) for name, step in extra.items()]


def _erp(hub: Hub, poll_s: float) -> list[Loop]:
    snapshot, batch = sweep.Snapshot(hub), hub.erp().port.capabilities.stock_batch
    entities = ("products", "prices", "promotions")
    found = [
        Loop("listen", sparing(hub, lambda: source.listen(hub), "changed_stock"), poll_s),
        Loop("stock", sparing(hub, lambda: source.read_stock(hub), "stock_of", batch=batch), poll_s),
        Loop("catalogue", sparing(hub, partial(_catalogue, hub), *entities), max(5.0, poll_s)),
        Loop("snapshot", snapshot.step, sweep.LOOK_S),
    ]
    if hub.erp().port.capabilities.doorbell:
        found.append(Loop("doorbell", source.Doorbell(hub).step, poll_s))
    return found


def _channel(hub: Hub, channel: ConnectionConfig, poll_s: float) -> list[Loop]:
    """A channel's loops; all but the first wait until it has been opened."""
    name = channel.name
    found = [
        Loop(f"orders:{name}", partial(orders.read_hinted, hub, channel), poll_s),
        Loop(f"sweep:{name}", partial(_sweep, hub, channel), float(channel.sweep_s)),
        Loop(f"readback:{name}", sweep.ReadBack(hub, channel).step, sweep.LOOK_S),
        Loop(f"subscriptions:{name}", Subscriptions(hub, channel).step, float(channel.subscriptions_s)),
    ]
    for kind in (StockKind(), PriceKind()):
        if kind.name in channel.publishes:
            found.append(Loop(f"publish:{name}:{kind.name}", Publisher(hub, channel, kind).drain, poll_s))
    if "product" in channel.publishes:
        found.append(Loop(f"publish:{name}:product", ProductPublisher(hub, channel).drain, poll_s))
    gated = [Loop(loop.name, partial(_once_open, hub, name, loop.step), loop.pause_s) for loop in found]
    return [Loop(f"open:{name}", partial(_open, hub, channel), OPEN_S), *gated]


async def _open(hub: Hub, channel: ConnectionConfig) -> int:
    if await open_channel(hub, channel):
        for kind in ("stock", "price", "product"):
            hub.ring(f"publish:{channel.name}:{kind}")
        for loop in ("orders", "sweep"):
            hub.ring(f"{loop}:{channel.name}")
    return 0


async def _once_open(hub: Hub, name: str, step: Step) -> int:
    return await step() if name in hub.opened else 0


async def _catalogue(hub: Hub) -> int:
    await source.catalogue(hub)
    return 0


async def _sweep(hub: Hub, channel: ConnectionConfig) -> int:
    await orders.sweep(hub, channel)
    return 0


async def _keep_exchanges(hub: Hub) -> int:
    rows = [r.kept.popleft() for r in hub.remotes.values() for _ in range(min(500, len(r.kept)))]
    if rows:
        await hub.db.write(lambda tx: journal.exchanges(tx, rows))
    return len(rows)
