"""Keys to read again at their source. The latest hint wins; a hint that comes while the key is being read is not lost."""

from collections.abc import Iterable
from dataclasses import dataclass

from nervo.store.database import Tx
from nervo.store.ticks import tick


@dataclass(frozen=True, slots=True)
class Due:
    """A key to read, with the tick of its latest hint."""

    key: str
    tick: int
    found_by: str
    attempts: int


AGAIN = "DO UPDATE SET tick = excluded.tick, not_before_ms = 0"


def want(
    tx: Tx, connection: str, entity: str, keys: Iterable[str], found_by: str, now_ms: int, *, patient: bool = False
) -> None:
    """Asks for these keys to be read again: at once, or `patient`: one that waits already goes on waiting."""
    at = tick(tx)
    tx.many(
        "INSERT INTO store_refresh (connection, entity, key, tick, found_by, since_ms, not_before_ms, attempts, error) "
        f"VALUES (%s, %s, %s, %s, %s, %s, 0, 0, '') ON CONFLICT (connection, entity, key) {'DO NOTHING' if patient else AGAIN}",
        [(connection, entity, key, at, found_by, now_ms) for key in sorted(set(keys))],
    )


def due(tx: Tx, connection: str, entity: str, now_ms: int, limit: int) -> list[Due]:
    sql = (
        "SELECT key, tick, found_by, attempts FROM store_refresh WHERE connection = %s AND entity = %s AND not_before_ms <= %s "
        "ORDER BY tick, key LIMIT %s"
    )
    return [Due(*row) for row in tx.rows(sql, (connection, entity, now_ms, limit))]


def read(tx: Tx, connection: str, entity: str, items: Iterable[Due]) -> None:
    """These were read; one that was hinted at again meanwhile stays."""
    tx.many(
        "DELETE FROM store_refresh WHERE connection = %s AND entity = %s AND key = %s AND tick = %s",
        [(connection, entity, item.key, item.tick) for item in items],
    )


def postponed(tx: Tx, connection: str, entity: str, keys: Iterable[str], not_before_ms: int, error: str) -> None:
    tx.many(
        "UPDATE store_refresh SET attempts = attempts + 1, not_before_ms = %s, error = %s WHERE connection = %s AND entity = %s AND key = %s",
        [(not_before_ms, error, connection, entity, key) for key in keys],
    )
