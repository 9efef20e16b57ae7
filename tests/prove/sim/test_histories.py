"""A few simulated histories with every test run; `./dev prove` plays thousands."""

from tests.prove.parts import Effort
from tests.prove.sim import run


def test_no_history_breaks_an_invariant_and_the_same_seed_is_the_same_history() -> None:
    result = run(Effort(short=True))

    assert not result.violations
    assert result.figures["seeds"] == 30
    assert result.figures["exchanges"] > 5_000  # type: ignore[operator]
