"""Where a life takes place: a folder that is gone afterwards, and a database of each kind."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.postgres import Server, as_owner, private_server

LONGEST_DOWN_S = 1.5


@dataclass(frozen=True, slots=True)
class Ground:
    """A fresh folder and database. `server` is the PostgreSQL that holds it, if one does."""

    folder: Path
    url: str
    server: Server | None = None


@contextmanager
def sqlite() -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="nervo-kills-", ignore_cleanup_errors=True) as folder:
        yield Ground(Path(folder), f"sqlite:///{Path(folder) / 'nervo.sqlite3'}")


@contextmanager
def postgresql() -> Iterator[Ground]:
    """On a server of its own, since it is crashed."""
    with private_server() as server, tempfile.TemporaryDirectory(prefix="nervo-kills-") as folder:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE nervo")
        yield Ground(Path(folder), urlunsplit(urlsplit(server.url)._replace(path="/nervo")), server)


async def crash(server: Server, chance: Random) -> None:
    """The server stops at once, as in a power cut, and is started again after a while."""
    data, down_s = Path(server.folder) / "data", chance.uniform(0, LONGEST_DOWN_S)
    await asyncio.to_thread(_control, server, ["-D", data, "-m", "immediate", "-w", "stop"])
    await asyncio.sleep(down_s)
    # `restart` alone starts it with the options that it had before.
    await asyncio.to_thread(_control, server, ["-D", data, "-l", Path(server.folder) / "log", "-w", "restart"])


def _control(server: Server, arguments: list[str | Path]) -> None:
    as_owner([Path(server.programs) / "pg_ctl", *arguments])
