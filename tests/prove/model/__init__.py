"""The protocols of the product, checked in every order in which things can happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from tests.prove.parts import Effort, Result

if TYPE_CHECKING:
    from tests.prove.model.cases import Case
    from tests.prove.model.checker import Verdict


def run(effort: Effort) -> Result:
    """The product has to be right in every model, every bad policy has to be found wrong."""
    with ready():
        seen = [(case, _shown(case.check(), effort)) for case in _cases(effort.short)]
    verdicts = [verdict for _, verdict in seen]
    figures = {
        "models explored": len(seen),
        "states": sum(v.states for v in verdicts),
        "transitions": sum(v.transitions for v in verdicts),
        "bad policies found wrong": f"{sum(bool(v.broken) for c, v in seen if c.bad)} of {sum(bool(c.bad) for c, _ in seen)}",
    }
    return Result("model", figures, tuple(_violation(v) for c, v in seen if bool(v.broken) != bool(c.bad)))


def _cases(short: bool) -> list[Case]:
    from tests.prove.model.cases import ALL

    return [case for case in ALL if not (short and case.long)]


def _shown(v: Verdict, effort: Effort) -> Verdict:
    verdict = f"{v.broken} ({len(v.trace)} moves)" if v.broken else "safe"
    effort.say(
        f"{v.model:44} {v.policy:44} {v.bounds:52} {v.states:9,} {v.transitions:10,} {v.seconds:5.1f} s  {verdict}"
    )
    return v


def _violation(v: Verdict) -> str:
    return f"{v.model}, {v.policy}: " + (f"{v.broken}: {' → '.join(v.trace)}" if v.broken else "it was not found wrong")


@contextmanager
def ready() -> Iterator[None]:
    """A database of this process's own that is never written to for good; what the product logs meanwhile is nobody's news."""
    from django.db import connections

    from tests.hub import _folder, use_database

    before = structlog.get_config()
    structlog.configure(processors=[_dropped])
    use_database(f"sqlite:///{_folder / 'model.sqlite3'}")
    try:
        yield
    finally:
        connections["default"].close()
        del connections["default"]
        structlog.configure(**before)


def _dropped(*_: Any) -> Any:
    raise structlog.DropEvent
