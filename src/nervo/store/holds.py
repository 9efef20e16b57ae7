"""Holds: what accepted orders take from stock until an ERP figure contains them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nervo.store.database import Tx
from nervo.store.facts import CHUNK, placeholders
from nervo.store.ticks import tick


@dataclass(frozen=True, slots=True)
class Held:
    """An open hold."""

    order_id: int
    sku: str
    warehouse: str
    quantity: Decimal
    confirmed_tick: int | None


def place(tx: Tx, order_id: int, lines: Iterable[tuple[str, str, Decimal]], at: int) -> None:
    """Holds (sku, warehouse, quantity) for an order, in the transaction that accepts it."""
    tx.many(
        "INSERT INTO store_hold (order_id, sku, warehouse, quantity, placed_tick, reason) VALUES (%s, %s, %s, %s, %s, '')",
        [(order_id, sku, warehouse, str(quantity), at) for sku, warehouse, quantity in lines],
    )


def confirmed(tx: Tx, order_id: int) -> None:
    """The ERP has confirmed the order: a figure whose read starts from now on contains it."""
    tx.run(
        "UPDATE store_hold SET confirmed_tick = %s WHERE order_id = %s AND confirmed_tick IS NULL", (tick(tx), order_id)
    )


def release(tx: Tx, order_id: int, reason: str) -> list[str]:
    """Ends an order's holds without a figure (it was cancelled before the ERP had it); the SKUs."""
    skus = [
        r[0] for r in tx.rows("SELECT sku FROM store_hold WHERE order_id = %s AND released_tick IS NULL", (order_id,))
    ]
    tx.run(
        "UPDATE store_hold SET released_tick = %s, reason = %s WHERE order_id = %s AND released_tick IS NULL",
        (tick(tx), reason, order_id),
    )
    return skus


def open_for(tx: Tx, skus: Sequence[str]) -> list[Held]:
    """The open holds on these SKUs."""
    found: list[Held] = []
    for start in range(0, len(skus), CHUNK):
        part = list(skus[start : start + CHUNK])
        sql = (
            "SELECT order_id, sku, warehouse, quantity, confirmed_tick FROM store_hold "
            f"WHERE released_tick IS NULL AND sku IN ({placeholders(len(part))})"
        )
        found += [Held(o, s, w, Decimal(q), c) for o, s, w, q, c in tx.rows(sql, part)]
    return found
