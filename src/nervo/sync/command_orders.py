"""What people ask of an order: retry, approve, correct, ignore."""

from collections.abc import Callable
from typing import Any

from nervo.errors import NotFound, Rejected
from nervo.ports.erp import OrderKey
from nervo.store import holds, journal, orders
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.sync import corrections
from nervo.sync.context import Hub
from nervo.sync.handlers import Handlers
from nervo.sync.holding import hold_again
from nervo.sync.orders import reconsider

Flows = list[tuple[str, int]]


async def retry(hub: Hub, actor: str, order_id: int) -> str:
    """Looks at it again, or goes on from its milestones."""

    def work(tx: Tx) -> tuple[Kept, Flows]:
        kept = _kept(tx, order_id)
        journal.close(tx, kept.connection, "order", kept.external_id, actor)
        journal.event(tx, order_id, "order_retried", hub.now_ms(), actor)
        if kept.state == "held" and hub.erp().port.capabilities.order_key is OrderKey.NONE:
            orders.set_fields(tx, order_id, pending="")  # they have looked there: nobody else can
        return kept, again(hub, tx, kept, actor)

    kept, started = await _done(hub, work)
    return await _told(hub, order_id, kept.number, bool(started))


def again(hub: Hub, tx: Tx, kept: Kept, actor: str) -> Flows:
    """The flows that an order needs to go on."""
    if kept.cancel_wanted and not kept.cancelled_ms:
        return [hub.want(tx, "cancel_order", kept.id)]
    if kept.state in ("held", "waiting"):
        flow = reconsider(hub, tx, kept.id, actor)
        return [flow] if flow else []
    if kept.state == "received" or (kept.state == "shipped" and not kept.confirmed_ms):
        return [hub.want(tx, "place_order", kept.id)]
    if kept.confirmed_ms and not kept.cancelled_ms:
        return [hub.want(tx, flow, kept.id) for flow in ("update_payment", "mark_shipped")]
    return []


async def approve(hub: Hub, actor: str, order_id: int) -> str:
    """Accepts that a total differs, nothing else."""

    def work(tx: Tx) -> tuple[Kept, Flows]:
        kept = _kept(tx, order_id)
        if kept.state != "held":
            raise Rejected(
                "approving the order", kept.state, code="not_held", fix="Only an order that is held can be approved."
            )
        orders.set_fields(tx, order_id, approved=True)
        journal.event(tx, order_id, "order_approved", hub.now_ms(), actor)
        journal.close(tx, kept.connection, "order", kept.external_id, actor)
        return kept, again(hub, tx, kept, actor)

    kept, started = await _done(hub, work)
    return await _told(hub, order_id, kept.number, bool(started))


async def correct(hub: Hub, actor: str, order_id: int, changes: dict[str, Any]) -> str:
    """Keeps the corrections and looks at the order again."""
    wanted = corrections.read(changes)

    def work(tx: Tx) -> tuple[Kept, Flows]:
        kept = _kept(tx, order_id)
        if kept.erp_id:
            fix = "Correct it in the ERP, or cancel it there first."
            raise Rejected("correcting the order", kept.erp_number, code="already_in_erp", fix=fix)
        if kept.state not in ("held", "waiting"):
            raise Rejected(
                "correcting the order", kept.state, code="not_held", fix="Only an order that is held can be corrected."
            )
        corrections.keep(tx, kept, wanted, actor, hub.now_ms())
        if wanted.skus:
            _held_again(hub, tx, kept)
        journal.close(tx, kept.connection, "order", kept.external_id, actor)
        return kept, again(hub, tx, _kept(tx, order_id), actor)

    kept, started = await _done(hub, work)
    return await _told(hub, order_id, kept.number, bool(started))


def _held_again(hub: Hub, tx: Tx, kept: Kept) -> None:
    """The goods are others now: so are the holds."""
    if kept.state != "waiting":
        hold_again(hub, tx, _kept(tx, kept.id), hub.config.connections[kept.connection], "corrected")


async def ignore(hub: Hub, actor: str, order_id: int, reason: str) -> str:
    """Gives its goods back and closes its problems. One that the ERP has confirmed is cancelled there, not ignored here."""

    def work(tx: Tx) -> tuple[Kept, Flows]:
        kept = _kept(tx, order_id)
        if kept.confirmed_ms:
            raise Rejected(
                "ignoring the order",
                kept.erp_number,
                code="already_in_erp",
                fix="Cancel it in the ERP or at the channel.",
            )
        if kept.state != "ignored":
            orders.set_fields(tx, order_id, state="ignored")
            hub.mark(tx, "stock", set(holds.release(tx, order_id, "ignored")))
            journal.close(tx, kept.connection, "order", kept.external_id, actor, "ignored")
            journal.event(tx, order_id, "order_ignored", hub.now_ms(), actor, reason=reason)
        return kept, []

    kept, _ = await _done(hub, work)
    draft = f" Its draft {kept.erp_number} stays in the ERP: delete it there." if kept.erp_id else ""
    return f"Order {kept.number} is ignored.{draft}"


def _kept(tx: Tx, order_id: int) -> Kept:
    kept = orders.get(tx, order_id)
    if kept is None:
        raise NotFound("looking for the order", str(order_id), code="unknown_order", fix="Look it up by its number.")
    return kept


async def _done(hub: Hub, work: Callable[[Tx], tuple[Kept, Flows]]) -> tuple[Kept, Flows]:
    kept, started = await hub.db.write(work)
    for flow in started:
        hub.start_flow(*flow)
    hub.ring_publishers("stock")
    return kept, started


async def _told(hub: Hub, order_id: int, number: str, started: bool) -> str:
    if started:
        return f"Order {number} goes on."
    state = await hub.db.read(lambda tx: _kept(tx, order_id).state)
    return (
        f"Order {number} is {state}: nothing more to do."
        if state != "held"
        else f"Order {number} is still held: see its problem."
    )


ORDERS: Handlers = {
    "order.retry": ({"order_id": int}, retry),
    "order.approve": ({"order_id": int}, approve),
    "order.correct": ({"order_id": int, "changes": dict}, correct),
    "order.ignore": ({"order_id": int, "reason": str}, ignore),
}
