"""Every crashpoint of the story once, then pairs by sample, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.postgres import URL_VARIABLE
from tests.prove.parts import Effort, Result

ROOT = Path(__file__).parents[3]
PAIRS = 150
SHORT = 16
MOST_OF_A_KIND = 25
GAP = 4


def run(effort: Effort) -> Result:
    """Each database in a process of its own."""
    figures: dict[str, object] = {}
    broken: list[str] = []
    for database in ("sqlite", "postgresql"):
        if database == "postgresql" and not os.environ.get(URL_VARIABLE):
            figures[database] = f"skipped: {URL_VARIABLE} is not set"
            continue
        seen = _seen(database, effort)
        broken += [f"{database}: {line}" for line in seen.pop("broken")]
        figures |= {f"{database} {name}": value for name, value in seen.items()}
    return Result("crashpoints", figures, tuple(broken))


def _seen(database: str, effort: Effort) -> dict[str, object]:
    environment = os.environ | {
        "PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT}/src:{ROOT}", "DJANGO_ALLOW_ASYNC_UNSAFE": "1", "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.prove.crash", database, "short" if effort.short else "full"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        last = ""
        for line in process.stdout:
            last = line
            if not line.startswith("{"):
                effort.say(f"  {database}: {line.strip()}")
    if not last.startswith("{"):
        return {"broken": [f"the campaign ended with exit code {process.returncode}"]}
    return dict(json.loads(last))


def crash_everywhere(database: str, *, short: bool) -> dict[str, object]:
    """Enumerates the story's crashpoints by telling it, then crashes at each. `short`: some of each kind."""
    from tests.prove.crash.story import tell

    with _fresh(database) as url:
        quiet = tell(url)
    points, chance = quiet.points, Random(database)
    singles = [frozenset({n}) for n in (_some(points, chance) if short else _all(points, chance))]
    pairs = 4 if short else PAIRS
    doubles = [frozenset({n, n + chance.randint(1, GAP * 25)}) for n in chance.sample(range(1, len(points)), pairs)]
    broken = [f"without a crash: {line}" for line in quiet.broken]
    died = 0
    for done, crashes in enumerate([*singles, *doubles], start=1):
        with _fresh(database) as url:
            told = tell(url, crashes, unique_keys=done % 2 == 0)
        died += len(told.crashed)
        for line in told.broken:
            broken.append(f"crash at {sorted(crashes)} ({', '.join(told.crashed)}): {line}")
            print(broken[-1], flush=True)
        if done % 50 == 0:
            print(f"{done} of {len(singles) + len(doubles)} stories with a crash, {len(broken)} violations", flush=True)
    return {
        "crashpoints passed": len(points), "kinds of crashpoint": len(set(points)), "crashed once": len(singles),
        "crashed twice": len(doubles), "deaths": died, "violations": len(broken), "broken": broken,
    }  # fmt: skip


def _all(points: tuple[str, ...], chance: Random) -> list[int]:
    """Every point; of a kind that is passed all the time (a heartbeat, an empty queue) so many."""
    return sorted(
        n for numbers in _by_kind(points).values() for n in chance.sample(numbers, min(MOST_OF_A_KIND, len(numbers)))
    )


def _by_kind(points: tuple[str, ...]) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {}
    for number, name in enumerate(points, start=1):
        kinds.setdefault(name, []).append(number)
    return kinds


def _some(points: tuple[str, ...], chance: Random) -> list[int]:
    """One of each kind, as many as a short run has time for."""
    kinds = _by_kind(points)
    chosen = chance.sample(sorted(kinds), min(SHORT, len(kinds)))
    return [chance.choice(kinds[name]) for name in chosen]


@contextmanager
def _fresh(database: str) -> Iterator[str]:
    """An empty database for one telling."""
    if database == "sqlite":
        folder = Path(tempfile.mkdtemp(prefix="nervo-story-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        try:
            yield f"sqlite:///{folder / 'nervo.sqlite3'}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        from tests.prove.crash.postgres import copy_of_empty

        with copy_of_empty(os.environ[URL_VARIABLE]) as url:
            yield url
