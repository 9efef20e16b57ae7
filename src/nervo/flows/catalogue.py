"""Every flow by its name, each run until it has met the latest need for it; and what becomes of its failures."""

from collections.abc import Awaitable, Callable

from nervo.errors import TRIED_AGAIN, Misunderstood
from nervo.flows.admission import Admission
from nervo.flows.cancel_order import cancel_order
from nervo.flows.engine import Failed, Flow
from nervo.flows.mark_shipped import mark_shipped, problem_for
from nervo.flows.place_order import PlaceOrder, record_payments
from nervo.store import flows, journal, orders
from nervo.store.database import Tx
from nervo.sync.context import Hub

Step = Callable[[Hub, int], Awaitable[None]]


def flows_of(hub: Hub) -> dict[str, Flow]:
    """The flows of this hub, for an engine."""
    place = PlaceOrder(hub)
    steps: dict[str, Step] = {
        "place_order": lambda _, order: place(order),
        "cancel_order": cancel_order,
        "update_payment": record_payments,
        "mark_shipped": mark_shipped,
    }
    return {name: _Needed(hub, name, step) for name, step in steps.items()}


class _Needed:
    """A flow that is run again when it was wanted again while it ran."""

    def __init__(self, hub: Hub, name: str, step: Step) -> None:
        self.hub, self.name, self.step = hub, name, step

    async def __call__(self, order_id: int) -> None:
        met = False
        while not met:
            need = await self.hub.db.read(lambda tx: flows.wanted(tx, self.name, order_id))
            await self.step(self.hub, order_id)
            met = await self._ran(order_id, need)

    async def _ran(self, order_id: int, need: int) -> bool:
        def note(tx: Tx) -> bool:
            if flows.attempts(tx, self.name, order_id):
                journal.close_of_order(tx, Misunderstood.code, order_id, "nervo")
            return flows.ran(tx, self.name, order_id, need)

        return await self.hub.db.write(note)


def failures_of(hub: Hub) -> Failed:
    """What an engine is given for failures: one that is tried again is noted, any other becomes a problem and waits."""

    async def failed(flow: str, order_id: int, error: Exception) -> None:
        def note(tx: Tx) -> None:
            if isinstance(error, TRIED_AGAIN):
                flows.postponed(tx, flow, order_id, str(error))
                if isinstance(error, Misunderstood):
                    _unreadable(tx, hub, order_id, error)
                return
            flows.stopped(tx, flow, order_id)
            problem_for(tx, hub, order_id, error)

        await hub.db.write(note)

    return failed


def _unreadable(tx: Tx, hub: Hub, order_id: int, error: Misunderstood) -> None:
    """A developer sees it while it is tried again."""
    if kept := orders.get(tx, order_id):
        journal.problem_of(tx, error, kept.connection, "order", kept.external_id, hub.now_ms(), order_id=order_id)


async def resume(hub: Hub) -> int:
    """Starts the flows that are needed, the oldest first; those that run already go on as they are. How many."""
    return await Admission(hub, hub.start_flow).resume()
