"""The product's own coroutines, moved from one wait to the next, so that everything else can happen in between.

A coroutine cannot be copied. What can be copied is what it was answered: it is started again, given the same answers at the same
times, and then stands where it stood. So a state holds answers, and what runs is the product itself.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Coroutine, Generator, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from nervo.kit.clock import SystemClock
from nervo.rules.config import Config
from nervo.store.codec import ms
from nervo.sync.context import Hub
from nervo.sync.remote import WRITES, Remote
from tests.prove.model.rows import Ids, Numbered, Rows

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NOW_MS = ms(NOW)
RUNNING_S = 10_000.0  # what a hub's monotonic clock shows now
Program = Callable[[Hub], Coroutine[Any, Any, Any]]
Digest = Callable[[str, tuple[Any, ...]], Hashable]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a coroutine waits for: its transaction ("tx"), or an answer from outside."""

    what: str
    args: tuple[Any, ...] = ()
    work: Any = None

    def __await__(self) -> Generator[Ask, Any, Any]:
        return (yield self)


class Asking:
    """In the place of the database: a transaction is a wait."""

    async def write(self, work: Any, *, durable: bool = True) -> Any:
        return await Ask("tx", work=work)

    async def read(self, work: Any) -> Any:
        return await Ask("tx", work=work)


class Wire(Remote):
    """In the place of the caller of connectors: it asks whether a write may leave, as that does; whether and when an answer comes is
    the model's to say."""

    async def call(self, operation: str, *args: Any, attempts: int = 1) -> Any:
        if operation in WRITES:
            self.may_write(self.name)
        return await Ask(operation, args)


class Clock(SystemClock):
    """A machine's clocks. Now is always the same moment; `back` looks at them as they were so long ago (monotonic, wall)."""

    def __init__(self, skew_s: float = 0.0) -> None:
        self.skew_s, self.back = skew_s, (0.0, 0.0)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.skew_s - self.back[1])

    def monotonic(self) -> float:
        return RUNNING_S - self.back[0]


class Memory(NamedTuple):
    """What a hub process knows beside its database. Times are seconds from now, 0 where they are over."""

    epoch: int = 0
    until: float = 0.0
    wall_until: float = 0.0
    sent: tuple[tuple[int, float], ...] = ()

    def later(self, by_s: float, forget_s: float, *, asleep: bool = False) -> Memory:
        mono = 0.0 if asleep else by_s
        sent = tuple((order, max(-forget_s, at - mono)) for order, at in self.sent)
        return Memory(self.epoch, max(0.0, self.until - mono), max(0.0, self.wall_until - by_s), sent)


LEASE = frozenset({"epoch", "lease_until", "lease_until_ms"})


class Sent(dict[int, float]):
    """When writes left. `looked`: whether anybody wanted to know."""

    looked = False

    def setdefault(self, order: int, at: float) -> float:  # type: ignore[override]
        self.looked = True
        return super().setdefault(order, at)


class Watched(Hub):
    """A hub that notes what anybody looked at of what it remembers: the rest need not be kept."""

    looked = False

    def __getattribute__(self, name: str) -> Any:
        if name in LEASE:
            object.__setattr__(self, "looked", True)
        return object.__getattribute__(self, name)

    def seen_of(self, memory: Memory) -> Memory | None:
        """What was looked at of this; None for nothing."""
        sent = memory.sent if isinstance(self.sent_at, Sent) and self.sent_at.looked else ()
        if self.looked:
            return Memory(min(1, memory.epoch), memory.until, memory.wall_until, sent)
        return Memory(sent=sent) if sent else None


class Answered(NamedTuple):
    """What a coroutine was answered; and if it looked before its next wait, how long ago that was (monotonic, wall) and what its
    hub knew then."""

    number: int
    ago: tuple[float, float] = (0.0, 0.0)
    memory: Memory | None = None


class Run(NamedTuple):
    """A coroutine under way: the answers so far (the first is its start), and what it waits for."""

    program: str
    past: tuple[Answered, ...]
    waits: str
    said: Hashable = ()

    def later(self, by_s: float, at_most_s: float, *, asleep: bool = False) -> Run:
        """The same when so much time has passed, of which no more than `at_most_s` makes a difference."""

        def older(ago: tuple[float, float]) -> tuple[float, float]:
            return min(at_most_s, ago[0] + (0.0 if asleep else by_s)), min(at_most_s, ago[1] + by_s)

        past = tuple(p if p.memory is None else p._replace(ago=older(p.ago)) for p in self.past)
        return self._replace(past=past)


class Moved(NamedTuple):
    """After a step. `run` None: it has ended with `result`, which may be the exception that it raised."""

    ids: Ids
    memory: Memory
    run: Run | None
    result: Any = None


def hub_of(config: Config, capabilities: dict[str, dict[str, Any]], owner: str, skew_s: float = 0.0) -> Watched:
    """A hub of the product whose every wait is an `Ask`."""
    clock = Clock(skew_s)
    remotes: dict[str, Remote] = {
        n: Wire(n, SimpleNamespace(capabilities=SimpleNamespace(**c)), clock, writable=True)
        for n, c in capabilities.items()
    }
    return Watched(Asking(), config, remotes, clock, owner)  # type: ignore[arg-type]


@dataclass
class Machine:
    """Runs the programs of several hubs on rows. `digest`: what of a call's arguments the model wants to see. `forget_s`: what was
    sent longer ago than this makes no difference any more."""

    rows: Rows
    hubs: dict[str, Watched]
    programs: dict[str, Program]
    digest: Digest = lambda operation, args: ()
    forget_s: float = 0.0
    timed: frozenset[str] = frozenset()  # programs that keep a moment over a wait
    _answers: Numbered = field(default_factory=Numbered)
    _known: dict[Hashable, Moved] = field(default_factory=dict)

    def start(self, owner: str, program: str, memory: Memory, ids: Ids) -> Moved:
        """From its start to its first wait; a transaction that it begins with is part of it, since nobody can see that it has begun."""
        moved = self._step(owner, Run(program, (), ""), memory, ids, None)
        return self.transact(owner, moved.run, moved.memory, moved.ids) if _waits_for_rows(moved) else moved

    def begin(self, owner: str, program: str, memory: Memory, ids: Ids) -> Moved:
        """From its start to its first wait, and not on."""
        return self._step(owner, Run(program, (), ""), memory, ids, None)

    def transact(self, owner: str, run: Run | None, memory: Memory, ids: Ids) -> Moved:
        """Its transaction happens, and it goes on to its next wait."""
        assert run and run.waits == "tx", run
        return self._step(owner, run, memory, ids, _ROWS)

    def answer(self, owner: str, run: Run, memory: Memory, ids: Ids, answer: Any) -> Moved:
        """It gets this answer (an exception is raised there), and goes on to its next wait."""
        return self._step(owner, run, memory, ids, answer)

    def active(self, owner: str, memory: Memory) -> bool:
        """Whether this hub would let a write leave now."""
        _remember(self.hubs[owner], memory, (0.0, 0.0))
        return self.hubs[owner].active

    def finish(self, owner: str, program: str, memory: Memory, ids: Ids) -> Moved:
        """A program that asks nobody outside, as one step."""
        moved = self.begin(owner, program, memory, ids)
        while moved.run:
            moved = self.transact(owner, moved.run, moved.memory, moved.ids)
        if isinstance(moved.result, BaseException):
            raise moved.result
        return moved

    def _step(self, owner: str, run: Run, memory: Memory, ids: Ids, answer: Any) -> Moved:
        key = (owner, run, memory, ids, -1 if answer is _ROWS else self._number(answer))
        if key not in self._known:
            self._known[key] = self._stepped(self.hubs[owner], run, memory, ids, answer)
        return self._known[key]

    def _stepped(self, hub: Watched, run: Run, memory: Memory, ids: Ids, answer: Any) -> Moved:
        coroutine = self.programs[run.program](hub)
        try:
            asked = None
            for past in run.past:
                _remember(hub, past.memory or Memory(), past.ago)
                asked = _told(coroutine, self._answers.of[past.number])
            _remember(hub, memory, (0.0, 0.0))
            if answer is _ROWS:
                assert asked
                result, ids, error = self.rows.run(ids, asked.work)
                answer = error or result
            hub.looked = False
            asked = _told(coroutine, answer)
            seen = memory if run.program in self.timed else hub.seen_of(memory)
            past = (*run.past, Answered(self._number(answer), memory=seen))
        except StopIteration as end:
            return Moved(ids, self._memory(hub), None, end.value)
        except Exception as error:  # noqa: BLE001 - how it ended
            return Moved(ids, self._memory(hub), None, error)
        finally:
            coroutine.close()
        said = () if asked.what == "tx" else self.digest(asked.what, asked.args)
        return Moved(ids, self._memory(hub), Run(run.program, past, asked.what, said))

    def _number(self, answer: Any) -> int:
        key = ("raised", repr(answer)) if isinstance(answer, BaseException) else ("answered", pickle.dumps(answer))
        return self._answers.number(key, answer)

    def _memory(self, hub: Hub) -> Memory:
        until, wall = hub.lease_until - RUNNING_S, (hub.lease_until_ms - hub.now_ms()) / 1000
        sent = tuple(sorted((order, max(-self.forget_s, at - RUNNING_S)) for order, at in hub.sent_at.items()))
        if not hub.epoch:
            return Memory(sent=sent)
        return Memory(hub.epoch, max(0.0, until), max(0.0, wall), sent)


_ROWS = object()


def _waits_for_rows(moved: Moved) -> bool:
    return moved.run is not None and moved.run.waits == "tx"


def _remember(hub: Hub, memory: Memory, ago: tuple[float, float]) -> None:
    clock: Any = hub.clock
    clock.back = ago
    hub.epoch = memory.epoch
    hub.lease_until = clock.monotonic() + memory.until
    hub.lease_until_ms = hub.now_ms() + int(memory.wall_until * 1000)
    hub.sent_at = Sent({order: clock.monotonic() + at for order, at in memory.sent})


def _told(coroutine: Any, answer: Any) -> Any:
    if not isinstance(answer, BaseException):
        return coroutine.send(answer)
    answer.__context__ = None  # of the last time it was raised
    return coroutine.throw(answer.with_traceback(None))
