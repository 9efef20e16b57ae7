"""One bench in this process, its figures as JSON: python -m tests.bench.one NAME [small]."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from dataclasses import asdict

import uvloop

LONGEST_S = 300.0


def main(name: str, size: str = "") -> None:
    bench = importlib.import_module(f"tests.bench.{name}").run(size == "small")
    figures = uvloop.run(asyncio.wait_for(bench, LONGEST_S))
    print(json.dumps([asdict(figure) for figure in figures]))


if __name__ == "__main__":
    main(*sys.argv[1:])
