"""Which of the flows that are due an engine is given: after an outage there may be more than memory and fairness allow."""

from collections import Counter
from collections.abc import Callable

from nervo.store import flows
from nervo.sync.context import Hub

ROOM = 1_000


class Admission:
    """The oldest `room` of each flow and connection go to the engine; the rest waits in the store until `resume` is called next."""

    def __init__(self, hub: Hub, start: Callable[[str, int], None], *, room: int = ROOM) -> None:
        self._hub, self._start, self._room = hub, start, room
        self._full = set[str]()
        self._fresh = 0

    def start(self, flow: str, order_id: int) -> None:
        """A flow that has just become due: at once, unless older ones wait."""
        if flow not in self._full and self._fresh < self._room:
            self._fresh += 1
            self._start(flow, order_id)

    async def resume(self) -> int:
        """What is due goes on, whoever forgot to start it; how many of them."""
        due = await self._hub.db.read(lambda tx: flows.due(tx, self._room))
        waiting = Counter((need.connection, need.flow) for need in due)
        self._full = {flow for (_, flow), count in waiting.items() if count >= self._room}
        self._fresh = 0
        for need in due:
            self._start(need.flow, need.order_id)
        return len(due)
