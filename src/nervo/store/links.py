"""Which of a channel's ids a SKU has."""

from collections.abc import Iterable, Sequence

from nervo.model.links import Link
from nervo.store.codec import parse, text
from nervo.store.database import Tx
from nervo.store.facts import CHUNK, placeholders


def put(tx: Tx, connection: str, links: Iterable[tuple[Link, str]]) -> None:
    """Records (link, title)."""
    tx.many(
        "INSERT INTO store_link (connection, sku, remote, title) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (connection, sku) DO UPDATE SET remote = excluded.remote, title = excluded.title",
        sorted((connection, link.sku, text(dict(link.remote)), title) for link, title in links),
    )


def of(tx: Tx, connection: str, skus: Sequence[str]) -> dict[str, dict[str, str]]:
    """Each linked SKU's ids."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(skus), CHUNK):
        part = list(skus[start : start + CHUNK])
        sql = f"SELECT sku, remote FROM store_link WHERE connection = %s AND sku IN ({placeholders(len(part))})"
        found.update({sku: parse(remote, dict[str, str]) for sku, remote in tx.rows(sql, [connection, *part])})
    return found


def page(tx: Tx, connection: str, after: str, limit: int) -> list[tuple[str, dict[str, str]]]:
    """Linked SKUs after one, for the sweep."""
    sql = "SELECT sku, remote FROM store_link WHERE connection = %s AND sku > %s ORDER BY sku LIMIT %s"
    return [(sku, parse(remote, dict[str, str])) for sku, remote in tx.rows(sql, (connection, after, limit))]
