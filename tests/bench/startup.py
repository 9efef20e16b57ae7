"""`nervo up` from nothing: until the panel answers, and what it holds when idle."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import urllib.request
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.ground import folder
from tests.postgres import free_port

IDLE_S, LONGEST_S = 5.0, 60.0


async def run(small: bool) -> list[Figure]:
    with folder() as path:
        first, _ = await _up(path, 0.0)
        again, memory_mb = await _up(path, 0.2 if small else IDLE_S)
    return [
        Figure("nervo up until the panel answers", again, "s", 3),
        Figure("nervo up idle, resident memory", memory_mb, "MB", 200),
        Figure("nervo up the very first time, making the database", first, "s"),
    ]


async def _up(data: Path, idle_s: float) -> tuple[float, float]:
    port, started = free_port(), time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nervo", "up", "--port", str(port), env={**os.environ, "NERVO_DATA_DIR": str(data)},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LONGEST_S):
            while not await asyncio.to_thread(_answers, f"http://127.0.0.1:{port}/login/"):
                await asyncio.sleep(0.02)
        took = time.perf_counter() - started
        await asyncio.sleep(idle_s)
        return took, _resident_mb(process.pid)
    finally:
        process.terminate()
        await process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
