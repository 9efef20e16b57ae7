"""Waits that are kept as moments of the wall clock."""

from nervo.store.database import Tx


def move(tx: Tx, by_ms: int) -> None:
    """The clock was set by so much: what waits goes on waiting as long as it would have."""
    for table in ("store_refresh", "store_publication"):
        tx.run(f"UPDATE {table} SET not_before_ms = not_before_ms + %s WHERE not_before_ms > 0", (by_ms,))
