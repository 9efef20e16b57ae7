"""Each bench runs, tiny; what it asserts about itself holds. No time is looked at."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bench.__main__ import BENCHES, LONG, best, own_table, table
from tests.bench.figures import Figure


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES + LONG)
def test_a_tiny_run_gives_its_figures(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.one", name, "small"], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr[-2000:]
    figures = [Figure(**given) for given in json.loads(run.stdout.splitlines()[-1])]
    assert figures and all(figure.value >= 0 for figure in figures)
    assert any(figure.target is not None for figure in figures)
    assert name in BENCHES or own_table(name)(figures).count("\n|") > 3


def test_the_try_that_misses_least_counts() -> None:
    slow, fast = Figure("rate", 5, "/s", 8, least=True), Figure("rate", 9, "/s", 8, least=True)
    late = Figure("p99", 50, "ms", 30)
    assert best([[slow], [fast]]) == [fast]
    assert best([[fast, late], [slow, late], [slow]]) == [fast, late]


def test_a_miss_is_called_a_miss() -> None:
    assert table({"x": [Figure("rate", 5, "/s", 8, least=True)]}).endswith("| x | rate | 5 /s | ≥ 8 /s | miss |")
