"""cancel_order: a cancellation at the channel reaches the ERP after whatever was in flight, and gives the goods back."""

from nervo.flows.writing import look_up
from nervo.store import holds, journal, orders, refresh
from nervo.store.database import Tx
from nervo.sync import lease
from nervo.sync.context import Hub
from nervo.sync.orders import taken_back
from nervo.sync.remote import order_in_hand


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
        now = hub.now_ms()
        orders.set_fields(tx, order_id, state="cancelled", cancelled_ms=now, pending="")
        skus = {line.sku for line in kept.order.lines if line.sku}
        if not found or not kept.confirmed_ms:
            holds.release(tx, order_id, "cancelled")
        refresh.want(tx, hub.config.erp, "stock", skus, "hub", now)
        hub.mark(tx, "stock", skus)
        journal.close(tx, kept.connection, "order", kept.external_id, "nervo")
        journal.event(tx, order_id, "order_cancelled", now, in_erp=bool(found))
        taken_back(hub, tx, order_id)

    await hub.db.write(note)
    hub.ring("stock")
    hub.ring_publishers("stock")
