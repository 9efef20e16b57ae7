"""The publication ledger: what each channel should show of each key, and what we know that it shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nervo.store.database import Tx
from nervo.store.facts import CHUNK, placeholders
from nervo.store.ticks import tick

MARK = (
    "INSERT INTO store_publication (channel, kind, key, dirty_tick, dirty_ms, priority, not_before_ms, state, inflight_epoch, "
    "published, published_ms, latency_ms, attempts, error) VALUES {values} "
    "ON CONFLICT (channel, kind, key) DO UPDATE SET dirty_ms = CASE WHEN store_publication.dirty_tick > 0 "
    "THEN store_publication.dirty_ms ELSE excluded.dirty_ms END, dirty_tick = excluded.dirty_tick, priority = excluded.priority"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A dirty key that is about to be published."""

    key: str
    dirty_tick: int
    dirty_ms: int
    published: str
    state: str
    attempts: int
    refused: str = ""
    approved: str = ""
    inflight_epoch: int = 0


def mark(tx: Tx, channel: str, kind: str, keys: Iterable[str], now_ms: int, *, priority: int = 5) -> None:
    """These keys may have to be shown differently."""
    mark_on(tx, [channel], kind, keys, now_ms, priority=priority)


def mark_on(tx: Tx, channels: Iterable[str], kind: str, keys: Iterable[str], now_ms: int, *, priority: int = 5) -> None:
    """These keys may have to be shown differently on these channels."""
    at, keys = tick(tx), sorted(set(keys))
    rows = [
        (channel, kind, key, at, now_ms, priority, 0, "new", 0, "", 0, 0, 0, "")
        for channel in sorted(channels)
        for key in keys
    ]
    tx.values(MARK, rows)


def claim(tx: Tx, channel: str, kind: str, now_ms: int, limit: int) -> list[Claim]:
    """The next dirty keys, most urgent first. Keys without a link wait; one that was held or refused waits until it has become
    dirty again, since its value may be another now."""
    sql = (
        "SELECT key, dirty_tick, dirty_ms, published, state, attempts, refused, approved, inflight_epoch FROM store_publication "
        "WHERE channel = %s AND kind = %s AND dirty_tick > 0 AND not_before_ms <= %s AND state <> 'unlinked' "
        "AND NOT (state IN ('held', 'failed') AND dirty_tick <= refused_tick) ORDER BY priority, dirty_tick LIMIT %s"
    )
    return [Claim(*row) for row in tx.rows(sql, (channel, kind, now_ms, limit))]


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
        "refused = '', approved = '', "
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
        "UPDATE store_publication SET dirty_tick = 0, state = 'ok', error = '', refused = '', attempts = 0 WHERE channel = %s AND kind = %s AND key = %s AND dirty_tick = %s",
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


def refuse(tx: Tx, channel: str, kind: str, items: Iterable[tuple[Claim, str]], state: str, error: str) -> None:
    """These values wait for a person (held) or were refused (failed); another value is tried by itself."""
    tx.many(
        "UPDATE store_publication SET state = %s, error = %s, refused = %s, refused_tick = %s, inflight_epoch = 0, "
        "attempts = attempts + 1 WHERE channel = %s AND kind = %s AND key = %s",
        [
            (state, error, value, c.dirty_tick, channel, kind, c.key)
            for c, value in sorted(items, key=lambda i: i[0].key)
        ],
    )


def still_refused(tx: Tx, channel: str, kind: str, claims: Iterable[Claim]) -> None:
    """They became dirty again, but their value is the one that was held or refused."""
    tx.many(
        "UPDATE store_publication SET refused_tick = %s WHERE channel = %s AND kind = %s AND key = %s",
        [(c.dirty_tick, channel, kind, c.key) for c in sorted(claims, key=lambda c: c.key)],
    )


def held(tx: Tx, channel: str, kind: str) -> list[str]:
    """Keys that wait for a person."""
    sql = "SELECT key FROM store_publication WHERE channel = %s AND kind = %s AND state = 'held' ORDER BY key"
    return [r[0] for r in tx.rows(sql, (channel, kind))]


def approve(tx: Tx, channel: str, kind: str) -> list[str]:
    """A person accepts the values that are held: they go out, other values of the same keys do not."""
    keys = held(tx, channel, kind)
    tx.run(
        "UPDATE store_publication SET approved = refused, refused = '', refused_tick = 0, state = 'new', not_before_ms = 0, error = '' "
        "WHERE channel = %s AND kind = %s AND state = 'held'",
        (channel, kind),
    )
    return keys


def retry(tx: Tx, channel: str, kind: str, keys: Iterable[str]) -> int:
    """These are compared and sent again, whatever stopped them; how many the ledger has."""
    return tx.many(
        "UPDATE store_publication SET state = CASE WHEN state = 'unknown' THEN state ELSE 'new' END, not_before_ms = 0, refused = '', "
        "refused_tick = 0, attempts = 0, error = '', dirty_tick = CASE WHEN dirty_tick = 0 THEN 1 ELSE dirty_tick END "
        "WHERE channel = %s AND kind = %s AND key = %s",
        [(channel, kind, key) for key in sorted(keys)],
    )


def settled(tx: Tx, channel: str, kind: str, keys: Sequence[str]) -> dict[str, str]:
    """What these show as far as we know: only those that are neither dirty, nor in flight, nor in doubt."""
    found: dict[str, str] = {}
    for start in range(0, len(keys), CHUNK):
        part = list(keys[start : start + CHUNK])
        sql = (
            "SELECT key, published FROM store_publication WHERE channel = %s AND kind = %s AND dirty_tick = 0 AND inflight_epoch = 0 "
            f"AND state = 'ok' AND published <> '' AND key IN ({placeholders(len(part))})"
        )
        found.update((k, v) for k, v in tx.rows(sql, [channel, kind, *part]))
    return found


def drifted(
    tx: Tx, channel: str, kind: str, shown: Sequence[tuple[str, str, str]], now_ms: int
) -> list[tuple[str, str, str]]:
    """(key, published, shown there) of those that still are as they were read: they are published again. The rest moved meanwhile."""
    at, found = tick(tx), []
    for key, published, value in shown:
        if tx.run(
            "UPDATE store_publication SET published = %s, state = 'new', dirty_tick = %s, dirty_ms = %s WHERE channel = %s AND kind = %s "
            "AND key = %s AND dirty_tick = 0 AND inflight_epoch = 0 AND state = 'ok' AND published = %s",
            (value, at, now_ms, channel, kind, key, published),
        ):
            found.append((key, published, value))
    return found


def mark_known(tx: Tx, channel: str, kind: str, now_ms: int) -> int:
    """Everything that the ERP has may have to be shown differently on a channel; how many keys."""
    column, table = ("code", "store_productfact") if kind == "product" else ("sku", "store_variantfact")
    return tx.run(
        "INSERT INTO store_publication (channel, kind, key, dirty_tick, dirty_ms, priority, not_before_ms, state, inflight_epoch, "
        f"published, published_ms, latency_ms, attempts, error) SELECT %s, %s, {column}, %s, %s, 5, 0, 'new', 0, '', 0, 0, 0, '' "
        f"FROM {table} WHERE true ON CONFLICT (channel, kind, key) DO UPDATE SET dirty_ms = CASE WHEN store_publication.dirty_tick > 0 "
        "THEN store_publication.dirty_ms ELSE excluded.dirty_ms END, dirty_tick = excluded.dirty_tick",
        (channel, kind, tick(tx), now_ms),
    )


def mark_all(tx: Tx, channel: str, now_ms: int) -> int:
    """Every key of a channel may have to be shown differently; how many."""
    return tx.run(
        "UPDATE store_publication SET dirty_ms = CASE WHEN dirty_tick > 0 THEN dirty_ms ELSE %s END, dirty_tick = %s WHERE channel = %s",
        (now_ms, tick(tx), channel),
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


def quarantine(tx: Tx, channel: str, epoch: int, until_ms: int) -> int:
    """What earlier holders of the lease were sending, or waiting out by their own clocks, is unknown until then; how many keys. That
    is no failure of the channel: nobody waits the longer for it."""
    return tx.run(
        "UPDATE store_publication SET state = 'unknown', not_before_ms = %s, inflight_epoch = 0, attempts = CASE attempts WHEN 0 THEN 1 ELSE attempts END "
        "WHERE channel = %s AND ((inflight_epoch > 0 AND inflight_epoch < %s) OR (state = 'unknown' AND not_before_ms > 0))",
        (until_ms, channel, epoch),
    )


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
