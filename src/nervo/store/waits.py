"""Waits that are kept as moments of the clock of the process that began them."""

from nervo.store.database import Tx


def cap(tx: Tx, latest_ms: int) -> None:
    """Another process's clock may have been far ahead: nothing waits longer than until then."""
    for table in ("store_refresh", "store_publication"):
        tx.run(f"UPDATE {table} SET not_before_ms = %s WHERE not_before_ms > %s", (latest_ms, latest_ms))
