"""What every part of the engine is given: the store, the configuration, the remotes, the clock, and bells that wake loops."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nervo.kit.clock import Clock
from nervo.rules.config import Config, ConnectionConfig
from nervo.store import flows, publications
from nervo.store.codec import ms
from nervo.store.database import Database, Tx
from nervo.sync.fence import LostLease, Paused
from nervo.sync.remote import Remote


@dataclass
class Hub:
    """One hub process. `epoch` is the lease's; 0 means that this process may not send. A lease is good until both of its
    deadlines: monotonic seconds, and the wall's clock, which also runs while the machine is suspended."""

    db: Database
    config: Config
    remotes: dict[str, Remote]
    clock: Clock
    owner: str
    start_flow: Callable[[str, int], None] = lambda name, order_id: None
    gone: Callable[[str], bool] = lambda owner: False  # whether the process of this name is known to have ended
    epoch: int = 0
    lease_until: float = 0.0
    lease_until_ms: int = 0
    paused: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    bells: dict[str, asyncio.Event] = field(default_factory=dict)
    sent_at: dict[int, float] = field(default_factory=dict)  # order → when a write for it left, monotonic seconds
    lease_ms: Callable[[Tx], int] | None = (
        None  # whose time leases are counted in; None: the database's, one for all hubs
    )

    def __post_init__(self) -> None:
        self._started_ms = self.now_ms() - int(self.clock.monotonic() * 1000)
        for remote in self.remotes.values():
            remote.may_write = self.check_may_send

    def now_ms(self) -> int:
        return ms(self.clock.now())

    def due_ms(self) -> int:
        """Now, for what waits: as the monotonic clock counts, so that setting the wall clock neither shortens nor lengthens a wait."""
        return self._started_ms + int(self.clock.monotonic() * 1000)

    def erp(self) -> Remote:
        return self.remotes[self.config.erp]

    def channels(self) -> list[ConnectionConfig]:
        return [c for c in self.config.channels() if c.name in self.remotes]

    def bell(self, name: str) -> asyncio.Event:
        return self.bells.setdefault(name, asyncio.Event())

    def ring(self, name: str) -> None:
        self.bell(name).set()

    async def wait(self, name: str, at_most_s: float) -> None:
        """Until the bell rings, or the poll behind it is due."""
        bell = self.bell(name)
        try:
            async with asyncio.timeout(at_most_s):
                await bell.wait()
        except TimeoutError:
            pass
        bell.clear()

    @property
    def active(self) -> bool:
        """Whether the lease is ours and still good."""
        return self.epoch > 0 and self.clock.monotonic() < self.lease_until and self.now_ms() < self.lease_until_ms

    def may_send(self, connection: str) -> bool:
        remote = self.remotes[connection]
        return self.active and connection not in self.paused and not remote.refused and not remote.breaker.refuses

    def check_may_send(self, connection: str) -> None:
        """Asked right before a write leaves. Raises LostLease, Paused."""
        if not self.active:
            raise LostLease(f"sending to {connection}", f"epoch {self.epoch}")
        if connection in self.paused:
            raise Paused(f"sending to {connection}", fix="Resume the connection.")

    def late_ms(self, connection: str) -> int:
        """How long after a call was given up it may still take effect there."""
        return int(self.remotes[connection].port.capabilities.late_application_s * 1000)

    def want(self, tx: Tx, flow: str, order_id: int) -> tuple[str, int]:
        """Writes down that an order needs a flow, in the transaction that makes it needed."""
        flows.want(tx, flow, order_id, self.now_ms())
        return flow, order_id

    def mark(self, tx: Tx, kind: str, keys: Iterable[str], *, priority: int = 5) -> None:
        """These keys may have to be shown differently on every channel that takes this kind."""
        keys, channels = list(keys), [c.name for c in self.channels() if kind in c.publishes]
        if keys and channels:
            publications.mark_on(tx, channels, kind, keys, self.now_ms(), priority=priority)

    def ring_publishers(self, kind: str) -> None:
        for channel in self.channels():
            self.ring(f"publish:{channel.name}:{kind}")
