"""mark_shipped: what left the ERP's warehouse is fulfilled at the channel with its tracking, each shipment once."""

from collections import defaultdict
from decimal import Decimal
from functools import partial

from nervo.errors import DeveloperError, NervoError
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order
from nervo.ports.erp import ErpOrder, ErpOrderState
from nervo.store import journal, operations, orders
from nervo.store.codec import parse, text
from nervo.store.database import Tx
from nervo.sync.context import Hub
from nervo.sync.remote import order_in_hand

OVERLAP_S = 300.0


async def mark_shipped(hub: Hub, order_id: int) -> None:
    """Tells the channel of every shipment that it has not been told of."""
    order_in_hand.set(order_id)
    kept = await hub.db.read(lambda tx: orders.get(tx, order_id))
    if kept is None or not kept.erp_id or kept.cancelled_ms:
        return
    written: ErpOrder = await hub.erp().call("read_order", kept.erp_id)
    told = parse(kept.fulfilments, list[str])
    whole = left_whole(kept.order, written)
    for shipment in written.shipments:
        if shipment.external_id not in told:
            await _tell(
                hub, order_id, kept.connection, kept.external_id, shipment, f"{kept.erp_key}-{shipment.external_id}"
            )
            told.append(shipment.external_id)
            done = text(told)
            await hub.db.write(partial(orders.set_fields, id=order_id, fulfilments=done))
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


async def _tell(hub: Hub, order_id: int, connection: str, external_id: str, shipment: Fulfilment, key: str) -> None:
    there = await hub.remotes[connection].call("fulfil", external_id, shipment, key)

    def note(tx: Tx) -> None:
        journal.event(
            tx,
            order_id,
            "fulfilled_at_channel",
            hub.now_ms(),
            shipment=shipment.external_id,
            carrier=shipment.carrier,
            tracking=shipment.tracking_number,
            fulfilment=str(there),
        )

    await hub.db.write(note)


async def follow_erp_orders(hub: Hub) -> int:
    """Reads the ERP's orders by its own order of change; shipments start mark_shipped, a cancellation there asks a person."""
    erp = hub.config.erp
    cursor = await hub.db.read(lambda tx: operations.cursor(tx, erp, "orders"))
    page = await hub.erp().call("changed_orders", cursor)

    def note(tx: Tx) -> list[int]:
        found = [i for written in page.items if (i := _changed(hub, tx, written))]
        for order_id in found:
            hub.want(tx, "mark_shipped", order_id)
        if page.next:
            operations.set_cursor(tx, erp, "orders", page.next, hub.now_ms())
        return found

    if not page.items and page.next == cursor:
        return 0
    for order_id in await hub.db.write(note):
        hub.start_flow("mark_shipped", order_id)
    return len(page.items)


def _changed(hub: Hub, tx: Tx, written: ErpOrder) -> int | None:
    kept = orders.by_erp(tx, written.key)
    if kept is None:
        return None
    if written.state is ErpOrderState.CANCELLED and not kept.cancelled_ms and not kept.cancel_wanted:
        journal.problem(
            tx,
            "cancelled_in_erp",
            kept.connection,
            "order",
            kept.external_id,
            hub.now_ms(),
            order_id=kept.id,
            fix="Cancel it at the channel too, or refund the customer.",
            values={"erp": written.number},
        )
        orders.set_fields(tx, kept.id, state="cancelled", cancelled_ms=hub.now_ms())
        journal.event(tx, kept.id, "cancelled_in_erp", hub.now_ms())
        return None
    told = set(parse(kept.fulfilments, list[str]))
    return kept.id if any(s.external_id not in told for s in written.shipments) else None


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
