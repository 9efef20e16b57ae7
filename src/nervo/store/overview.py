"""Readings for people: connections, orders, problems, lag, drift."""

from dataclasses import dataclass

from nervo.store.database import Row, Tx

_ORDER = "id, connection, number, erp_number, placed_ms, customer_name, total, currency, payment_status, state"


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """How a connection is doing."""

    name: str
    state: str
    last_ok_ms: int
    error: str
    paused: bool


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list."""

    id: int
    connection: str
    number: str
    erp_number: str
    placed_ms: int
    customer_name: str
    total: str
    currency: str
    payment_status: str
    state: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """An open problem in a list."""

    id: int
    code: str
    connection: str
    subject: str
    key: str
    order_id: int
    said: str
    fix: str
    money: str
    count: int
    first_ms: int


def connections(tx: Tx) -> dict[str, ConnectionRow]:
    rows = tx.rows("SELECT connection, state, last_ok_ms, error, paused FROM store_connectionstate")
    return {r[0]: ConnectionRow(r[0], r[1], int(r[2]), r[3], bool(r[4])) for r in rows}


def orders_by_state(tx: Tx) -> dict[str, int]:
    rows = tx.rows("SELECT state, count(*) FROM store_saleorder GROUP BY state ORDER BY state")
    return {state: int(n) for state, n in rows}


def problems_by_code(tx: Tx) -> dict[str, int]:
    rows = tx.rows("SELECT code, count(*) FROM store_problem WHERE state = 'open' GROUP BY code ORDER BY 2 DESC, code")
    return {code: int(n) for code, n in rows}


def problems(tx: Tx, limit: int) -> list[ProblemRow]:
    """Open problems, those with money at stake and the oldest first."""
    sql = (
        "SELECT id, code, connection, subject, key, order_id, said, fix, money, count, first_ms FROM store_problem "
        "WHERE state = 'open' ORDER BY CASE WHEN money <> '' THEN 0 ELSE 1 END, id LIMIT %s"
    )
    return [ProblemRow(*row) for row in tx.rows(sql, (limit,))]


def orders(tx: Tx, state: str, limit: int) -> list[OrderRow]:
    """The latest orders, in one state where one is named."""
    where, args = ("WHERE state = %s ", [state]) if state else ("", [])
    return [
        OrderRow(*row)
        for row in tx.rows(f"SELECT {_ORDER} FROM store_saleorder {where}ORDER BY id DESC LIMIT %s", [*args, limit])
    ]


def find_orders(tx: Tx, number: str) -> list[OrderRow]:
    """Orders with this number, at the channel (with or without #), by its id there, or in the ERP."""
    sql = f"SELECT {_ORDER} FROM store_saleorder WHERE number IN (%s, %s) OR external_id = %s OR erp_number = %s ORDER BY id LIMIT 20"
    return [OrderRow(*row) for row in tx.rows(sql, (number, f"#{number}", number, number))]


def events(tx: Tx, order_id: int) -> list[tuple[int, str, str, str]]:
    """(at_ms, code, values as JSON, actor), oldest first."""
    rows: list[Row] = tx.rows(
        'SELECT at_ms, code, "values", actor FROM store_event WHERE order_id = %s ORDER BY id', (order_id,)
    )
    return [(int(at), code, values, actor) for at, code, values, actor in rows]


def lag_ms(tx: Tx, channel: str) -> tuple[int, int, int] | None:
    """(p50, p99) of the last 1,000 stock publications, and keys that wait; None before the first."""
    sql = "SELECT latency_ms FROM store_publication WHERE channel = %s AND kind = 'stock' AND published_ms > 0 ORDER BY published_ms DESC LIMIT 1000"
    times = sorted(int(r[0]) for r in tx.rows(sql, (channel,)))
    waiting = tx.one(
        "SELECT count(*) FROM store_publication WHERE channel = %s AND kind = 'stock' AND dirty_tick > 0", (channel,)
    )
    return (times[len(times) // 2], times[int(len(times) * 0.99)], int(waiting[0]) if waiting else 0) if times else None


def lease(tx: Tx) -> str:
    """Who acts now, with its epoch; "" where nobody ever did."""
    row = tx.one("SELECT owner, epoch FROM store_lease WHERE name = 'hub' AND expires_ms > 0")
    return f"{row[0]} (epoch {row[1]})" if row else ""


def drift(tx: Tx, limit: int) -> list[tuple[str, str, str, str, str, int]]:
    """(channel, kind, key, expected, found, at_ms), newest first."""
    rows = tx.rows(
        "SELECT channel, kind, key, expected, found, at_ms FROM store_drift ORDER BY id DESC LIMIT %s", (limit,)
    )
    return [(c, k, key, e, f, int(at)) for c, k, key, e, f, at in rows]
