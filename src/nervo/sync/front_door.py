"""Our own way in, seen from outside: a proxy that redirects, blocks or swallows webhooks is noticed before the shops give up."""

from collections.abc import Awaitable, Callable

from nervo.errors import NervoError
from nervo.store import journal
from nervo.store.database import Tx
from nervo.sync.context import Hub

KNOCK_S = 120.0
OURS = 405  # what the way in answers to a GET; nobody else does
KEY = "front_door"
Knock = Callable[[str], Awaitable[int]]


class FrontDoor:
    """Knocks at the public address. `knock` gives the status that a GET of a URL is answered, following no redirect."""

    def __init__(self, hub: Hub, knock: Knock) -> None:
        self.hub, self.knock = hub, knock
        self._next = hub.clock.monotonic()
        self._strange = 0

    async def step(self) -> int:
        """Knocks when it is due. A strange answer twice in a row asks a person. Always 0: it waits between knocks."""
        if (address := self._address()) and self.hub.clock.monotonic() >= self._next:
            self._next = self.hub.clock.monotonic() + KNOCK_S
            try:
                status = await self.knock(address)
            except NervoError:
                return 0  # from inside a network its own public address need not be reachable
            self._strange = 0 if status == OURS else self._strange + 1
            await self.hub.db.write(lambda tx: self._note(tx, address, status))
        return 0

    def _address(self) -> str:
        told = [c.name for c in self.hub.channels() if self.hub.remotes[c.name].port.capabilities.webhooks]
        public_url = self.hub.config.public_url.rstrip("/")
        return f"{public_url}/hooks/{told[0]}" if public_url and told else ""

    def _note(self, tx: Tx, address: str, status: int) -> None:
        if not self._strange:
            journal.close_code(tx, "door_blocked", "", "webhook", KEY, "nervo")
        elif self._strange > 1:
            fix = "Let what stands in front of nervo pass POST /hooks/ on unchanged."
            values = {"address": address, "status": status}
            journal.problem(tx, "door_blocked", "", "webhook", KEY, self.hub.now_ms(), fix=fix, values=values)
