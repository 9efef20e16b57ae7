"""What has to be known before anything moves: the ERP's facts; then of each channel by itself its start point, its listings, what a
predecessor left in doubt, and whether its rules are still those that its keys were projected under."""

import asyncio
import hashlib

from nervo.errors import NervoError
from nervo.rules.config import ConnectionConfig
from nervo.store import operations, publications
from nervo.store.codec import text
from nervo.store.database import Tx
from nervo.sync import orders, source
from nervo.sync.context import Hub
from nervo.sync.products import link_existing
from nervo.sync.publish import recover


async def opening(hub: Hub) -> None:
    """Reads the ERP the first time, then opens every channel that answers; one that does not is opened later and stops no other."""
    hub.opened.clear()
    await source.first_reading(hub)
    await asyncio.gather(*(_try(hub, channel) for channel in hub.channels()))


async def open_channel(hub: Hub, channel: ConnectionConfig) -> int:
    """Opens a channel, once. Raises what the channel raises."""
    if channel.name in hub.opened:
        return 0
    await orders.start_point(hub, channel)
    await link_existing(hub, channel)
    await recover(hub, channel)
    await hub.db.write(lambda tx: reproject(hub, tx, channel))
    hub.opened.add(channel.name)
    return 1


async def _try(hub: Hub, channel: ConnectionConfig) -> None:
    try:
        await open_channel(hub, channel)
    except NervoError:
        hub.opened.discard(channel.name)  # its loop tries again, and says what is wrong


def reproject(hub: Hub, tx: Tx, channel: ConnectionConfig) -> list[str]:
    """Kinds whose rule is another than the last time: all of their keys may have to be shown differently."""
    rules = {"stock": text(channel.stock), "price": text(channel.price), "product": text(channel.product_fields)}
    changed = []
    for kind in channel.publishes:
        digest = int.from_bytes(hashlib.sha256(rules[kind].encode()).digest()[:7])
        if operations.swap_counter(tx, f"rule/{channel.name}/{kind}", digest) != digest:
            publications.mark_known(tx, channel.name, kind, hub.now_ms())
            changed.append(kind)
    return changed
