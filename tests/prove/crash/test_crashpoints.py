"""A crash at one crashpoint of each kind; `./dev prove` crashes at every one."""

import pytest

from tests.prove.crash import run
from tests.prove.parts import Effort


@pytest.mark.fault(10)
def test_wherever_the_hub_dies_it_comes_right_after_a_start() -> None:
    result = run(Effort(short=True))

    assert not result.violations
    assert result.figures["sqlite crashed once"] == 16
    assert int(str(result.figures["sqlite deaths"])) >= 16
