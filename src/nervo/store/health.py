"""How the hub is doing: heartbeats of its loops, and how long the oldest due item of each queue has waited."""

from collections.abc import Sequence
from dataclasses import dataclass

from nervo.store.database import Tx


@dataclass(frozen=True, slots=True)
class Beat:
    """A loop of a hub process. `state`: ok · failing · late; of the loop "hub": active · standby."""

    owner: str
    loop: str
    state: str
    turned_ms: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Oldest:
    """A queue that has something due: since when, how much, and the connection whose trouble would explain it."""

    queue: str
    connection: str
    since_ms: int
    count: int


def beat(tx: Tx, beats: Sequence[Beat]) -> None:
    tx.many(
        "INSERT INTO store_heartbeat (owner, loop, state, turned_ms, error) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (owner, loop) "
        "DO UPDATE SET state = excluded.state, turned_ms = excluded.turned_ms, error = excluded.error",
        sorted((b.owner, b.loop, b.state, b.turned_ms, b.error[:2000]) for b in beats),
    )


def beats(tx: Tx) -> list[Beat]:
    """Every loop of every process that beat lately."""
    return [
        Beat(*row) for row in tx.rows("SELECT owner, loop, state, turned_ms, error FROM store_heartbeat ORDER BY 1, 2")
    ]


def forget(tx: Tx, before_ms: int) -> None:
    """Processes that are gone for long."""
    tx.run("DELETE FROM store_heartbeat WHERE turned_ms < %s", (before_ms,))


def oldest(tx: Tx, now_ms: int) -> list[Oldest]:
    """Each queue's oldest item that could be worked on. What waits for a link or a person is not late."""
    sql = (
        "SELECT 'publish:' || kind, channel, min(dirty_ms), count(*) FROM store_publication WHERE dirty_tick > 0 AND dirty_ms > 0 "
        "AND state NOT IN ('unlinked', 'held', 'failed') GROUP BY kind, channel UNION ALL "
        "SELECT 'read:' || entity, connection, min(since_ms), count(*) FROM store_refresh GROUP BY entity, connection UNION ALL "
        "SELECT 'inbox', connection, min(received_ms), count(*) FROM store_inbox WHERE state = 'new' GROUP BY connection UNION ALL "
        "SELECT 'flows', '', min(since_ms), count(*) FROM store_flowdue HAVING count(*) > 0 UNION ALL "
        "SELECT 'commands', '', min(created_ms), count(*) FROM store_command WHERE state = 'new' HAVING count(*) > 0"
    )
    return [Oldest(q, c, int(at), int(n)) for q, c, at, n in tx.rows(sql) if at is not None and at <= now_ms]
