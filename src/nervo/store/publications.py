"""The publication ledger: what each channel should show of each key, and what we know that it shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nervo.store.database import Tx
from nervo.store.ticks import tick


@dataclass(frozen=True, slots=True)
class Claim:
    """A dirty key that is about to be published."""

    key: str
    dirty_tick: int
    dirty_ms: int
    published: str
    state: str
    attempts: int


def mark(tx: Tx, channel: str, kind: str, keys: Iterable[str], now_ms: int, *, priority: int = 5) -> None:
    """These keys may have to be shown differently."""
    at = tick(tx)
    tx.many(
        "INSERT INTO store_publication (channel, kind, key, dirty_tick, dirty_ms, priority, not_before_ms, state, inflight_epoch, "
        "published, published_ms, latency_ms, attempts, error) VALUES (%s, %s, %s, %s, %s, %s, 0, 'new', 0, '', 0, 0, 0, '') "
        "ON CONFLICT (channel, kind, key) DO UPDATE SET dirty_ms = CASE WHEN store_publication.dirty_tick > 0 "
        "THEN store_publication.dirty_ms ELSE excluded.dirty_ms END, dirty_tick = excluded.dirty_tick, priority = excluded.priority",
        [(channel, kind, key, at, now_ms, priority) for key in sorted(keys)],
    )


def claim(tx: Tx, channel: str, kind: str, now_ms: int, limit: int, busy: set[str] | None = None) -> list[Claim]:
    """The next dirty keys, most urgent first. Keys held by a guard rail or without a link wait."""
    sql = (
        "SELECT key, dirty_tick, dirty_ms, published, state, attempts FROM store_publication WHERE channel = %s AND kind = %s "
        "AND dirty_tick > 0 AND not_before_ms <= %s AND state NOT IN ('unlinked', 'held', 'failed') ORDER BY priority, dirty_tick LIMIT %s"
    )
    found = [Claim(*row) for row in tx.rows(sql, (channel, kind, now_ms, limit + len(busy or ())))]
    return [c for c in found if not busy or c.key not in busy][:limit]


def sending(tx: Tx, channel: str, kind: str, keys: Iterable[str], epoch: int) -> None:
    """Noted before the call leaves, so that a crash finds them as unknown."""
    tx.many(
        "UPDATE store_publication SET inflight_epoch = %s WHERE channel = %s AND kind = %s AND key = %s",
        [(epoch, channel, kind, key) for key in sorted(keys)],
    )


def published(tx: Tx, channel: str, kind: str, items: Sequence[tuple[Claim, str]], now_ms: int) -> None:
    """These show the value now. A key that became dirty again meanwhile stays dirty."""
    tx.many(
        "UPDATE store_publication SET published = %s, published_ms = %s, latency_ms = %s, inflight_epoch = 0, attempts = 0, error = '', "
        "state = CASE WHEN dirty_tick = %s OR state <> 'unknown' THEN 'ok' ELSE state END, "
        "dirty_tick = CASE WHEN dirty_tick = %s THEN 0 ELSE dirty_tick END WHERE channel = %s AND kind = %s AND key = %s",
        [
            (v, now_ms, max(0, now_ms - c.dirty_ms), c.dirty_tick, c.dirty_tick, channel, kind, c.key)
            for c, v in sorted(items, key=lambda i: i[0].key)
        ],
    )


def unchanged(tx: Tx, channel: str, kind: str, claims: Iterable[Claim]) -> None:
    """These show the right value already: no call was made."""
    tx.many(
        "UPDATE store_publication SET dirty_tick = 0, state = 'ok' WHERE channel = %s AND kind = %s AND key = %s AND dirty_tick = %s",
        [(channel, kind, c.key, c.dirty_tick) for c in claims],
    )


def set_state(
    tx: Tx, channel: str, kind: str, keys: Iterable[str], state: str, *, error: str = "", not_before_ms: int = 0
) -> None:
    """They wait: for a link, a person, or until it is safe to read them back."""
    tx.many(
        "UPDATE store_publication SET state = %s, error = %s, not_before_ms = %s, inflight_epoch = 0, attempts = attempts + 1 "
        "WHERE channel = %s AND kind = %s AND key = %s",
        [(state, error, not_before_ms, channel, kind, key) for key in sorted(keys)],
    )


def wake(tx: Tx, channel: str, kind: str, keys: Iterable[str], states: Sequence[str]) -> None:
    """Keys in these states may be tried again."""
    marks = ", ".join(["%s"] * len(states))
    tx.many(
        f"UPDATE store_publication SET state = 'new', not_before_ms = 0 WHERE channel = %s AND kind = %s AND key = %s AND state IN ({marks})",
        [(channel, kind, key, *states) for key in keys],
    )


def doubt(tx: Tx, channel: str, kind: str, keys: Iterable[str]) -> None:
    """The channel has changed these by itself (it sold some): what we know it shows has to be read back. They are dirty already."""
    tx.many(
        "UPDATE store_publication SET state = 'unknown' WHERE channel = %s AND kind = %s AND key = %s AND state IN ('ok', 'new') "
        "AND published <> ''",
        [(channel, kind, key) for key in sorted(keys)],
    )


def orphaned(tx: Tx, channel: str, epoch: int) -> list[tuple[str, str]]:
    """(kind, key) that an earlier holder of the lease was sending when it stopped."""
    sql = "SELECT kind, key FROM store_publication WHERE channel = %s AND inflight_epoch > 0 AND inflight_epoch < %s"
    return [(r[0], r[1]) for r in tx.rows(sql, (channel, epoch))]


def counts(tx: Tx, channel: str, kind: str) -> tuple[int, int]:
    """(keys in the ledger, keys that are to go to zero or wait)."""
    row = tx.one(
        "SELECT count(*), coalesce(sum(CASE WHEN dirty_tick > 0 THEN 1 ELSE 0 END), 0) FROM store_publication WHERE channel = %s AND kind = %s",
        (channel, kind),
    )
    assert row
    return int(row[0]), int(row[1])


def observed(tx: Tx, rows: Sequence[tuple[str, int, str, str, str]]) -> None:
    """(value, tick at which it was dirty, channel, kind, key): what a read-back found. The key is compared again; one that was
    doubted again meanwhile is read again."""
    tx.many(
        "UPDATE store_publication SET published = %s, state = CASE WHEN dirty_tick = %s THEN 'new' ELSE state END, not_before_ms = 0, "
        "inflight_epoch = 0, dirty_tick = CASE WHEN dirty_tick = 0 THEN 1 ELSE dirty_tick END "
        "WHERE channel = %s AND kind = %s AND key = %s",
        list(rows),
    )
