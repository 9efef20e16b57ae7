"""Buffers: what a channel keeps back of a SKU; and what they are reckoned from."""

from collections.abc import Iterable, Mapping, Sequence

from nervo.store.database import Tx

Kept = Mapping[tuple[str, str], int]  # (channel, sku) → units; what is not in it keeps none
_LIVE = "('received', 'held', 'in_erp', 'shipped')"


def of(tx: Tx, channel: str, skus: Sequence[str]) -> dict[str, int]:
    """What a channel keeps back of these SKUs."""
    return dict(tx.among("SELECT sku, units FROM store_buffer WHERE channel = %s AND sku IN ({})", skus, (channel,)))


def put(tx: Tx, wanted: Kept) -> list[tuple[str, str, int, int]]:
    """These are all buffers from now on; (channel, sku, units before, units now) of those that are others."""
    before = {(c, s): int(u) for c, s, u in tx.rows("SELECT channel, sku, units FROM store_buffer")}
    changed = [
        (channel, sku, before.get((channel, sku), 0), wanted.get((channel, sku), 0))
        for channel, sku in sorted(before.keys() | wanted.keys())
        if before.get((channel, sku), 0) != wanted.get((channel, sku), 0)
    ]
    tx.many("DELETE FROM store_buffer WHERE channel = %s AND sku = %s", [(c, s) for c, s, _, now in changed if not now])
    tx.many(
        "INSERT INTO store_buffer (channel, sku, units) VALUES (%s, %s, %s) "
        "ON CONFLICT (channel, sku) DO UPDATE SET units = excluded.units",
        [(c, s, now) for c, s, _, now in changed if now],
    )
    return changed


def sold(tx: Tx, since_ms: Sequence[int]) -> dict[str, dict[str, tuple[float, ...]]]:
    """SKU → connection → units sold since each of these moments, the earliest last."""
    sums = ", ".join(
        ["sum(CASE WHEN o.placed_ms >= %s THEN CAST(h.quantity AS DOUBLE PRECISION) ELSE 0 END)"] * len(since_ms)
    )
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    sql = (
        f"SELECT h.sku, o.connection, {sums} FROM store_saleorder o JOIN store_hold h ON h.order_id = o.id "
        f"WHERE o.state IN {_LIVE} AND o.placed_ms >= %s GROUP BY h.sku, o.connection"
    )
    for sku, connection, *units in tx.rows(sql, [*since_ms, since_ms[-1]]):
        found.setdefault(sku, {})[connection] = tuple(map(float, units))
    return found


def captured_ms(tx: Tx, since_ms: int, newest: int) -> list[tuple[str, int]]:
    """(connection, milliseconds from placed to received) of the newest orders."""
    sql = (
        "SELECT connection, received_ms - placed_ms FROM (SELECT connection, received_ms, placed_ms, state FROM store_saleorder "
        f"ORDER BY id DESC LIMIT %s) AS newest WHERE state IN {_LIVE} AND placed_ms >= %s"
    )
    return [(connection, int(late)) for connection, late in tx.rows(sql, (newest, since_ms))]


def published_ms(tx: Tx, channel: str, skus: Sequence[str], newest: int) -> list[int]:
    """Milliseconds from a change until the channel had it, of the newest publications of these SKUs."""
    sql = "SELECT published_ms, latency_ms FROM store_publication WHERE channel = %s AND kind = 'stock' AND published_ms > 0 AND key IN ({})"
    found = sorted(tx.among(sql, skus, (channel,)), reverse=True)
    return [int(latency) for _, latency in found[:newest]]


def listed(tx: Tx, channel: str, skus: Iterable[str]) -> set[str]:
    """Those that the channel lists."""
    sql = "SELECT sku FROM store_link WHERE connection = %s AND sku IN ({})"
    return {sku for (sku,) in tx.among(sql, sorted(skus), (channel,))}
