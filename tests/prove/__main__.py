"""./dev prove: every part of the proof, with its figures. `--seed N` plays one simulated history again."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.prove.parts import Effort, Result

PARTS = {
    "model": "tests.prove.model",
    "properties": "tests.prove.properties",
    "histories": "tests.prove.sim",
    "crashpoints": "tests.prove.crash",
    "power": "tests.prove.power",
    "network": "tests.prove.network",
    "kills": "tests.prove.kills",
    "knockouts": "tests.prove.knockouts",
}
console = Console(soft_wrap=True)


def main() -> int:
    options = _options()
    if options.seed is not None:
        os.execv(sys.executable, [sys.executable, "-m", "tests.prove.sim", str(options.seed)])
    effort = Effort(options.seeds, options.minutes, options.short, _say, options.first)
    chosen = options.only.split(",") if options.only else list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        print(f"No such part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    console.print(f"nervo at {_commit()}")
    results = [_ran(name, effort, number, len(chosen)) for number, name in enumerate(chosen, start=1)]
    _show(results)
    violations = sum(len(result.violations) for result, _ in results)
    console.print(
        f"[bold]{violations} violations at {_commit()}[/]"
        if violations
        else "[bold green]Nothing lost, nothing twice, nothing wrong.[/]"
    )
    return int(violations > 0)


def _commit() -> str:
    """What was proved: the commit, and whether files differ from it. Empty where this is no checkout."""
    said = [
        subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()
        for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain"))
    ]
    return said[0] + (" with changes" if said[1] else "")


def _say(line: str) -> None:
    console.print(line, markup=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev prove", description="Runs nervo under every fault and counts what was lost."
    )
    parser.add_argument("--seed", type=int, help="play this simulated history again and say what happened")
    parser.add_argument("--seeds", type=int, default=1_000, help="simulated histories (1000)")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first of them (0)")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="about how long each campaign of real processes may take (10)"
    )
    parser.add_argument("--short", action="store_true", help="the version that is part of ./dev test")
    parser.add_argument("--only", default="", help=f"some of: {','.join(PARTS)}")
    return parser.parse_args()


def _ran(name: str, effort: Effort, number: int, of: int) -> tuple[Result, float]:
    console.print(f"[bold]{number}/{of} {name}[/] …")
    started = time.monotonic()
    result: Result = importlib.import_module(PARTS[name]).run(effort)
    took_s = time.monotonic() - started
    for line in result.violations[:50]:
        console.print(f"  [red]![/] {line}")
    console.print(f"  {len(result.violations)} violations in {took_s:.0f} s")
    return result, took_s


def _show(results: list[tuple[Result, float]]) -> None:
    table = Table("part", "figure", "value")
    for result, took_s in results:
        for line, (name, value) in enumerate(result.figures.items()):
            table.add_row(result.part if line == 0 else "", name, str(value))
        table.add_row("", "violations", str(len(result.violations)))
        table.add_row("", "seconds", f"{took_s:.0f}", end_section=True)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
