"""The hub's own order of things: a tick taken before a read starts, and one taken after a confirmation came back."""

from nervo.store.database import Tx


def tick(tx: Tx) -> int:
    """The next tick; larger than every tick that was committed before."""
    sql = (
        "INSERT INTO store_counter (name, value) VALUES ('tick', 1) "
        "ON CONFLICT (name) DO UPDATE SET value = store_counter.value + 1 RETURNING value"
    )
    row = tx.one(sql)
    assert row
    return int(row[0])
