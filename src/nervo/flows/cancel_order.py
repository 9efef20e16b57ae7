"""cancel_order: a cancellation at the channel reaches the ERP after whatever was in flight, and gives the goods back."""

from nervo.flows.writing import look_up
from nervo.ports.erp import ErpOrder
from nervo.store import holds, journal, orders, refresh
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.sync import lease
from nervo.sync.context import Hub
from nervo.sync.orders import taken_back
from nervo.sync.remote import order_in_hand


def cancelled_there(hub: Hub, tx: Tx, kept: Kept, written: ErpOrder) -> None:
    """Somebody cancelled it in the ERP: the goods are given back, and a person is asked about the channel's order."""
    if kept.cancelled_ms or kept.cancel_wanted:
        return
    now = hub.now_ms()
    journal.problem(
        tx, "cancelled_in_erp", kept.connection, "order", kept.external_id, now, order_id=kept.id, values={"erp": written.number},
        fix="Cancel it at the channel too, or refund the customer.",
    )  # fmt: skip
    journal.event(tx, kept.id, "cancelled_in_erp", now)
    _given_back(hub, tx, kept, in_erp=True)


def _given_back(hub: Hub, tx: Tx, kept: Kept, *, in_erp: bool) -> None:
    """Holds of a sale that was confirmed end with the next figure; the others have nothing to wait for."""
    now, skus = hub.now_ms(), {line.sku for line in kept.order.lines if line.sku}
    orders.set_fields(tx, kept.id, state="cancelled", cancelled_ms=now, pending="")
    if not in_erp or not kept.confirmed_ms:
        holds.release(tx, kept.id, "cancelled")
    refresh.want(tx, hub.config.erp, "stock", skus, "hub", now)
    hub.mark(tx, "stock", skus)


async def cancel_order(hub: Hub, order_id: int) -> None:
    """Cancels in the ERP if the ERP has the order; ends its holds if it never will."""
    order_in_hand.set(order_id)
    kept = await hub.db.read(lambda tx: orders.get(tx, order_id))
    if kept is None or kept.cancelled_ms or not kept.cancel_wanted:
        return
    erp = hub.erp()
    found = await look_up(hub, kept, writes=False)
    if found:
        await erp.call("cancel_order", found.erp_id)

    def note(tx: Tx) -> None:
        lease.still_ours(hub, tx)
        journal.close(tx, kept.connection, "order", kept.external_id, "nervo")
        journal.event(tx, order_id, "order_cancelled", hub.now_ms(), in_erp=bool(found))
        _given_back(hub, tx, kept, in_erp=bool(found))
        taken_back(hub, tx, order_id)

    await hub.db.write(note)
    hub.ring("stock")
    hub.ring_publishers("stock")
