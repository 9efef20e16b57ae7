"""Writes whose outcome is not known: how long they may still take effect."""

from nervo.errors import MachineError
from nervo.sync.context import Hub


class NotYet(MachineError):
    """It may still take effect; `retry_after_s` from now it no longer can."""

    code = "waiting_out"

    def __init__(self, doing: str, *, retry_after_s: float) -> None:
        super().__init__(doing)
        self.retry_after_s = retry_after_s


async def waited_out(hub: Hub, order_id: int, there: str = "") -> None:
    """Passes once a write for this order can no longer take effect `there`, or in the ERP. Raises NotYet before.

    When it was sent is known only to the process that sent it; another one waits the whole bound from when it first looks.
    """
    sent = hub.sent_at.setdefault(order_id, hub.clock.monotonic())
    late_s: float = hub.remotes[there or hub.config.erp].port.capabilities.late_application_s
    left = sent + late_s - hub.clock.monotonic()
    if left > 0:
        raise NotYet(f"waiting for what was sent for order {order_id}", retry_after_s=left)
