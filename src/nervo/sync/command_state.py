"""What people ask of stock, channels and connections: read again, compare, pause, resume, test."""

from nervo.errors import NotFound
from nervo.ports.common import Identity
from nervo.store import facts, inbox, operations, publications, refresh
from nervo.store.database import Tx
from nervo.sync import source, sweep
from nervo.sync.context import Hub
from nervo.sync.handlers import Handlers


async def stock(hub: Hub, actor: str, sku: str = "") -> str:
    """Reads one SKU again, or the ERP's stock whole."""
    if not sku:
        return f"The ERP's stock is read: {await sweep.snapshot(hub)} SKUs differed."
    erp = hub.config.erp

    def work(tx: Tx) -> bool:
        refresh.want(tx, erp, "stock", [sku], "hub", hub.now_ms())
        return bool(facts.known_skus(tx, [sku]))

    known = await hub.db.write(work)
    await source.read_stock(hub)
    hub.ring("stock")
    if not known and not await hub.db.read(lambda tx: facts.stock_rows(tx, [sku])):
        raise NotFound("reading stock", sku, code="unknown_sku", fix="The ERP has no such SKU.")
    return f"{sku} is read again."


async def channel(hub: Hub, actor: str, channel: str) -> str:
    """Reads the whole channel back and compares every key."""
    found = next((c for c in hub.channels() if c.name == channel), None)
    if found is None:
        raise NotFound("looking for the channel", channel, code="unknown_channel", fix="Check its name.")
    drifted = await sweep.ReadBack(hub, found).whole()
    marked = await hub.db.write(lambda tx: publications.mark_all(tx, channel, hub.now_ms()))
    for kind in found.publishes:
        hub.ring(f"publish:{channel}:{kind}")
    return f"{channel} is read back: {drifted} differed; {marked} compared again."


async def replay(hub: Hub, actor: str, since_ms: int) -> str:
    """Reads the deliveries since then once more. They only hint, and what is read is known already, so nothing happens twice."""
    count = await hub.db.write(lambda tx: inbox.again(tx, since_ms))
    hub.ring("inbox")
    return f"{count} deliveries are read again."


async def pause(hub: Hub, actor: str, name: str) -> str:
    _known(hub, name)
    hub.paused = hub.paused | {name}
    await hub.db.write(lambda tx: operations.pause(tx, name, True))
    return f"{name} is paused: what changes meanwhile waits."


async def resume(hub: Hub, actor: str, name: str) -> str:
    _known(hub, name)
    await hub.db.write(lambda tx: operations.pause(tx, name, False))
    hub.paused = hub.paused - {name}
    for bell in list(hub.bells):
        hub.ring(bell)
    return f"{name} goes on."


async def check(hub: Hub, actor: str, name: str) -> str:
    """Asks who answers and what we may do there; the answer is kept."""
    _known(hub, name)
    found: Identity = await hub.remotes[name].call("check", attempts=1)
    await hub.db.write(lambda tx: operations.connection_state(tx, name, "ok", hub.now_ms(), identity=found))
    wrong = [f"{check.name}: {check.detail}" for check in found.checks if not check.ok]
    return f"{found.name} {found.version} ({found.account}) answers. " + (
        "; ".join(wrong) if wrong else "All checks passed."
    )


def _known(hub: Hub, name: str) -> None:
    if name not in hub.remotes:
        raise NotFound("looking for the connection", name, code="unknown_connection", fix="Check its name.")


STATE: Handlers = {
    "sync.stock": ({"sku": str}, stock),
    "sync.channel": ({"channel": str}, channel),
    "inbox.replay": ({"since_ms": int}, replay),
    "connection.pause": ({"name": str}, pause),
    "connection.resume": ({"name": str}, resume),
    "connection.check": ({"name": str}, check),
}
