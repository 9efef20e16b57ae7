"""The product's tables as values: a state's rows are put into a database, the product works on them, and they are read again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from django.db import connection, transaction

from nervo.store.database import Tx

Table = tuple[tuple[Any, ...], ...]
Ids = tuple[int, ...]  # of each table, the number of its contents

# What is only measured, told or counted, and decides nothing.
FORGOTTEN: dict[str, dict[str, Any]] = {
    "store_publication": {"dirty_ms": 0, "published_ms": 0, "latency_ms": 0, "attempts": 0, "error": ""},
    "store_stockfact": {"at_ms": 0},
    "store_refresh": {"since_ms": 0, "attempts": 0, "error": "", "found_by": ""},
    "store_flowdue": {"since_ms": 0, "attempts": 0, "error": ""},
    "store_saleorder": {"received_ms": 0, "erp_number": "", "erp_state": ""},
    "store_hold": {"reason": ""},
}
MARKS = {"store_saleorder": ("created_ms", "confirmed_ms", "cancelled_ms", "shipped_ms")}  # only whether they are there
COUNTERS = ("tick", "noted")
DUE = {"store_publication": "not_before_ms", "store_refresh": "not_before_ms", "store_lease": "expires_ms"}


class Numbered:
    """Values by number, so that states are small and compared at once."""

    def __init__(self) -> None:
        self.of: list[Any] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable, value: Any) -> int:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.of)
            self.of.append(value)
        return found


class Rows:
    """The tables of a state, in Django's connection, inside one transaction that is
    never committed. `now_ms` is always now: when time
    passes, what is due moves nearer. `behind_ms`: how far the slowest hub's clock is behind the database's."""

    def __init__(self, tables: Sequence[str], now_ms: int, behind_ms: int = 0) -> None:
        self.tables, self.now_ms, self.earliest_ms = tuple(tables), now_ms, now_ms - behind_ms
        self.contents = Numbered()
        connection.ensure_connection()
        self._raw = connection.connection
        self._columns = {t: [c[1] for c in self._raw.execute(f"PRAGMA table_info({t})")] for t in tables}
        self._loaded: list[int | None] = [None] * len(self.tables)
        if not connection.in_atomic_block:
            transaction.atomic().__enter__()

    def column(self, table: str, name: str) -> int:
        return self._columns[table].index(name)

    def of(self, ids: Ids, table: str) -> Table:
        found: Table = self.contents.of[ids[self.tables.index(table)]]
        return found

    def field(self, ids: Ids, table: str, name: str, default: Any = None) -> Any:
        """A column of a table's only row."""
        rows = self.of(ids, table)
        return rows[0][self.column(table, name)] if rows else default

    def run(self, ids: Ids, work: Callable[[Tx], Any]) -> tuple[Any, Ids, Exception | None]:
        """What the product answers, the rows after it (as before, if it raised), and what it raised."""
        self._load(ids)
        self._raw.execute("SAVEPOINT step")
        untouched = self._raw.total_changes
        try:
            with connection.cursor() as cursor:
                answer = work(Tx(cursor, connection.vendor))
            return answer, ids if self._raw.total_changes == untouched else self._dump(), None
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            return None, ids, error
        finally:
            self._raw.execute("ROLLBACK TO step")
            self._raw.execute("RELEASE step")

    def later(self, ids: Ids, by_ms: int) -> Ids:
        """The same rows when so much time has passed."""
        return tuple(self._nearer(t, i, by_ms) if t in DUE else i for t, i in zip(self.tables, ids, strict=True))

    def empty(self) -> Ids:
        return tuple(self._kept_as(()) for _ in self.tables)

    def _nearer(self, table: str, id: int, by_ms: int) -> int:
        at = self.column(table, DUE[table])
        over = self._over(table)
        rows = [(*r[:at], _due(r[at] - by_ms * (r[at] > over), over), *r[at + 1 :]) for r in self.contents.of[id]]
        return self._kept_as(tuple(rows))

    def _kept_as(self, table: Table) -> int:
        return self.contents.number(table, table)

    def _over(self, table: str) -> int:
        """What lies before this is over for everybody: leases go by the database's clock, the rest by each hub's own."""
        return self.now_ms if table == "store_lease" else self.earliest_ms

    def _load(self, ids: Ids) -> None:
        run = self._raw.execute
        for place, (table, id) in enumerate(zip(self.tables, ids, strict=True)):
            if self._loaded[place] != id:
                run(f"DELETE FROM {table}")
                marks = ", ".join("?" * len(self._columns[table]))
                self._raw.executemany(f"INSERT INTO {table} VALUES ({marks})", self.contents.of[id])
                self._loaded[place] = id
        run("DELETE FROM sqlite_sequence")  # the next id follows from the rows alone

    def _dump(self) -> Ids:
        ids = []
        for table in self.tables:
            raw = tuple(self._raw.execute(f"SELECT * FROM {table}").fetchall())
            ids.append(self._kept_as(tuple(sorted(self._kept(table, raw)))))
        return tuple(ids)

    def _kept(self, table: str, raw: Table) -> list[tuple[Any, ...]]:
        columns, forgotten, marks = self._columns[table], FORGOTTEN.get(table, {}), MARKS.get(table, ())
        if table == "store_counter":
            return [row for row in raw if row[0] in COUNTERS]
        found = []
        for row in raw:
            values = [forgotten.get(c, v) for c, v in zip(columns, row, strict=True)]
            for name in marks:
                values[columns.index(name)] = int(bool(values[columns.index(name)]))
            if table in DUE:
                at = columns.index(DUE[table])
                values[at] = _due(values[at], self._over(table))
            found.append(tuple(values))
        return found


def _due(at_ms: int, over_ms: int) -> int:
    """What is over is 1, what never was is 0."""
    return at_ms if at_ms > over_ms else int(at_ms > 0)
