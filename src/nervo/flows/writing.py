"""Writing an order to the ERP: looked up first, and what may still land is waited out where the ERP would take a second one."""

from enum import StrEnum

from nervo.errors import Rejected
from nervo.flows.pending import waited_out
from nervo.ports.erp import ErpOrder, OrderKey
from nervo.store.orders import Kept
from nervo.sync.context import Hub


class Next(StrEnum):
    """What follows a look-up of an order under our key."""

    TAKE = "take"  # it is there
    WAIT = "wait"  # it is not, but an earlier write may still take effect
    GO_ON = "go on"  # it is not: none was sent, none can land any more, or the ERP refuses the second
    ASK = "ask"  # nobody can tell


def after_look_up(found: bool, *, pending: bool, waited: bool, key: OrderKey, writes: bool) -> Next:
    """`pending`: a write was sent and its outcome is not known; `waited`: this look-up came after it could no longer land; `writes`:
    the order is written next if it is not there."""
    if found:
        return Next.TAKE
    if not pending:
        return Next.GO_ON
    if key is OrderKey.NONE:
        return Next.ASK
    return Next.GO_ON if waited or (writes and key is OrderKey.UNIQUE) else Next.WAIT


async def look_up(hub: Hub, kept: Kept, *, writes: bool) -> ErpOrder | None:
    """The ERP's order under our key; None: it is not there, and what `writes` does no harm. Raises NotYet while an earlier write may
    still take effect, Rejected where only a person can find out."""
    waited, key = False, hub.erp().port.capabilities.order_key
    known = key is OrderKey.NONE and kept.erp_id
    while True:
        call = ("read_order", kept.erp_id) if known else ("find_order", kept.erp_key)
        found: ErpOrder | None = await hub.erp().call(*call)
        match after_look_up(bool(found), pending=kept.pending == "order", waited=waited, key=key, writes=writes):
            case Next.TAKE | Next.GO_ON:
                return found
            case Next.ASK:
                raise Rejected(
                    "writing the order",
                    "an earlier attempt was not answered",
                    code="outcome_unknown",
                    fix="Look for the order in the ERP: if it is not there, press Retry.",
                )
        await waited_out(hub, kept.id)
        waited = True
