"""One bench in this process, its figures as JSON: python -m tests.bench.one NAME [small]."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any

from nervo.api import serving
from tests.bench.figures import Figure

LONGEST_S = 300.0


def main(name: str, size: str = "") -> None:
    module = importlib.import_module(f"tests.bench.{name}")
    serving.leave_old_objects()
    serving.run(_printed(module.run(size == "small"), getattr(module, "LONGEST_S", LONGEST_S)))


async def _printed(bench: Coroutine[Any, Any, list[Figure]], longest_s: float) -> None:
    figures = await asyncio.wait_for(bench, longest_s)
    print(json.dumps([asdict(figure) for figure in figures]))


if __name__ == "__main__":
    main(*sys.argv[1:])
