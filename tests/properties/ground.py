"""One hub's store on SQLite, emptied before every example, and a loop to run its coroutines on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nervo.store.database import Database, Tx

T = TypeVar("T")


class Ground:
    """The store of the test that runs."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.runner = asyncio.Runner()
        self.tables = [
            r[0] for r in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'store_%%'")
        ]

    def empty(self) -> None:
        """As on the first day."""
        self.write(lambda tx: [tx.run(f"DELETE FROM {table}") for table in self.tables])

    def write(self, work: Callable[[Tx], T]) -> T:
        return self.db.submit(work, durable=False).result()

    def rows(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        return self.db.read_now(lambda tx: tx.rows(sql, args))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def close(self) -> None:
        self.runner.close()
        self.db.close()


_grounds: list[Ground] = []


def ground() -> Ground:
    return _grounds[-1]


def fresh() -> Ground:
    """The same, emptied: for the beginning of an example."""
    ground().empty()
    return ground()
