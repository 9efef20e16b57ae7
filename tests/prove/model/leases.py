"""The lease: two hubs, each stopped at any moment between reading its clock and asking the database, while time goes on in steps
shorter than a lease."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from nervo.store import operations
from nervo.store.database import Tx
from nervo.sync import lease
from nervo.sync.context import Hub
from nervo.sync.fence import LostLease
from tests.prove.model.checker import Move
from tests.prove.model.orders import SHOP, config
from tests.prove.model.rows import Rows
from tests.prove.model.steps import NOW_MS, Machine, Moved, hub_of
from tests.prove.model.world import LATE_S, RENEW, Process, State, World

RENEWING, ACTING, GIVING = range(3)
HOUR_S = 3600.0


async def act(hub: Hub) -> None:
    """What every effect of the product does: asked before it leaves, noted under the lease that allowed it."""
    await hub.remotes["shop"].call("put_stock")

    def note(tx: Tx) -> None:
        lease.still_ours(hub, tx)
        operations.swap_counter(tx, "noted", hub.epoch)

    await hub.db.write(note)


class Leases(World):
    """No two hubs may send at once, and nothing is noted under an epoch that is over. `skew`: the second hub's wall clock is an hour
    ahead."""

    places = ("renew", "act", "give")
    name = "lease and epoch"
    tick_s = 4.0
    rests = False

    def __init__(self, *, policy: str = "the product", skew: bool = False, own_clock: bool = False, **kw: Any) -> None:
        super().__init__(policy=policy, hubs=2, **kw)
        self.name += ", clock skew" if skew else ""
        hubs = {o: hub_of(config(), {"erp": {}, "shop": SHOP}, o, HOUR_S * (skew and o == "b")) for o in "ab"}
        if own_clock:
            for hub in hubs.values():
                hub.lease_ms = lambda tx, hub=hub: hub.now_ms()  # type: ignore[misc]
        programs = RENEW | {"act": act, "give": lease.give}
        self.machine = Machine(
            Rows(("store_lease", "store_counter"), NOW_MS), hubs, programs, forget_s=LATE_S, timed=frozenset({"renew"})
        )

    def starts(self) -> Iterable[Hashable]:
        yield self.began(self.machine.rows.empty(), None)

    def working(self, state: State) -> bool:
        return self.may(state, "ticks")

    def later(self, state: State) -> State:
        return super().later(self.spent(state, "ticks"))

    def wanted(self, state: State, who: int) -> Iterator[tuple[int, str]]:
        if state.hubs[who].memory.epoch:
            yield ACTING, "act"

    def read(self, state: State, said: Hashable, run: Any) -> Any:
        return None

    def expected(self, error: BaseException) -> bool:
        return isinstance(error, LostLease)

    def _lease(self, state: State, who: int, hub: Process) -> Iterator[Move]:
        if hub.halting:
            yield f"{self.owner(who)} stops what it ran", self.dropped(state, who, hub._replace(halting=False)), ""
        elif hub.runs[RENEWING] is None and hub.runs[GIVING] is None and self.may(state, "ticks"):
            moved = self.machine.begin(self.owner(who), "renew", hub.memory, state.ids)
            yield self.named("renew: looks at its clock", who, *self.moved(state, who, RENEWING, moved))

    def moved(self, state: State, who: int, place: int, moved: Moved) -> tuple[State, str]:
        before = state.hubs[who].memory.epoch
        after, hurt = super().moved(state, who, place, moved)
        if moved.run is None and place == GIVING:
            after = self.dropped(after, who, self.process())
        elif moved.memory.epoch != before and any(after.hubs[who].runs):
            after = self.with_hub(after, who, after.hubs[who]._replace(halting=True))
        return after, hurt or self._noted(state, after)

    def _noted(self, before: State, after: State) -> str:
        rows = self.machine.rows
        noted = [dict(r[:2] for r in rows.of(s.ids, "store_counter")).get("noted", 0) for s in (before, after)]
        over = noted[0] != noted[1] and noted[1] != rows.field(after.ids, "store_lease", "epoch")
        return f"noted under epoch {noted[1]}, which is over" if over else ""

    def surroundings(self, state: State) -> Iterator[Move]:
        for who, hub in enumerate(state.hubs):
            owner = self.owner(who)
            if self.may(state, "gives") and hub.memory.epoch and not any(hub.runs):
                moved = self.machine.begin(owner, "give", hub.memory, state.ids)
                yield self.named("give", who, *self.moved(self.spent(state, "gives"), who, GIVING, moved))
            if self.may(state, "naps") and self.may(state, "ticks"):
                slept = self.with_hub(self.later(state), who, self.hub_later(hub, asleep=True))
                yield f"time passes while {owner}'s machine sleeps", self.spent(slept, "naps"), ""
            if self.may(state, "jumps"):
                for by in (HOUR_S, -HOUR_S):
                    until = max(0.0, hub.memory.wall_until - by) if hub.memory.epoch else 0.0
                    jumped = hub._replace(memory=hub.memory._replace(wall_until=until))
                    yield (
                        f"{owner}'s clock jumps {by:+.0f} s",
                        self.spent(self.with_hub(state, who, jumped), "jumps"),
                        "",
                    )

    def wrong(self, state: Any) -> str:
        able = [hub for who, hub in enumerate(state.hubs) if self.machine.active(self.owner(who), hub.memory)]
        return "two hubs may send at once" if len(able) > 1 else ""

    def wrong_at_rest(self, state: Any) -> str:
        return ""
