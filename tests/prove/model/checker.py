"""An explicit-state breadth-first check: every state that can be reached, and the shortest way to the first one that is wrong."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

Move = tuple[str, Hashable, str]  # its name, the state after it, and what the move itself breaks ("": nothing)
MOST_STATES = 2_000_000


class Model(Protocol):
    """A protocol in its surroundings. A state without moves is at rest: nothing will happen any more. `rests`: whether it has to be
    possible to come to rest from everywhere."""

    name: str
    policy: str
    bounds: str
    rests: bool

    def starts(self) -> Iterable[Hashable]: ...

    def moves(self, state: Hashable) -> Iterator[Move]: ...

    def wrong(self, state: Hashable) -> str:
        """What is wrong with a state, "" when it may be."""
        ...

    def wrong_at_rest(self, state: Hashable) -> str:
        """What is wrong with a state in which nothing happens any more."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was explored. `broken` is what went wrong, "" for nothing; `trace` the fewest moves that lead to it."""

    model: str
    policy: str
    bounds: str
    states: int
    transitions: int
    seconds: float
    broken: str = ""
    trace: tuple[str, ...] = ()


class _Seen:
    """Every state with how it was reached first, and the edges between them."""

    def __init__(self) -> None:
        self.number: dict[Hashable, int] = {}
        self.came: list[tuple[int, str]] = []
        self.into: list[list[int]] = []
        self.rests: list[int] = []
        self.transitions = 0

    def add(self, state: Hashable, before: int, by: str) -> bool:
        if state in self.number:
            return False
        self.number[state] = len(self.came)
        self.came.append((before, by))
        self.into.append([])
        return True

    def trace(self, at: int) -> tuple[str, ...]:
        names = []
        while self.came[at][0] >= 0:
            at, by = self.came[at][0], self.came[at][1]
            names.append(by)
        return tuple(reversed(names))


def explore(model: Model) -> Verdict:
    """All reachable states, breadth first, until the first wrong one; at the end, that rest can be reached from each."""
    began, seen = time.process_time(), _Seen()
    broken, trace = _search(model, seen) or (model.rests and _never_rests(seen)) or ("", ())
    taken = time.process_time() - began
    return Verdict(model.name, model.policy, model.bounds, len(seen.came), seen.transitions, taken, broken, trace)


def _search(model: Model, seen: _Seen) -> tuple[str, tuple[str, ...]] | None:
    queue: deque[Hashable] = deque(s for s in model.starts() if seen.add(s, -1, ""))
    while queue:
        state = queue.popleft()
        at, moved = seen.number[state], False
        if found := model.wrong(state):
            return found, seen.trace(at)
        for by, after, found in model.moves(state):
            seen.transitions += 1
            if found:
                return found, (*seen.trace(at), by)
            if after == state:
                continue
            moved = True
            if seen.add(after, at, by):
                queue.append(after)
            seen.into[seen.number[after]].append(at)
        if not moved:
            seen.rests.append(at)
            if found := model.wrong_at_rest(state):
                return found, seen.trace(at)
        if len(seen.came) > MOST_STATES:
            raise MemoryError(f"{model.name}: more than {MOST_STATES} states")
    return None


def _never_rests(seen: _Seen) -> tuple[str, tuple[str, ...]] | None:
    """A state from which nothing leads to rest: something would be worked on for ever."""
    reach, stack = set(seen.rests), list(seen.rests)
    while stack:
        for before in seen.into[stack.pop()]:
            if before not in reach:
                reach.add(before)
                stack.append(before)
    stuck = next((at for at in range(len(seen.came)) if at not in reach), None)
    return None if stuck is None else ("it never comes to rest", seen.trace(stuck))
