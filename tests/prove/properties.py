"""Properties: the machines and generated cases of tests/properties, with many more examples and another seed each time."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from tests.prove.parts import Effort, Result

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "tests/properties"
AT_ONCE = 2
PATIENCE = 6  # so many times the planned minutes, then it is ended


def run(effort: Effort) -> Result:
    """Everything is given `minutes` times the examples of a test run, in two processes."""
    times, seed, started = 1 if effort.short else max(2, round(effort.minutes)), secrets.randbelow(2**32), monotonic()
    seen: Counter[str] = Counter()
    violations: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        started_ = [_Half(part, times, seed, Path(folder) / f"{n}.json") for n, part in enumerate(_halves())]
        for half in started_:
            violations += half.ended(60 * max(2.0, effort.minutes) * PATIENCE)
            seen.update(half.seen())
            effort.say(f"properties: {seen['examples']:,} examples, {seen['steps']:,} steps of machines")
    figures = {
        "properties": seen["properties"],
        "examples": seen["examples"],
        "steps of machines": seen["steps"],
        "seed": seed,
        "seconds": round(monotonic() - started),
    }
    return Result("properties", figures, tuple(violations))


def _halves() -> list[list[str]]:
    """The files in turn, so that each process has about as much to do."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / FOLDER).glob("test_*.py"))
    return [files[start::AT_ONCE] for start in range(AT_ONCE)]


class _Half:
    """A test process over some of the files."""

    def __init__(self, files: list[str], times: int, seed: int, report: Path) -> None:
        self.report = report
        self.again = f"NERVO_PROPERTIES_TIMES={times} pytest --hypothesis-seed={seed}"
        ways = {"NERVO_PROPERTIES_TIMES": str(times), "NERVO_PROPERTIES_REPORT": str(report)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", *files],
            cwd=ROOT, env={**os.environ, **ways}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def ended(self, within_s: float) -> list[str]:
        """Waits for it; what was broken, a line each."""
        try:
            said, _ = self.process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return [f"properties did not end within {within_s:.0f} s; see again: {self.again}"]
        failed = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR "))]
        if self.process.returncode and not failed:
            failed = [f"the test process ended with {self.process.returncode}: {said[-300:]!r}"]
        return [f"{line}; see again: {self.again}" for line in failed]

    def seen(self) -> dict[str, int]:
        return json.loads(self.report.read_text()) if self.report.exists() else {}
