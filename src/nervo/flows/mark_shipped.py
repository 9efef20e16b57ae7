"""mark_shipped: what left the ERP's warehouse is fulfilled at the channel with its tracking, each shipment once."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import partial

from nervo.errors import DeveloperError, Misunderstood, NervoError, NotFound, OutcomeUnknown
from nervo.flows.cancel_order import cancelled_there
from nervo.flows.pending import waited_out
from nervo.flows.place_order import paid_there, unpaid
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order
from nervo.ports.erp import ErpOrder, ErpOrderState
from nervo.store import journal, operations, orders, refresh
from nervo.store.codec import parse, text
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.sync import lease
from nervo.sync.context import Hub
from nervo.sync.remote import order_in_hand

ALONE = 20
PENDING = "shipment"
Flows = list[tuple[str, int]]


async def mark_shipped(hub: Hub, order_id: int) -> None:
    """Tells the channel of every shipment that it has not been told of."""
    order_in_hand.set(order_id)
    kept = await hub.db.read(lambda tx: orders.get(tx, order_id))
    if kept is None or not kept.erp_id or kept.cancelled_ms:
        return
    written: ErpOrder = await hub.erp().call("read_order", kept.erp_id)
    told = parse(kept.fulfilments, list[str])
    whole = left_whole(kept.order, written)
    untold = [shipment for shipment in written.shipments if shipment.external_id not in told]
    if untold and kept.pending == PENDING:
        await waited_out(hub, order_id, kept.connection)
    for shipment in untold:
        told.append(shipment.external_id)
        await _tell(hub, kept, shipment, told)
    if written.shipments and not (kept.state == "shipped" and kept.shipped_ms):
        now = kept.shipped_ms or hub.now_ms()
        state = "shipped" if whole else kept.state
        await hub.db.write(
            lambda tx: orders.set_fields(tx, order_id, state=state, shipped_ms=now, erp_state=written.raw_state)
        )


def left_whole(order: Order, written: ErpOrder) -> bool:
    """Whether all goods have left: as the shipments' lines say, or where they have none, as the ERP's state says."""
    left, ordered = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for shipment in written.shipments:
        for gone in shipment.lines:
            left[gone.sku] += gone.quantity
    for line in order.lines:
        if line.sku and not line.gift_card:
            ordered[line.sku] += line.quantity
    if not left:
        return written.state is ErpOrderState.DONE
    return all(left[sku] >= quantity for sku, quantity in ordered.items())


async def _tell(hub: Hub, kept: Kept, shipment: Fulfilment, told: list[str]) -> None:
    there = await _fulfilled(hub, kept, shipment)

    def note(tx: Tx) -> None:
        lease.still_ours(hub, tx)
        orders.set_fields(tx, kept.id, fulfilments=text(told), pending="")
        journal.event(
            tx,
            kept.id,
            "fulfilled_at_channel",
            hub.now_ms(),
            shipment=shipment.external_id,
            carrier=shipment.carrier,
            tracking=shipment.tracking_number,
            fulfilment=there,
        )

    await hub.db.write(note)


async def _fulfilled(hub: Hub, kept: Kept, shipment: Fulfilment) -> str:
    """Noted before it leaves: what is not known to have had no effect may land late, and the buyer would be written to twice."""

    def pending(tx: Tx, what: str) -> None:
        lease.still_ours(hub, tx)
        orders.set_fields(tx, kept.id, pending=what)

    await hub.db.write(partial(pending, what=PENDING))
    hub.sent_at[kept.id] = hub.clock.monotonic()
    key = f"{kept.erp_key}-{shipment.external_id}"
    try:
        there = await hub.remotes[kept.connection].call("fulfil", kept.external_id, shipment, key)
    except (OutcomeUnknown, Misunderstood):
        hub.sent_at[kept.id] = hub.clock.monotonic()
        raise
    except NervoError:
        await hub.db.write(partial(pending, what=""))
        raise
    hub.sent_at.pop(kept.id, None)
    return str(there)


async def follow_erp_orders(hub: Hub) -> int:
    """Reads the ERP's orders by its own order of change; shipments start mark_shipped, a payment that is gone update_payment, a
    cancellation there asks a person."""
    erp = hub.config.erp
    cursor = await hub.db.read(lambda tx: operations.cursor(tx, erp, "orders"))
    page = await hub.erp().call("changed_orders", cursor)

    def note(tx: Tx) -> Flows:
        if page.unreadable:
            refresh.want(tx, erp, "order", page.unreadable, "sweep", hub.now_ms(), patient=True)
        if page.next:
            operations.set_cursor(tx, erp, "orders", page.next, hub.now_ms())
        return _wanted(hub, tx, page.items)

    if page.items or page.unreadable or page.next != cursor:
        _start(hub, await hub.db.write(note))
    return len(page.items) + await _read_alone(hub)


async def _read_alone(hub: Hub) -> int:
    """Orders that a page could not tell: asked for one by one, each says what is wrong with it, until it can be read."""
    erp, now = hub.config.erp, hub.due_ms()
    due = await hub.db.read(lambda tx: refresh.due(tx, erp, "order", now, ALONE))
    for item in due:
        try:
            found = [await hub.erp().call("read_order", item.key)]
        except NotFound:
            found = []
        except NervoError as error:
            await hub.db.write(partial(_unread, hub, item=item, error=error))
            continue
        _start(hub, await hub.db.write(partial(_read, hub, item=item, found=found)))
    return len(due)


def _read(hub: Hub, tx: Tx, item: refresh.Due, found: list[ErpOrder]) -> Flows:
    refresh.read(tx, hub.config.erp, "order", [item])
    journal.close_code(tx, "unreadable_order", hub.config.erp, "order", item.key, "nervo")
    return _wanted(hub, tx, found)


def _unread(hub: Hub, tx: Tx, item: refresh.Due, error: NervoError) -> None:
    later = hub.due_ms() + int(1000 * min(60.0, 0.5 * 2.0 ** min(7, item.attempts)))
    refresh.postponed(tx, hub.config.erp, "order", [item.key], later, str(error))
    if isinstance(error, Misunderstood):
        kept = orders.by_erp_id(tx, item.key)
        journal.problem(
            tx,
            "unreadable_order",
            hub.config.erp,
            "order",
            item.key,
            hub.now_ms(),
            values={"order": kept.number if kept else ""},
            said=error.said,
            owner="developer",
            fix="Send the raw exchange to the connector's developer; it is retried by itself.",
        )


def _wanted(hub: Hub, tx: Tx, found: Iterable[ErpOrder]) -> Flows:
    """The flows that these have to be followed by."""
    return [hub.want(tx, flow, order_id) for written in found for flow, order_id in _changed(hub, tx, written)]


def _start(hub: Hub, flows: Flows) -> None:
    for flow, order_id in flows:
        hub.start_flow(flow, order_id)


def _changed(hub: Hub, tx: Tx, written: ErpOrder) -> Flows:
    kept = orders.by_erp(tx, written.key)
    if kept is None:
        return []
    if written.state is ErpOrderState.CANCELLED and not kept.cancelled_ms and not kept.cancel_wanted:
        cancelled_there(hub, tx, kept, written)
        return []
    gone = unpaid(kept, written)
    if not gone:
        paid_there(tx, kept)
    told = set(parse(kept.fulfilments, list[str]))
    flows = {"update_payment": gone, "mark_shipped": any(s.external_id not in told for s in written.shipments)}
    return [(flow, kept.id) for flow, needed in flows.items() if needed]


def problem_for(tx: Tx, hub: Hub, order_id: int, failure: Exception) -> None:
    """A flow that a person has to help: refused, or stopped by a bug of ours."""
    error = (
        failure
        if isinstance(failure, NervoError)
        else DeveloperError("working on the order", repr(failure), code="internal_error")
    )
    kept = orders.get(tx, order_id)
    if kept is None:
        return
    orders.set_fields(tx, order_id, state="held") if kept.state == "received" else None
    journal.problem_of(tx, error, kept.connection, "order", kept.external_id, hub.now_ms(), order_id=order_id)
    journal.event(tx, order_id, "step_failed", hub.now_ms(), reason=error.code, said=error.said)
