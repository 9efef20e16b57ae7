"""What happened: timeline events, raw exchanges, problems, drift."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nervo.errors import NervoError
from nervo.kit.http import Exchange
from nervo.store.codec import ms, text
from nervo.store.database import Tx

MAX_BODY = 64 * 1024


def event(tx: Tx, order_id: int, code: str, now_ms: int, actor: str = "nervo", **values: Any) -> None:
    """A hop on an order's timeline."""
    tx.run(
        'INSERT INTO store_event (order_id, at_ms, code, "values", actor) VALUES (%s, %s, %s, %s, %s)',
        (order_id, now_ms, code, text(values), actor),
    )


def exchanges(tx: Tx, rows: Sequence[tuple[str, int, str, Exchange]]) -> None:
    """Keeps (connection, order id or 0, operation, exchange)."""
    tx.many(
        "INSERT INTO store_exchange (connection, order_id, operation, at_ms, method, url, request_headers, request_body, status, "
        "response_headers, response_body, elapsed_ms, error) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                c,
                o,
                op,
                ms(x.at),
                x.method,
                x.url,
                text(dict(x.request_headers)),
                x.request_body[:MAX_BODY],
                x.status,
                text(dict(x.response_headers)),
                x.response_body[:MAX_BODY],
                x.elapsed_ms,
                x.error,
            )
            for c, o, op, x in rows
        ],
    )


def problem(
    tx: Tx,
    code: str,
    connection: str,
    subject: str,
    key: str,
    now_ms: int,
    *,
    order_id: int = 0,
    said: str = "",
    fix: str = "",
    owner: str = "operator",
    money: str = "",
    values: Mapping[str, Any] | None = None,
) -> None:
    """Opens a problem, or counts one more of the same."""
    tx.run(
        'INSERT INTO store_problem (code, connection, subject, key, order_id, "values", said, fix, owner, money, state, first_ms, last_ms, '
        "count, closed_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'open', %s, %s, 1, '') "
        "ON CONFLICT (code, connection, subject, key) WHERE state = 'open' DO UPDATE SET last_ms = excluded.last_ms, "
        'count = store_problem.count + 1, "values" = excluded."values", said = excluded.said',
        (
            code,
            connection,
            subject,
            key,
            order_id,
            text(dict(values or {})),
            said[:2000],
            fix,
            owner,
            money,
            now_ms,
            now_ms,
        ),
    )


def problem_of(
    tx: Tx,
    error: NervoError,
    connection: str,
    subject: str,
    key: str,
    now_ms: int,
    *,
    order_id: int = 0,
    money: str = "",
) -> None:
    """Opens a problem from an error."""
    values = {k: str(v) for k, v in error.values.items()} | {"doing": error.doing}
    problem(
        tx,
        error.code,
        connection,
        subject,
        key,
        now_ms,
        order_id=order_id,
        said=error.said,
        fix=error.fix,
        values=values,
        money=money,
    )


def close(tx: Tx, connection: str, subject: str, key: str, by: str, state: str = "resolved", *, but: str = "") -> int:
    """Closes what is open on a subject; `but` one reason that stays."""
    return tx.run(
        "UPDATE store_problem SET state = %s, closed_by = %s WHERE state = 'open' AND connection = %s AND subject = %s AND key = %s AND code <> %s",
        (state, by, connection, subject, key, but),
    )


def close_code(tx: Tx, code: str, connection: str, subject: str, key: str, by: str, state: str = "resolved") -> int:
    """Closes one reason on a subject."""
    return tx.run(
        "UPDATE store_problem SET state = %s, closed_by = %s WHERE state = 'open' AND code = %s AND connection = %s AND subject = %s AND key = %s",
        (state, by, code, connection, subject, key),
    )


def close_unread(tx: Tx, code: str, connection: str, subject: str, key: str) -> int:
    """It has been read well: closes what said that it could not be. What an order is held for, under the same name, stays."""
    return tx.run(
        "UPDATE store_problem SET state = 'resolved', closed_by = 'nervo' WHERE state = 'open' AND code = %s AND connection = %s "
        "AND subject = %s AND key = %s AND order_id = 0",
        (code, connection, subject, key),
    )


def close_of_order(tx: Tx, code: str, order_id: int, by: str) -> int:
    """Closes one reason on an order."""
    sql = "UPDATE store_problem SET state = 'resolved', closed_by = %s WHERE state = 'open' AND code = %s AND order_id = %s"
    return tx.run(sql, (by, code, order_id))


def open_keys(tx: Tx, code: str, subject: str) -> set[str]:
    """What has this problem now."""
    sql = "SELECT key FROM store_problem WHERE state = 'open' AND code = %s AND subject = %s"
    return {r[0] for r in tx.rows(sql, (code, subject))}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem row."""

    id: int
    code: str
    connection: str
    subject: str
    key: str
    order_id: int
    state: str


def get(tx: Tx, id: int) -> Problem | None:
    row = tx.one("SELECT id, code, connection, subject, key, order_id, state FROM store_problem WHERE id = %s", (id,))
    return Problem(*row) if row else None


def close_one(tx: Tx, id: int, by: str, state: str = "resolved") -> int:
    sql = "UPDATE store_problem SET state = %s, closed_by = %s WHERE state = 'open' AND id = %s"
    return tx.run(sql, (state, by, id))


def drift(tx: Tx, rows: Sequence[tuple[str, str, str, str, str, int]]) -> None:
    """Keeps (channel, kind, key, expected, found, at_ms)."""
    tx.many(
        "INSERT INTO store_drift (channel, kind, key, expected, found, at_ms) VALUES (%s, %s, %s, %s, %s, %s)",
        list(rows),
    )
