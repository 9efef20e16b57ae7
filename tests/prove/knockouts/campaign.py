"""Runs each rule's test with the rule and without it: green, then red."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.prove.knockouts.rules import RULES, KnockOut
from tests.prove.parts import Effort, Result

ROOT = Path(__file__).parents[3]
LONGEST_S = 240


def run(effort: Effort) -> Result:
    """A rule that can be taken out unseen is a violation."""
    broken = []
    for knock_out in RULES:
        effort.say(f"  {knock_out.rule}: {knock_out.without}")
        broken += [f"{knock_out.rule}: {line}" for line in wrong(knock_out, short=effort.short)]
    red = len({k.rule for k in RULES} - {line.partition(":")[0] for line in broken})
    return Result("knock-outs", {"rules": len(RULES), "turned their test red": f"{red} of {len(RULES)}"}, tuple(broken))


def wrong(knock_out: KnockOut, *, short: bool) -> list[str]:
    """What speaks against a knock-out: its test passes without the rule, or fails with it (which `short` leaves to the suite)."""
    found = []
    if not _red(without := _ran(knock_out.test, knock_out.rule)):
        found.append(f"{knock_out.test} does not go red without it: {without}")
    if not short and not _green(with_it := _ran(knock_out.test, "")):
        found.append(f"{knock_out.test} is not green with the rule: {with_it}")
    return found


def _green(output: str) -> bool:
    return bool(re.search(r"\b\d+ passed", output)) and "failed" not in output and "error" not in output


def _red(output: str) -> bool:
    return bool(re.search(r"\b\d+ failed", output))


def _ran(test: str, rule: str) -> str:
    """The last line of a run of this test on SQLite."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "tests.prove.knockouts.plugin",
    ]
    environment = {k: v for k, v in os.environ.items() if k not in ("NERVO_TEST_PG_URL", "PYTEST_XDIST_WORKER")}
    environment |= {"NERVO_KNOCK_OUT": rule, "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    try:
        done = subprocess.run(
            [*command, test], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "1 failed: it does not end"
    return (done.stdout.strip().splitlines() or [done.stderr.strip()[-300:]])[-1]
