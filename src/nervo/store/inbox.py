"""The way in: webhooks, durable before they are acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass

from nervo.store.database import Tx

INSERT = (
    "INSERT INTO store_inbox (connection, topic, event_key, body_sha256, headers, body, received_ms, state, error) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, 'new', '') ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Received:
    """A stored webhook."""

    id: int
    connection: str
    topic: str
    headers: str
    body: bytes


def add(tx: Tx, rows: Sequence[tuple[str, str, str, str, str, bytes, int]]) -> int:
    """Stores deliveries (connection, topic, event key, sha256, headers, body, received_ms); how many were new."""
    return tx.many(INSERT, list(rows))


def waiting(tx: Tx, limit: int) -> list[Received]:
    """The oldest deliveries that nobody has read."""
    sql = "SELECT id, connection, topic, headers, body FROM store_inbox WHERE state = 'new' ORDER BY id LIMIT %s"
    return [Received(i, c, t, h, bytes(b)) for i, c, t, h, b in tx.rows(sql, (limit,))]


def done(tx: Tx, ids: Sequence[int]) -> None:
    tx.many("UPDATE store_inbox SET state = 'done' WHERE id = %s", [(i,) for i in ids])


def failed(tx: Tx, id: int, error: str) -> None:
    tx.run("UPDATE store_inbox SET state = 'failed', error = %s WHERE id = %s", (error, id))
