"""Orders and their milestones."""

from dataclasses import dataclass
from typing import Any

from nervo.model.corrections import Corrections, corrected
from nervo.model.orders import Order
from nervo.ports.erp import ErpOrder
from nervo.store.codec import ms, parse, text
from nervo.store.database import Tx

_COLUMNS = (
    "id, connection, external_id, number, version, state, status, payment_status, doc, erp_key, erp_customer, erp_id, erp_number, "
    "created_ms, confirmed_ms, paid, shipped_ms, cancelled_ms, cancel_wanted, fulfilments, approved, corrections, pending"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An order as the hub has it: the channel's reading and what has been done with it."""

    id: int
    connection: str
    external_id: str
    number: str
    version: str
    state: str
    status: str
    payment_status: str
    doc: str
    erp_key: str
    erp_customer: str
    erp_id: str
    erp_number: str
    created_ms: int
    confirmed_ms: int
    paid: str
    shipped_ms: int
    cancelled_ms: int
    cancel_wanted: bool
    fulfilments: str
    approved: bool
    corrections: str
    pending: str

    @property
    def order(self) -> Order:
        """The channel's reading with a person's corrections on it."""
        read = parse(self.doc, Order)
        return read if self.corrections == "{}" else corrected(read, parse(self.corrections, Corrections))


def get(tx: Tx, id: int) -> Kept | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM store_saleorder WHERE id = %s", (id,))
    return Kept(*row) if row else None


def by_external(tx: Tx, connection: str, external_id: str) -> Kept | None:
    row = tx.one(
        f"SELECT {_COLUMNS} FROM store_saleorder WHERE connection = %s AND external_id = %s", (connection, external_id)
    )
    return Kept(*row) if row else None


def by_erp(tx: Tx, erp_key: str) -> Kept | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM store_saleorder WHERE erp_key = %s", (erp_key,))
    return Kept(*row) if row else None


def by_erp_id(tx: Tx, erp_id: str) -> Kept | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM store_saleorder WHERE erp_id = %s LIMIT 1", (erp_id,))
    return Kept(*row) if row else None


def pending(tx: Tx, what: str) -> list[Kept]:
    """Orders for which this was sent to the ERP without a known outcome."""
    sql = f"SELECT {_COLUMNS} FROM store_saleorder WHERE pending = %s ORDER BY id LIMIT 1000"
    return [Kept(*row) for row in tx.rows(sql, (what,))]


def insert(tx: Tx, connection: str, order: Order, erp_key: str, state: str, found_by: str, now_ms: int) -> int | None:
    """Keeps a new order; its id, or None when it is already kept."""
    row = tx.one(
        "INSERT INTO store_saleorder (connection, external_id, number, version, placed_ms, updated_ms, received_ms, status, payment_status, "
        "currency, total, customer_name, doc, state, erp_key, erp_customer, erp_id, erp_number, erp_state, created_ms, confirmed_ms, paid, "
        "shipped_ms, cancelled_ms, cancel_wanted, fulfilments, found_by, approved) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "%s, %s, '', '', '', '', 0, 0, '0', 0, 0, %s, '[]', %s, %s) ON CONFLICT (connection, external_id) DO NOTHING RETURNING id",
        (
            connection,
            order.external_id,
            order.number,
            order.version,
            ms(order.placed_at),
            ms(order.updated_at),
            now_ms,
            order.status,
            order.payment_status,
            order.currency,
            str(order.total_gross),
            order.customer.name,
            text(order),
            state,
            erp_key,
            False,
            found_by,
            False,
        ),
    )
    return int(row[0]) if row else None


def reread(tx: Tx, id: int, order: Order) -> bool:
    """A newer reading of the same order; False when what we have is as new."""
    return bool(
        tx.run(
            "UPDATE store_saleorder SET version = %s, updated_ms = %s, status = %s, payment_status = %s, total = %s, doc = %s "
            "WHERE id = %s AND version < %s",
            (
                order.version,
                ms(order.updated_at),
                order.status,
                order.payment_status,
                str(order.total_gross),
                text(order),
                id,
                order.version,
            ),
        )
    )


def set_fields(tx: Tx, id: int, **fields: Any) -> None:
    """Writes milestones. Column names come from code, never from input."""
    sets = ", ".join(f"{name} = %s" for name in fields)
    tx.run(f"UPDATE store_saleorder SET {sets} WHERE id = %s", [*fields.values(), id])


def written(tx: Tx, id: int, erp: ErpOrder, now_ms: int) -> None:
    """The ERP has the order as a draft."""
    set_fields(tx, id, erp_id=erp.erp_id, erp_number=erp.number, erp_state=erp.raw_state, created_ms=now_ms, pending="")
