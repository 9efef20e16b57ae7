"""The disk under the database: a person is told while there is still room to write it down."""

from nervo.store import journal, room
from nervo.store.database import Tx
from nervo.sync.context import Hub

LEAST_MB = 512
LOOK_S = 60.0


class Disk:
    """Looks at how much is left."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._low: bool | None = None

    async def step(self) -> int:
        """Opens a problem when it gets low and closes it when there is room again. Always 0: no hurry."""
        left = await self.hub.db.read(lambda tx: room.free_mb())
        low = left is not None and left < LEAST_MB
        if low or low != self._low:
            await self.hub.db.write(lambda tx: self._note(tx, left if low else None))
            self._low = low
        return 0

    def _note(self, tx: Tx, left: int | None) -> None:
        if left is None:
            journal.close_code(tx, "disk_low", "", "loop", "disk", "nervo")
        else:
            fix = "Free space: while the disk is full, webhooks are refused and nothing is written down."
            journal.problem(tx, "disk_low", "", "loop", "disk", self.hub.now_ms(), fix=fix, values={"left_mb": left})
