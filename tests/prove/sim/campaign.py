"""Many histories, in processes of their own; some are played twice, since the same seed must give the same history."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from tests.prove.parts import Effort, Result

ROOT = Path(__file__).parents[3]
TWICE_EVERY = 50
SHORT_SEEDS = 30
PLAYERS = 2
A_PROCESS = 250  # histories
SAY_S = 30.0


def run(effort: Effort) -> Result:
    """So many seeds one after the other: no violation, and the same digest where a seed is played again."""
    seeds = SHORT_SEEDS if effort.short else effort.seeds
    every = 10 if effort.short else TWICE_EVERY
    work = [*(chosen := range(effort.first, effort.first + seeds)), *chosen[::every]]
    digests: dict[int, str] = {}
    broken: list[str] = []
    total = Counter[str]()
    met = Counter[str]()
    rests, said = list[float](), time.monotonic()
    for played in _played(work):
        seed = played["seed"]
        if digests.setdefault(seed, played["digest"]) != played["digest"]:
            broken.append(f"seed {seed}: two plays differ ({digests[seed]}, {played['digest']})")
        for line in played["broken"]:
            broken.append(f"seed {seed}, digest {played['digest']}: {line}")
            effort.say(f"  {broken[-1]}")
        total.update({k: played[k] for k in ("orders", "exchanges", "simulated_s", "cpu_s")} | {"plays": 1})
        met.update(played["met"])
        rests.append(played["rest_s"])
        if time.monotonic() - said > SAY_S:
            said = time.monotonic()
            effort.say(f"  {total['plays']} of {len(work)} histories, {len(broken)} violations")
    rests.sort()
    troubles = sum(n for kind, n in met.items() if kind.startswith("net "))
    figures = {
        "seeds": len(digests), "played twice, same digest": total["plays"] - len(digests), "violations": len(broken),
        "simulated hours": round(total["simulated_s"] / 3600), "orders": total["orders"], "exchanges": total["exchanges"],
        "network troubles": troubles, "incidents": dict(sorted((k, n) for k, n in met.items() if not k.startswith("net "))),
        "rest p50/p99/max s": (_at(rests, 50), _at(rests, 99), _at(rests, 100)),
        "CPU s a history": round(total["cpu_s"] / max(1, total["plays"]), 2),
    }  # fmt: skip
    if len(digests) < seeds:
        broken.append(f"only {len(digests)} of {seeds} seeds were played to the end")
    return Result("simulated histories", figures, tuple(broken))


def _at(values: list[float], percent: int) -> int:
    return round(values[min(len(values) - 1, len(values) * percent // 100)]) if values else 0


def _played(work: list[int]) -> Iterator[dict[str, Any]]:
    """Each seed's outcome, as they come."""
    outcomes: Queue[dict[str, Any] | None] = Queue()
    shares = [work[i::PLAYERS] for i in range(PLAYERS)]
    threads = [Thread(target=_player, args=(share, outcomes), daemon=True) for share in shares]
    for thread in threads:
        thread.start()
    left = len(threads)
    while left:
        outcome = outcomes.get()
        if outcome is None:
            left -= 1
        else:
            yield outcome


def _player(seeds: list[int], outcomes: Queue[dict[str, Any] | None]) -> None:
    """A process for every so many: what a history leaves behind in one grows to no matter."""
    try:
        for start in range(0, len(seeds), A_PROCESS):
            _play(seeds[start : start + A_PROCESS], outcomes)
    finally:
        outcomes.put(None)


def _play(seeds: list[int], outcomes: Queue[dict[str, Any] | None]) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    command = [sys.executable, "-m", "tests.prove.sim", "play"]
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as player:
        assert player.stdin and player.stdout
        player.stdin.write(" ".join(map(str, seeds)))
        player.stdin.close()
        for line in player.stdout:
            outcomes.put(json.loads(line))


def play_all(seeds: list[int]) -> None:
    """What a player process does: an outcome a line."""
    from tests.prove.sim.history import play

    gc.freeze()  # what was loaded is not looked at again after every history
    gc.set_threshold(50_000, 20, 50)
    for seed in seeds:
        print(json.dumps(asdict(play(seed))), flush=True)
