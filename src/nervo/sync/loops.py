"""Which loops a hub has: each a step, and how long it waits when there is nothing to do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from nervo.rules.config import ConnectionConfig
from nervo.store import journal
from nervo.sync import inbox, orders, source, sweep
from nervo.sync.commands import Commands
from nervo.sync.context import Hub
from nervo.sync.inbox import Reader
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.products import ProductPublisher, link_existing
from nervo.sync.publish import Publisher, recover
from nervo.sync.subscriptions import Subscriptions
from nervo.sync.watch import Watch

Step = Callable[[], Awaitable[int]]
COMMANDS_S = 0.5
WATCH_S = 1.0


@dataclass(frozen=True, slots=True)
class Loop:
    """A step that returns how much it moved; 0: wait for the bell of this name, or `pause_s`."""

    name: str
    step: Step
    pause_s: float


async def opening(hub: Hub) -> None:
    """What has to be known before anything moves: the ERP's facts, where each channel's orders start, what it lists."""
    await source.first_reading(hub)
    for channel in hub.channels():
        await orders.start_point(hub, channel)
        await link_existing(hub, channel)
        await recover(hub, channel)


def of(hub: Hub, readers: Mapping[str, Reader], watch: Watch, extra: Mapping[str, Step], poll_s: float) -> list[Loop]:
    found = [
        Loop("connections", watch.connections, WATCH_S),
        Loop("probe", watch.probe, WATCH_S),
        Loop("commands", Commands(hub).step, min(poll_s, COMMANDS_S)),
        Loop("inbox", lambda: inbox.drain(hub, readers), poll_s),
        Loop("exchanges", partial(_keep_exchanges, hub), poll_s),
        *_erp(hub, poll_s),
    ]
    for channel in hub.channels():
        found += _channel(hub, channel, poll_s)
    return found + [Loop(name, step, poll_s) for name, step in extra.items()]


def _erp(hub: Hub, poll_s: float) -> list[Loop]:
    snapshot = sweep.Snapshot(hub)
    found = [
        Loop("listen", lambda: source.listen(hub), poll_s),
        Loop("stock", lambda: source.read_stock(hub), poll_s),
        Loop("catalogue", partial(_catalogue, hub), max(5.0, poll_s)),
        Loop("snapshot", snapshot.step, sweep.LOOK_S),
    ]
    if hub.erp().port.capabilities.doorbell:
        found.append(Loop("doorbell", source.Doorbell(hub).step, poll_s))
    return found


def _channel(hub: Hub, channel: ConnectionConfig, poll_s: float) -> list[Loop]:
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
    return found


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
