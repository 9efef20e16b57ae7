"""The lease: one hub acts on the data. Its epoch grows at every change of hands and is carried by every effect."""

from nervo.kit.clock import SystemClock
from nervo.store import operations, publications, waits
from nervo.store.database import Tx
from nervo.sync.context import Hub
from nervo.sync.fence import LostLease

LEASE_S = 8.0
RENEW_S = 2.0
LONGEST_WAIT_S = 600.0


async def renew(hub: Hub) -> bool:
    """Takes the lease or keeps it; whether it is ours. With a new epoch, what a predecessor was sending is read back first."""
    asked, asked_ms = hub.clock.monotonic(), hub.now_ms()
    epoch = await hub.db.write(lambda tx: _take(hub, tx)) or 0
    hub.paused = await hub.db.read(operations.paused)
    hub.lease_until, hub.lease_until_ms = asked + LEASE_S, asked_ms + int(LEASE_S * 1000)
    if epoch != hub.epoch:
        hub.sent_at.clear()  # others may have written meanwhile
    hub.epoch = epoch
    return hub.active


def _take(hub: Hub, tx: Tx) -> int | None:
    if hub.epoch and not operations.still_ours(tx, "hub", hub.owner, hub.epoch):
        return None  # what began under that epoch stops first: it must never act under a later one
    now_ms = _now_ms(hub, tx)
    epoch = _asked(hub, tx, now_ms)
    if epoch is None and _given_for_the_dead(hub, tx):
        epoch = _asked(hub, tx, now_ms)
    if epoch and epoch != hub.epoch:
        waits.cap(tx, hub.due_ms() + int(LONGEST_WAIT_S * 1000))
        for channel in hub.channels():
            quarantine(hub, tx, channel.name, epoch)
    return epoch


def _now_ms(hub: Hub, tx: Tx) -> int:
    if hub.lease_ms:
        return hub.lease_ms(tx)
    return operations.database_ms(tx) if isinstance(hub.clock, SystemClock) else hub.now_ms()


def _asked(hub: Hub, tx: Tx, now_ms: int) -> int | None:
    return operations.take_lease(tx, "hub", hub.owner, now_ms, int(LEASE_S * 1000), epoch=hub.epoch)


def _given_for_the_dead(hub: Hub, tx: Tx) -> bool:
    """Whether the holder is known to have ended: then its lease is given back for it."""
    holder = operations.lease_holder(tx, "hub")
    if holder is None or not hub.gone(holder[0]):
        return False
    operations.give_lease(tx, "hub", *holder)
    return True


def quarantine(hub: Hub, tx: Tx, channel: str, epoch: int) -> int:
    """Keys that an earlier epoch was sending are unknown: they wait out late application, then they are read back."""
    return publications.quarantine(tx, channel, epoch, hub.due_ms() + hub.late_ms(channel))


def still_ours(hub: Hub, tx: Tx) -> None:
    """Asked in the transaction that notes an effect: a successor's knowledge is newer. Raises LostLease."""
    if not operations.still_ours(tx, "hub", hub.owner, hub.epoch):
        raise LostLease("noting an effect", f"epoch {hub.epoch}")


async def give(hub: Hub) -> None:
    """Gives the lease back, so that another hub acts at once."""
    await hub.db.write(lambda tx: operations.give_lease(tx, "hub", hub.owner, hub.epoch))
    hub.epoch = 0
