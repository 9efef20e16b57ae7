"""The watch: loops that fail, hang or die are seen; each connection's state is kept current; who refuses us is asked again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nervo.errors import AuthFailed, NervoError
from nervo.store import health, journal, operations
from nervo.store.database import Tx
from nervo.store.health import Beat
from nervo.sync.context import Hub
from nervo.sync.remote import Remote, state_of

PROBE_S = 60.0
REFRESH_S = 30.0
STUCK_S = 900.0
BEHIND_S = 900.0
UNAVAILABLE_S = 300.0
FORGET_S = 86_400.0


@dataclass(slots=True)
class Pulse:
    """A loop as it turns; times are monotonic seconds."""

    turned: float
    turned_ms: int
    pause_s: float
    error: str = ""

    def state(self, now: float) -> str:
        if now - self.turned > STUCK_S + 2 * self.pause_s:
            return "late"
        return "failing" if self.error else "ok"


@dataclass(slots=True)
class _Seen:
    """What was last written of a connection."""

    state: str = ""
    error: str = ""
    at: float = 0.0
    since: float = 0.0


class Watch:
    """Looks after one hub's loops and connections."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.pulses: dict[str, Pulse] = {}
        self._seen: dict[str, _Seen] = {}
        self._probed: dict[str, float] = {}

    def turned(self, loop: str, pause_s: float, error: str = "") -> None:
        """A loop has turned, well or not."""
        self.pulses[loop] = Pulse(self.hub.clock.monotonic(), self.hub.now_ms(), pause_s, error)

    async def beat(self) -> int:
        """Stores the pulses and whether this process acts; a loop that does not turn, and a queue that does not move, ask a person."""
        hub, now = self.hub, self.hub.clock.monotonic()
        beats = [Beat(hub.owner, n, p.state(now), p.turned_ms, p.error) for n, p in self.pulses.items()]
        beats.append(Beat(hub.owner, "hub", "active" if hub.active else "standby", hub.now_ms()))
        await hub.db.write(lambda tx: self._note(tx, beats))
        return 0

    def _note(self, tx: Tx, beats: list[Beat]) -> None:
        now = self.hub.now_ms()
        health.beat(tx, beats)
        health.forget(tx, now - int(FORGET_S * 1000))
        if not self.hub.active:
            return
        stuck = [b for b in beats if b.state == "late"]
        for b in stuck:
            self._alarm(tx, "loop_stuck", b.loop, {"loop": b.loop, "since_ms": b.turned_ms})
        for loop in sorted(journal.open_keys(tx, "loop_stuck", "loop") - {b.loop for b in stuck}):
            journal.close_code(tx, "loop_stuck", "", "loop", loop, "nervo")
        self._late(tx, now)

    def _late(self, tx: Tx, now_ms: int) -> None:
        late = set()
        for queue in health.oldest(tx, now_ms):
            if now_ms - queue.since_ms > BEHIND_S * 1000 and not self._explained(queue.connection):
                name = f"{queue.queue}:{queue.connection}".rstrip(":")
                late.add(name)
                values = {"queue": name, "count": queue.count, "minutes": (now_ms - queue.since_ms) // 60_000}
                self._alarm(tx, "falling_behind", name, values)
        for key in journal.open_keys(tx, "falling_behind", "loop") - late:
            journal.close_code(tx, "falling_behind", "", "loop", key, "nervo")

    def _explained(self, connection: str) -> bool:
        """Whether a person knows already why this one's work waits."""
        remote = self.hub.remotes.get(connection)
        return (
            (remote is None and bool(connection)) or connection in self.hub.paused or bool(remote and remote.last_error)
        )

    def _alarm(self, tx: Tx, code: str, key: str, values: Mapping[str, object]) -> None:
        journal.problem(tx, code, "", "loop", key, self.hub.now_ms(), owner="developer", values=values,
                        fix="Look at the log; restart nervo if it does not recover.")  # fmt: skip

    async def connections(self) -> int:
        """Writes each connection's state when it changes, and now and then that it is well."""
        now = self.hub.clock.monotonic()
        news = [r for r in self.hub.remotes.values() if self._differs(r, now)]
        if news and self.hub.active:
            await self.hub.db.write(lambda tx: self._states(tx, news))
            for remote in news:
                self._remember(remote, now)
        return 0

    def _differs(self, remote: Remote, now: float) -> bool:
        if not remote.calls and not remote.last_error:
            return False
        seen = self._seen.get(remote.name, _Seen())
        again = REFRESH_S if seen.state == "ok" else UNAVAILABLE_S
        return (seen.state, seen.error) != _state(remote) or now - seen.at > again

    def _remember(self, remote: Remote, now: float) -> None:
        state, error = _state(remote)
        before = self._seen.get(remote.name, _Seen())
        self._seen[remote.name] = _Seen(state, error, now, before.since if before.state == state else now)

    def _states(self, tx: Tx, remotes: Iterable[Remote]) -> None:
        for remote in remotes:
            self._state(tx, remote)

    def _state(self, tx: Tx, remote: Remote) -> None:
        name, now_ms = remote.name, self.hub.now_ms()
        state, error = _state(remote)
        operations.connection_state(tx, name, state, now_ms, error=error)
        if state == "ok":
            for code in ("auth_failed", "unavailable"):
                journal.close_code(tx, code, name, "connection", name, "nervo")
        elif state == "auth_failed" and remote.refused:
            fix = "Correct the credentials; it is tried again every minute."
            journal.problem(tx, "auth_failed", name, "connection", name, now_ms, said=remote.refused.said, fix=fix)
        elif self._down_for_long(remote):
            fix = "See whether it runs and can be reached. Nothing is lost: what changes meanwhile waits."
            journal.problem(tx, "unavailable", name, "connection", name, now_ms, said=error, fix=fix)

    def _down_for_long(self, remote: Remote) -> bool:
        seen = self._seen.get(remote.name)
        return bool(seen and seen.state == "unavailable" and self.hub.clock.monotonic() - seen.since > UNAVAILABLE_S)

    async def probe(self) -> int:
        """Asks those who refused our credentials again: at once, since it may have been one call's fault, then every minute."""
        for remote in self.hub.remotes.values():
            if remote.refused is None:
                self._probed.pop(remote.name, None)
            elif self.hub.clock.monotonic() - self._probed.get(remote.name, -PROBE_S) >= PROBE_S:
                self._probed[remote.name] = self.hub.clock.monotonic()
                await self._probe(remote)
        return 0

    async def _probe(self, remote: Remote) -> None:
        try:
            await remote.call("check", attempts=1)
        except NervoError:
            return
        for bell in list(self.hub.bells):
            self.hub.ring(bell)

    async def bug(self, loop: str, error: BaseException) -> None:
        """A fault of ours in a loop: it is shown, and the loop goes on."""
        values = {"loop": loop, "error": type(error).__name__}
        await self._problem("internal_error", loop, repr(error), values)

    async def unreadable(self, loop: str, error: NervoError) -> None:
        """What they answer does not read as it should: a developer is asked, the loop goes on."""
        await self._problem(error.code, loop, error.said, {"loop": loop, "doing": error.doing})

    async def _problem(self, code: str, loop: str, said: str, values: Mapping[str, object]) -> None:
        await self.hub.db.write(lambda tx: journal.problem(
            tx, code, "", "loop", loop, self.hub.now_ms(), said=said, owner="developer", values=values,
            fix="Send the log to the developer; nervo goes on by itself."))  # fmt: skip

    async def well(self, loop: str, codes: Iterable[str]) -> None:
        """A loop that had failed has turned."""

        def close(tx: Tx) -> None:
            for code in codes:
                journal.close_code(tx, code, "", "loop", loop, "nervo")

        await self.hub.db.write(close)


def _state(remote: Remote) -> tuple[str, str]:
    if remote.refused:
        return "auth_failed", str(remote.refused)
    state = state_of(remote.last_error)
    return ("unavailable" if isinstance(remote.last_error, AuthFailed) else state), "" if state == "ok" else str(
        remote.last_error
    )
