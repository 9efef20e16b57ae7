"""What every part of the proof is asked and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to do. `seeds`: simulated histories, `first`: the seed of the first; `minutes`: about how long the campaigns of real
    processes may take, each; `short`: the version that is part of every test run. `say` shows progress."""

    seeds: int = 1_000
    minutes: float = 10.0
    short: bool = False
    say: Say = print
    first: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What a part has seen. `figures` are shown as they are; a single violation fails the proof, each is one line that says what
    was broken and how to see it again."""

    part: str
    figures: Mapping[str, object] = field(default_factory=dict)
    violations: tuple[str, ...] = ()
