"""The benchmarks: python -m tests.bench [--json FILE] [--write] [--tries N] [NAME...]

Each runs in a process of its own, `--tries` times; the best try counts. `--write` puts the table into docs/benchmarks.md; the long
ones, which run only when they are named, have a section of their own there.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.bench.figures import Figure

BENCHES = ("ingest", "changes", "bulkhead", "publishing", "orders", "snapshot", "shopify_push", "startup")
LONG = ("oversell", "backlog")
DOC = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    arguments = parsed()
    results = {name: best([tried(name) for _ in range(arguments.tries)]) for name in arguments.names or BENCHES}
    shown = {name: own_table(name)([*figures]) for name, figures in results.items() if name in LONG}
    short = {name: figures for name, figures in results.items() if name not in LONG}
    print("\n\n".join(([table(short)] if short else []) + [*shown.values()]))
    if arguments.json:
        document = {name: [asdict(figure) for figure in figures] for name, figures in results.items()}
        Path(arguments.json).write_text(json.dumps({"machine": machine(), "benches": document}, indent=1))
    if arguments.write:
        if short:
            write(table(short), f"./dev bench --write --tries {arguments.tries}", arguments.tries)
        for name, figures in shown.items():
            write(figures, f"./dev bench {name} --write --tries {arguments.tries}", arguments.tries, f"{name} ")
    return 0 if all(figure.ok for figures in results.values() for figure in figures) else 1


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES + LONG))
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    parser.add_argument("--write", action="store_true", help="write the table to docs/benchmarks.md")
    parser.add_argument("--tries", type=int, default=3)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHES + LONG):
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES + LONG)}")
    return arguments


def tried(name: str) -> list[Figure]:
    """One try in a process of its own. Raises RuntimeError with what it said where it fails."""
    run = subprocess.run([sys.executable, "-m", "tests.bench.one", name], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"the bench {name} failed:\n{run.stderr[-2000:]}")
    figures = [Figure(**given) for given in json.loads(run.stdout.splitlines()[-1])]
    print(
        f"{name}: " + " · ".join(f"{f.what} {f.shown} {f.verdict}".strip() for f in figures),
        file=sys.stderr,
        flush=True,
    )
    return figures


def best(tries: list[list[Figure]]) -> list[Figure]:
    """The try that misses least; of those, the one with the best first figure."""

    def rank(figures: list[Figure]) -> tuple[int, float]:
        first = figures[0]
        return sum(not f.ok for f in figures), -first.value if first.least else first.value

    return min(tries, key=rank)


def table(results: dict[str, list[Figure]]) -> str:
    rows = ["| bench | figure | measured | target | |", "|---|---|---|---|---|"]
    for name, figures in results.items():
        rows += [f"| {name} | {f.what} | {f.shown} | {f.wanted} | {f.verdict} |" for f in figures]
    return "\n".join(rows)


def own_table(name: str) -> Callable[[list[Figure]], str]:
    """How a long bench shows its figures."""
    shown: Callable[[list[Figure]], str] = importlib.import_module(f"tests.bench.{name}").table
    return shown


def machine() -> str:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores {platform.machine()}, {memory_gb:.0f} GiB, Python {platform.python_version()}, "
        f"load average at the end {load:.1f}"
    )


def write(figures: str, command: str, tries: int, section: str = "") -> None:
    start, end = f"<!-- {section}figures -->", f"<!-- end of {section}figures -->"
    before, _, rest = DOC.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    counts = "" if tries == 1 else f"; the best of {tries} tries counts"
    said = f"Machine: {machine()}. Command: `{command}`{counts}."
    DOC.write_text(f"{before}{start}\n{said}\n\n{figures}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
