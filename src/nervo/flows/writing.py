"""Writing an order to the ERP: looked up first, and what may still land is waited out where the ERP would take a second one."""

from enum import StrEnum

from nervo.flows.pending import waited_out
from nervo.ports.erp import ErpOrder, OrderKey
from nervo.store.orders import Kept
from nervo.sync.context import Hub


class Next(StrEnum):
    """What follows a look-up of an order under our key."""

    TAKE = "take"  # it is there
    WAIT = "wait"  # it is not, but an earlier write may still take effect
    WRITE = "write"  # it is not, and a write does no harm: none was sent, none can land any more, or the ERP refuses the second


def after_look_up(found: bool, *, pending: bool, waited: bool, key: OrderKey) -> Next:
    """`pending`: a write was sent and its outcome is not known; `waited`: this look-up came after it could no longer land."""
    if found:
        return Next.TAKE
    if not pending or waited or key is OrderKey.UNIQUE:
        return Next.WRITE
    return Next.WAIT


async def look_up(hub: Hub, kept: Kept, key: OrderKey) -> ErpOrder | None:
    """The ERP's order under our key; None: it may be written now. Raises NotYet while an earlier write may still take effect."""
    waited = False
    while True:
        found: ErpOrder | None = await hub.erp().call("find_order", kept.erp_key)
        if after_look_up(bool(found), pending=kept.pending == "order", waited=waited, key=key) is not Next.WAIT:
            return found
        await waited_out(hub, kept.id)
        waited = True
