"""A few simulated histories with every test run; `./dev prove` plays thousands."""

import os

from tests.prove.parts import Effort
from tests.prove.sim import run
from tests.prove.sim.history import play


def test_no_history_breaks_an_invariant_and_the_same_seed_is_the_same_history() -> None:
    result = run(Effort(short=True))

    assert not result.violations
    assert result.figures["seeds"] == 30
    assert result.figures["exchanges"] > 5_000  # type: ignore[operator]


def test_the_same_seed_is_the_same_history(monkeypatch) -> None:
    """In one process, so that the order of hashes is the same too."""
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")

    assert play(7).digest == play(7).digest != play(8).digest
