"""The protocols of the product, checked in every order in which things can happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from tests.prove.parts import Effort, Result

COLUMNS = ("model", "policy", "bounds", "states", "transitions", "verdict", "steps", "s")


def run(effort: Effort) -> Result:
    """The product has to be right in every model, every bad policy has to be found wrong."""
    from tests.hub import _folder, use_database

    use_database(f"sqlite:///{_folder / 'model.sqlite3'}")
    return checked(effort)


def checked(effort: Effort) -> Result:
    """The same, in the database that Django points at."""
    from tests.prove.model.cases import ALL, Case
    from tests.prove.model.checker import Verdict

    rows: list[tuple[Any, ...]] = []
    violations: list[str] = []

    def look(case: Case) -> Verdict:
        verdict = case.check()
        rows.append(row(verdict))
        effort.say("  ".join(map(str, rows[-1])))
        if bool(verdict.broken) != bool(case.bad):
            found = f"{verdict.broken}: {' → '.join(verdict.trace)}" if verdict.broken else "it was not found wrong"
            violations.append(f"{verdict.model}, {verdict.policy}: {found}")
        return verdict

    with quiet():
        verdicts = [look(case) for case in ALL if not (effort.short and case.long)]
    figures = {
        "models": len(verdicts),
        "states": sum(v.states for v in verdicts),
        "transitions": sum(v.transitions for v in verdicts),
        "policies found wrong": sum(bool(v.broken) for v in verdicts),
        "table": [dict(zip(COLUMNS, r, strict=True)) for r in rows],
    }
    return Result("model", figures, tuple(violations))


def row(v: Any) -> tuple[Any, ...]:
    verdict = f"wrong: {v.broken}" if v.broken else "safe"
    return v.model, v.policy, v.bounds, v.states, v.transitions, verdict, len(v.trace) or "", f"{v.seconds:.1f}"


@contextmanager
def quiet() -> Iterator[None]:
    """What the product logs while it is explored is nobody's news."""
    before = structlog.get_config()
    structlog.configure(processors=[_dropped])
    try:
        yield
    finally:
        structlog.configure(**before)


def _dropped(*_: Any) -> Any:
    raise structlog.DropEvent
