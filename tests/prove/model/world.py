"""What every protocol has around it: hub processes with a lease, calls on their way, and time in steps longer than a lease."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

from nervo.bootstrap import backup
from nervo.errors import OutcomeUnknown, Unavailable
from nervo.sync.lease import renew
from tests.prove.model.checker import Move
from tests.prove.model.rows import Ids
from tests.prove.model.steps import Machine, Memory, Moved, Run

TICK_S = 9.0
LATE_TICKS = 2
LATE_S = LATE_TICKS * TICK_S  # what the product is told: a write takes effect so long after it left, or never
NO_ANSWER = OutcomeUnknown("calling", "no answer")
REFUSED = Unavailable("calling", "connection refused")
FULL = Unavailable("writing to the store", "database or disk is full", code="store_unavailable")


class Process(NamedTuple):
    """A hub process: what it knows, what it runs in each of its places, and whether it still has to stop what it ran under an
    earlier epoch."""

    memory: Memory = Memory()
    runs: tuple[Run | None, ...] = ()
    halting: bool = False


class Flight(NamedTuple):
    """A write on its way. `landed`: what came of it, None before; `awaited`: whether anybody still waits for the answer."""

    who: int
    place: int
    what: Hashable
    age: int = 0
    landed: Hashable = None
    awaited: bool = True
    stamp: int = 0


class State(NamedTuple):
    """Of the product: its rows and its processes. Of the surroundings: the far side, writes on their way, and what may still go
    wrong, by name; a backup of the rows, and whether the far side has not been read since it was put back."""

    ids: Ids
    hubs: tuple[Process, ...]
    there: Any
    flights: tuple[Flight, ...]
    left: tuple[tuple[str, int], ...]
    backup: Ids | None = None
    unread: bool = False


class World:
    """The moves that all protocols share. `places`: what a process can run side by side, each one at a time. A protocol says what
    it starts, what a read is answered, and what a write does there. `bounded`: late writes keep to LATE_S."""

    name = "world"
    rests = True
    places: tuple[str, ...] = ()
    writes: frozenset[str] = frozenset()
    tick_s = TICK_S
    machine: Machine

    def __init__(
        self, *, policy: str = "the product", hubs: int = 1, bounded: bool = True, coarse: bool = False, calm: bool = True,
        stopped: bool = True, **left: int
    ) -> None:  # fmt: skip
        self.calm, self.stopped = calm, stopped
        self.policy, self.count, self.bounded, self.coarse = policy, hubs, bounded, coarse or hubs > 1
        self.left = tuple(sorted((k.replace("_", "-"), n) for k, n in left.items() if n))

        self.bounds = ", ".join([*([f"{hubs} hubs"] if hubs > 1 else []), *(f"{name} {n}" for name, n in self.left)])

    # what a protocol says

    def wanted(self, state: State, who: int) -> Iterator[tuple[int, str]]:
        """(place, program) that this process would start now."""
        raise NotImplementedError

    def read(self, state: State, said: Hashable, run: Run) -> Any:
        """What the far side answers to a read."""
        raise NotImplementedError

    def was_read(self, state: State, run: Run) -> State:
        """The state once a read has been answered."""
        return state

    def restored(self, state: State) -> State:
        """What else a restore brings about: the ERP's feed is read again from where the backup stood."""
        return state

    def lands(self, state: State, flight: Flight) -> tuple[State, Hashable]:
        """What a write does there, and what comes of it."""
        raise NotImplementedError

    def reply(self, state: State, flight: Flight) -> Any:
        """What the caller is answered once it has landed."""
        raise NotImplementedError

    def surroundings(self, state: State) -> Iterator[Move]:
        """What may happen by itself."""
        return iter(())

    def working(self, state: State) -> bool:
        """Whether there is anything left to do: only then do lease and time matter."""
        raise NotImplementedError

    def stamp(self, state: State, who: int) -> int:
        """What a write that leaves now is marked with, for the far side or for the books."""
        return 0

    def leaves(self, state: State, flight: Flight) -> str:
        """What a write breaks by leaving now, "" for nothing."""
        return ""

    # what they share

    def process(self) -> Process:
        return Process(Memory(), (None,) * len(self.places))

    def began(self, ids: Ids, there: Any) -> State:
        """The first process holds the lease, the others stand by."""
        moved = self.machine.finish("a", "renew", Memory(), ids)
        first, others = self.process()._replace(memory=moved.memory), (self.process(),) * (self.count - 1)
        return State(moved.ids, (first, *others), there, (), self.left)

    def run(self, ids: Ids, work: Any) -> Ids:
        """The rows after something that the product does at once."""
        _, ids, error = self.machine.rows.run(ids, work)
        if error:
            raise error
        return ids

    def owner(self, who: int) -> str:
        return "ab"[who]

    def moves(self, state: Any) -> Iterator[Move]:
        for who, hub in enumerate(state.hubs):
            yield from self._lease(state, who, hub)
            if not hub.halting and hub.memory.epoch:
                for place, program in self.wanted(state, who):
                    if hub.runs[place] is None:
                        moved = self.machine.start(self.owner(who), program, hub.memory, state.ids)
                        moved = self.through(who, moved)
                        yield self.named(f"{program} starts", who, *self.moved(state, who, place, moved))
            for place, run in enumerate(hub.runs):
                if run is not None:
                    yield from self._on(state, who, hub, place, run)
            if self.may(state, "crashes"):
                yield f"{self.owner(who)} dies", self.dropped(self.spent(state, "crashes"), who, self.process()), ""
        for flight in state.flights:
            yield from self._in_flight(state, flight)
        if self.working(state) and self.time_may_pass(state):
            yield "time passes", self.later(state), ""
        if self.may(state, "restores"):
            yield from self._backups(state)
        yield from self.surroundings(state)

    def _backups(self, state: State) -> Iterator[Move]:
        """A backup is taken once, and put back once: when the hub has `stopped`, and `calm`, nothing of it is on its way any more."""
        if state.backup is None:
            yield "a backup is taken", state._replace(backup=state.ids), ""
        elif not (self.calm and state.flights):
            epoch = self.machine.rows.field(state.ids, "store_lease", "epoch", 0)
            after = self.spent(state, "restores")
            for who in range(self.count if self.stopped else 0):
                after = self.dropped(after, who, self.process())
            ids = self.run(state.backup, lambda tx: backup.distrust(tx, epoch))
            yield "the backup is put back", self.restored(after._replace(ids=ids, backup=None, unread=True)), ""

    def _lease(self, state: State, who: int, hub: Process) -> Iterator[Move]:
        if hub.halting:
            yield f"{self.owner(who)} stops what it ran", self.dropped(state, who, hub._replace(halting=False)), ""
        elif self.working(state) and (not hub.memory.epoch or not hub.memory.until):
            moved = self.machine.finish(self.owner(who), "renew", hub.memory, state.ids)
            epoch = moved.memory.epoch
            over = [i for i, other in enumerate(state.hubs) if self.holds(state, other)]
            if epoch and over and over != [who]:
                if not self.may(state, "takeovers"):
                    return
                state = self.spent(state, "takeovers")
            after = hub._replace(memory=moved.memory, halting=any(hub.runs) and epoch != hub.memory.epoch)
            yield (
                f"{self.owner(who)} renews: epoch {epoch}",
                self.with_hub(state._replace(ids=moved.ids), who, after),
                "",
            )

    def holds(self, state: State, hub: Process) -> bool:
        """Whether the lease is still this process's, though it may have run out."""
        return bool(hub.memory.epoch) and hub.memory.epoch == self.machine.rows.field(state.ids, "store_lease", "epoch")

    def _on(self, state: State, who: int, hub: Process, place: int, run: Run) -> Iterator[Move]:
        name = f"{run.program}: {'transaction' if run.waits == 'tx' else run.waits}"
        if run.waits == "tx":
            moved = self.through(who, self.machine.transact(self.owner(who), run, hub.memory, state.ids))
            yield self.named(name, who, *self.moved(state, who, place, moved))
            if self.may(state, "full-stores"):
                moved = self.machine.answer(self.owner(who), run, hub.memory, state.ids, FULL)
                yield self.named(
                    "the store is full", who, *self.moved(self.spent(state, "full-stores"), who, place, moved)
                )
        elif run.waits not in self.writes:
            answer, state = self.read(state, run.said, run), self.was_read(state, run)
            moved = self.machine.answer(self.owner(who), run, hub.memory, state.ids, answer)
            yield self.named(name, who, *self.moved(state, who, place, moved))

    def _in_flight(self, state: State, flight: Flight) -> Iterator[Move]:
        who, name = flight.who, f"{self.owner(flight.who)}'s {flight.what[0]}"  # type: ignore[index]
        if flight.landed is None:
            after, result = self.lands(without(state, flight), flight)
            late = "" if flight.awaited else " late"
            yield f"{name} lands{late}", flown(after, flight._replace(landed=result)) if flight.awaited else after, ""
            if not flight.awaited:
                yield f"{name} is lost", without(state, flight), ""
        elif flight.awaited:
            yield self.named("answer", who, *self.answered(without(state, flight), flight, self.reply(state, flight)))
        if flight.awaited and self.may(state, "time-outs"):
            after = without(self.spent(state, "time-outs"), flight)
            if flight.landed is None:
                after = flown(after, flight._replace(awaited=False))
            yield self.named("time-out", who, *self.answered(after, flight, NO_ANSWER))
        if flight.awaited and flight.landed is None and self.may(state, "refusals"):
            after = without(self.spent(state, "refusals"), flight)
            yield self.named("connection refused", who, *self.answered(after, flight, REFUSED))

    def through(self, who: int, moved: Moved) -> Moved:
        """`coarse`: transactions that follow each other with nothing between are one."""
        while self.coarse and moved.run and moved.run.waits == "tx":
            moved = self.machine.transact(self.owner(who), moved.run, moved.memory, moved.ids)
        return moved

    def answered(self, state: State, flight: Flight, answer: Any) -> tuple[State, str]:
        hub = state.hubs[flight.who]
        run = hub.runs[flight.place]
        assert run
        moved = self.machine.answer(self.owner(flight.who), run, hub.memory, state.ids, answer)
        return self.moved(state, flight.who, flight.place, moved)

    def moved(self, state: State, who: int, place: int, moved: Moved) -> tuple[State, str]:
        """The state after a process has gone on; and what it broke."""
        hub, run = state.hubs[who], moved.run
        if isinstance(moved.result, BaseException) and moved.result is not FULL and not self.expected(moved.result):
            raise moved.result
        runs = (*hub.runs[:place], run, *hub.runs[place + 1 :])
        after = self.with_hub(state._replace(ids=moved.ids), who, hub._replace(memory=moved.memory, runs=runs))
        if run is None or run.waits not in self.writes:
            return after, ""
        flight = Flight(who, place, (run.waits, run.said), stamp=self.stamp(after, who))
        return flown(after, flight), self.leaves(state, flight)

    def expected(self, error: BaseException) -> bool:
        """Whether a program may end so."""
        return False

    def named(self, name: str, who: int, state: State, hurt: str) -> Move:
        return (f"{self.owner(who)}'s {name}" if self.count > 1 else name), state, hurt

    def with_hub(self, state: State, who: int, hub: Process) -> State:
        return state._replace(hubs=(*state.hubs[:who], hub, *state.hubs[who + 1 :]))

    def dropped(self, state: State, who: int, hub: Process) -> State:
        """The process has stopped what it ran: nobody waits for its writes any more."""
        late = [f._replace(awaited=False) for f in state.flights if f.who == who and f.landed is None]
        others = [f for f in state.flights if f.who != who]
        hub = hub._replace(runs=(None,) * len(self.places))
        return self.with_hub(state._replace(flights=tuple(sorted(others + late, key=repr))), who, hub)

    def time_may_pass(self, state: State) -> bool:
        """Not while a write has to land or be lost within it."""
        return not self.bounded or all(f.landed is not None or f.age + 1 < LATE_TICKS for f in state.flights)

    def later(self, state: State) -> State:
        hubs = tuple(self.hub_later(hub) for hub in state.hubs)
        flights = tuple(f._replace(age=min(LATE_TICKS, f.age + 1)) for f in state.flights)
        ids = self.machine.rows.later(state.ids, int(self.tick_s * 1000))
        return state._replace(ids=ids, hubs=hubs, flights=flights)

    def hub_later(self, hub: Process, *, asleep: bool = False) -> Process:
        timed, by, most = self.machine.timed, self.tick_s, LATE_S + TICK_S
        runs = tuple(r.later(by, most, asleep=asleep) if r and r.program in timed else r for r in hub.runs)
        return hub._replace(memory=hub.memory.later(by, LATE_S, asleep=asleep), runs=runs)

    def may(self, state: State, what: str) -> bool:
        return dict(state.left).get(what, 0) > 0

    def spent(self, state: State, what: str) -> State:
        return state._replace(left=tuple((k, n - (k == what)) for k, n in state.left if n - (k == what)))


def flown(state: State, flight: Flight) -> State:
    return state._replace(flights=tuple(sorted((*state.flights, flight), key=repr)))


def without(state: State, flight: Flight) -> State:
    flights = list(state.flights)
    flights.remove(flight)
    return state._replace(flights=tuple(flights))


RENEW = {"renew": renew}
