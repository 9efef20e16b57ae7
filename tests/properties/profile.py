"""How many examples each property is given: few in every test run and always the same ones, many under `./dev prove`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

TIMES = "NERVO_PROPERTIES_TIMES"  # so many times the examples of a test run
SEEN: Counter[str] = Counter()
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


def load() -> None:
    """Sets the profile; asked once, before any property is made."""
    long = times() > 1
    settings.register_profile(
        "nervo",
        deadline=None,
        derandomize=not long,
        database=None,
        phases=PHASES,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    settings.load_profile("nervo")


def times() -> int:
    return int(os.environ.get(TIMES, "1"))


def examples(short: int, **more: Any) -> settings:
    """So many examples in a test run. For machines, `stateful_step_count` besides."""
    return settings(settings.get_profile("nervo"), max_examples=short * times(), **more)


def counted(test: Callable[..., None]) -> Callable[..., None]:
    """Counts the examples that a property is given; stands right above it, under `@given`."""

    @wraps(test)
    def seen(*args: Any, **kwargs: Any) -> None:
        SEEN["examples"] += 1
        test(*args, **kwargs)

    return seen


class Machine(RuleBasedStateMachine):
    """A machine whose runs and steps are counted."""

    def __init__(self) -> None:
        super().__init__()
        SEEN["examples"] += 1
        SEEN["steps"] -= 1  # what holds is looked at once before the first step

    @invariant()
    def a_step_was_made(self) -> None:
        SEEN["steps"] += 1
