"""Publishing: drain a channel's dirty keys in batches; each item has its own outcome; an unknown one is read back, never repeated."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from nervo.errors import AuthFailed, MachineError, Misunderstood, NervoError, OutcomeUnknown, RateLimited
from nervo.ports.common import ItemOutcome, Outcome
from nervo.rules.config import ConnectionConfig
from nervo.store import journal, links, operations, publications
from nervo.store.database import Tx
from nervo.store.publications import Claim
from nervo.sync import lease
from nervo.sync.context import Hub
from nervo.sync.fence import LostLease, Paused
from nervo.sync.kinds import Kind

WINDOW_MINUTES = 10


@dataclass(frozen=True, slots=True)
class ToSend:
    """One key on its way out."""

    claim: Claim
    wanted: str
    remote: dict[str, str]

    @property
    def key(self) -> str:
        return self.claim.key

    @property
    def published(self) -> str:
        return self.claim.published

    @property
    def approved(self) -> bool:
        """Whether a person has accepted this very value."""
        return self.wanted == self.claim.approved


class Publisher:
    """Publishes one kind to one channel, one batch in flight at a time, so that a key is never in flight twice."""

    def __init__(self, hub: Hub, channel: ConnectionConfig, kind: Kind) -> None:
        self.hub, self.channel, self.kind = hub, channel, kind
        self.remote = hub.remotes[channel.name]

    async def drain(self) -> int:
        """Publishes one batch; how many keys were settled or are on their way. 0: nothing to do now."""
        if not self.hub.may_send(self.channel.name) or not self.remote.writable:
            return 0
        size = self.kind.batch(self.remote.port.capabilities)
        claims, wanted, linked, sending = await self.hub.db.write(lambda tx: self._look(tx, size))
        if not claims:
            return 0
        if sending:
            await self._send(sending)
        await self._read_back([c for c in claims if c.state == "unknown"], linked, wanted)
        return len(claims)

    def _look(
        self, tx: Tx, size: int
    ) -> tuple[list[Claim], dict[str, str | None], dict[str, dict[str, str]], list[ToSend]]:
        """The next dirty keys, what is wanted of them, their ids, and those that are about to leave."""
        claims = claimed(self.hub, tx, self.channel.name, self.kind.name, size)
        if not claims:
            return [], {}, {}, []
        keys = [c.key for c in claims]
        wanted, linked = self.kind.project(tx, self.channel, keys), links.of(tx, self.channel.name, keys)
        return claims, wanted, linked, self._sort(tx, [c for c in claims if c.state != "unknown"], wanted, linked)

    def _sort(
        self, tx: Tx, claims: Sequence[Claim], wanted: dict[str, str | None], linked: dict[str, dict[str, str]]
    ) -> list[ToSend]:
        """Settles what needs no call; notes what is about to leave, under the lease that allows it."""
        unlinked = [c for c in claims if c.key not in linked]
        same = [c for c in claims if c.key in linked and (wanted[c.key] is None or wanted[c.key] == c.published)]
        settled = {c.key for c in unlinked} | {c.key for c in same}
        sending = [ToSend(c, wanted[c.key] or "", linked[c.key]) for c in claims if c.key not in settled]
        name, kind = self.channel.name, self.kind.name
        if unlinked:
            publications.set_state(tx, name, kind, [c.key for c in unlinked], "unlinked")
        if same:
            publications.unchanged(tx, name, kind, same)
            self._solved(tx, same)
        again = [s for s in sending if s.claim.state in ("held", "failed") and s.wanted == s.claim.refused]
        if again:
            publications.still_refused(tx, name, kind, [s.claim for s in again])
        sending = self._guarded(tx, [s for s in sending if s not in again])
        if sending:
            lease.still_ours(self.hub, tx)
            publications.sending(tx, name, kind, [s.key for s in sending], self.hub.epoch)
        return sending

    def _guarded(self, tx: Tx, sending: list[ToSend]) -> list[ToSend]:
        name, kind, now = self.channel.name, self.kind.name, self.hub.now_ms()
        passed = []
        for item in sending:
            reason = "" if item.approved else self.kind.refused(item, self.channel, self.hub.config.guards)
            if reason:
                publications.refuse(tx, name, kind, [(item.claim, item.wanted)], "held", reason)
                journal.problem(
                    tx,
                    reason,
                    name,
                    kind,
                    item.key,
                    now,
                    values={"from": item.published, "to": item.wanted},
                    fix="Check the ERP, then approve or correct.",
                    owner="owner",
                )
            else:
                passed.append(item)
        return self._without_mass_zero(tx, passed) if kind == "stock" else passed

    def _without_mass_zero(self, tx: Tx, sending: list[ToSend]) -> list[ToSend]:
        now, guards = self.hub.now_ms(), self.hub.config.guards
        zeros = [s for s in sending if s.wanted == "0" and s.published not in ("", "0") and not s.approved]
        if not zeros:
            return sending
        minute, counter = now // 60_000, f"zeros/{self.channel.name}"
        recent = operations.recent(tx, counter, minute - WINDOW_MINUTES) + len(zeros)
        total, _ = publications.counts(tx, self.channel.name, "stock")
        if recent < guards.mass_zero_least or recent * 100 <= guards.mass_zero_percent * total:
            operations.count_recent(tx, counter, minute, len(zeros), minute - WINDOW_MINUTES)
            return sending
        held = [(z.claim, z.wanted) for z in zeros]
        publications.refuse(tx, self.channel.name, "stock", held, "held", "stock_mass_zero")
        journal.problem(
            tx,
            "stock_mass_zero",
            self.channel.name,
            "stock",
            "*",
            now,
            values={"count": recent, "of": total},
            fix="Check the ERP's stock, then approve.",
            owner="owner",
        )
        return [s for s in sending if s not in zeros]

    def _solved(self, tx: Tx, claims: Sequence[Claim]) -> None:
        """What had stopped these does not any more."""
        for claim in claims:
            if claim.state in ("held", "failed") or claim.attempts:
                journal.close(tx, self.channel.name, self.kind.name, claim.key, "nervo")
        if any(c.state == "held" for c in claims) and not publications.held(tx, self.channel.name, self.kind.name):
            journal.close(tx, self.channel.name, self.kind.name, "*", "nervo")

    async def _send(self, sending: list[ToSend]) -> None:
        try:
            outcomes = await self.kind.write(self.remote, self.channel, sending, self._key(sending))
        except NervoError as error:
            await self._failed(sending, error)
            return
        await self.hub.db.write(lambda tx: self._note(tx, sending, outcomes), durable=False)

    def _key(self, sending: list[ToSend]) -> str:
        content = "\n".join(f"{s.key}={s.wanted}@{s.claim.dirty_tick}" for s in sending)
        return hashlib.sha256(f"{self.hub.epoch}/{self.channel.name}/{self.kind.name}/{content}".encode()).hexdigest()[
            :40
        ]

    def _note(self, tx: Tx, sending: list[ToSend], outcomes: Sequence[ItemOutcome]) -> None:
        name, kind, now, due = self.channel.name, self.kind.name, self.hub.now_ms(), self.hub.due_ms()
        lease.still_ours(self.hub, tx)
        by_key = {o.sku: o for o in outcomes}
        done = [(s.claim, s.wanted) for s in sending if (o := by_key.get(s.key)) and o.outcome is Outcome.DONE]
        publications.published(tx, name, kind, done, now)
        self._solved(tx, [claim for claim, _ in done])
        for item in sending:
            outcome = by_key.get(item.key)
            match outcome.outcome if outcome else Outcome.UNKNOWN:
                case Outcome.DONE:
                    continue
                case Outcome.STALE:
                    publications.set_state(tx, name, kind, [item.key], "unknown")
                case Outcome.THROTTLED:
                    publications.set_state(tx, name, kind, [item.key], "new", not_before_ms=due + 200)
                case Outcome.UNKNOWN:
                    publications.set_state(
                        tx, name, kind, [item.key], "unknown", not_before_ms=due + self.hub.late_ms(name)
                    )
                case Outcome.MISSING | Outcome.REJECTED:
                    assert outcome
                    publications.refuse(tx, name, kind, [(item.claim, item.wanted)], "failed", outcome.said)
                    journal.problem(
                        tx,
                        "item_rejected",
                        name,
                        kind,
                        item.key,
                        now,
                        said=outcome.said,
                        values={"code": outcome.code, "value": item.wanted},
                        fix="Correct it there or here, then retry.",
                    )

    async def _failed(self, sending: list[ToSend], error: NervoError) -> None:
        """The whole call failed: nothing took effect, or nobody knows."""
        name, kind, keys = self.channel.name, self.kind.name, [s.key for s in sending]
        now, due = self.hub.now_ms(), self.hub.due_ms()

        def note(tx: Tx) -> None:
            lease.still_ours(self.hub, tx)
            if isinstance(error, LostLease | Paused):
                publications.set_state(tx, name, kind, keys, "new")
            elif isinstance(error, OutcomeUnknown | Misunderstood):
                publications.set_state(
                    tx, name, kind, keys, "unknown", error=str(error), not_before_ms=due + self.hub.late_ms(name)
                )
                if isinstance(error, Misunderstood):
                    journal.problem_of(tx, error, name, kind, keys[0], now)
            elif isinstance(error, MachineError | AuthFailed):
                wait_s = (
                    (error.retry_after_s or 1.0)
                    if isinstance(error, RateLimited)
                    else min(60.0, 2.0 ** min(6, sending[0].claim.attempts))
                )
                publications.set_state(
                    tx, name, kind, keys, "new", error=str(error), not_before_ms=due + int(wait_s * 1000)
                )
                if isinstance(error, AuthFailed):
                    journal.problem_of(tx, error, name, "connection", name, now)
            else:
                publications.refuse(tx, name, kind, [(s.claim, s.wanted) for s in sending], "failed", str(error))
                journal.problem_of(tx, error, name, kind, keys[0], now)

        await self.hub.db.write(note)

    async def _read_back(
        self, claims: list[Claim], linked: dict[str, dict[str, str]], wanted: dict[str, str | None]
    ) -> None:
        """What the channel shows now becomes what we know it shows; the key stays dirty and is compared again."""
        asked = [c for c in claims if c.key in linked]
        if not asked:
            return
        try:
            found = await self.remote.call("read_listings", [linked[c.key] for c in asked])
        except NervoError:
            later = self.hub.due_ms() + 1000
            await self.hub.db.write(
                lambda tx: publications.set_state(
                    tx, self.channel.name, self.kind.name, [c.key for c in asked], "unknown", not_before_ms=later
                )
            )
            return
        can = self.remote.port.capabilities
        shown = {listing.sku: self.kind.shown(listing, wanted.get(listing.sku) or "", can) for listing in found}
        rows = [(shown.get(c.key, ""), c.dirty_tick, self.channel.name, self.kind.name, c.key) for c in asked]
        await self.hub.db.write(lambda tx: publications.observed(tx, rows))


def claimed(hub: Hub, tx: Tx, channel: str, kind: str, size: int) -> list[Claim]:
    """The next dirty keys, for who publishes them alone. One that is noted as on its way is not: its answer came and the store could
    not take it, so what the channel shows is unknown."""
    claims = publications.claim(tx, channel, kind, hub.due_ms(), size)
    unnoted = [c.key for c in claims if c.inflight_epoch]
    if not unnoted:
        return claims
    lease.still_ours(hub, tx)
    publications.set_state(tx, channel, kind, unnoted, "unknown", not_before_ms=hub.due_ms() + hub.late_ms(channel))
    return publications.claim(tx, channel, kind, hub.due_ms(), size)


async def recover(hub: Hub, channel: ConnectionConfig) -> int:
    """Keys that a dead predecessor was sending are unknown: they wait out late application and are read back."""
    return await hub.db.write(lambda tx: lease.quarantine(hub, tx, channel.name, hub.epoch))
