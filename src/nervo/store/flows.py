"""Flows that orders need: written in the transaction that makes them needed, gone when they have run."""

from dataclasses import dataclass

from nervo.store.database import Tx
from nervo.store.ticks import tick


@dataclass(frozen=True, slots=True)
class FlowDue:
    """A flow to run. `tick` tells this need from an earlier one of the same order and flow; `connection` is the order's."""

    order_id: int
    flow: str
    connection: str
    tick: int
    since_ms: int


def want(tx: Tx, flow: str, order_id: int, now_ms: int) -> None:
    """An order needs a flow; wanted twice, it runs once more after the run that is under way."""
    tx.run(
        "INSERT INTO store_flowdue (order_id, flow, connection, tick, since_ms, attempts, error) "
        "VALUES (%s, %s, coalesce((SELECT connection FROM store_saleorder WHERE id = %s), ''), %s, %s, 0, '') "
        "ON CONFLICT (order_id, flow) DO UPDATE SET tick = excluded.tick",
        (order_id, flow, order_id, tick(tx), now_ms),
    )


def wanted(tx: Tx, flow: str, order_id: int) -> int:
    """The tick of this need; 0 where there is none."""
    row = tx.one("SELECT tick FROM store_flowdue WHERE order_id = %s AND flow = %s", (order_id, flow))
    return int(row[0]) if row else 0


def attempts(tx: Tx, flow: str, order_id: int) -> int:
    """How often it has failed since it was first wanted."""
    row = tx.one("SELECT attempts FROM store_flowdue WHERE order_id = %s AND flow = %s", (order_id, flow))
    return int(row[0]) if row else 0


def ran(tx: Tx, flow: str, order_id: int, at: int) -> bool:
    """It has run for this need; False when it was wanted again meanwhile."""
    sql = "DELETE FROM store_flowdue WHERE order_id = %s AND flow = %s AND tick = %s"
    return tx.run(sql, (order_id, flow, at)) > 0 or wanted(tx, flow, order_id) == 0


def stopped(tx: Tx, flow: str, order_id: int) -> None:
    """A person has to help first; what they do wants it again."""
    tx.run("DELETE FROM store_flowdue WHERE order_id = %s AND flow = %s", (order_id, flow))


def postponed(tx: Tx, flow: str, order_id: int, error: str) -> None:
    """It is tried again."""
    tx.run(
        "UPDATE store_flowdue SET attempts = attempts + 1, error = %s WHERE order_id = %s AND flow = %s",
        (error[:2000], order_id, flow),
    )


def due(tx: Tx, limit: int) -> list[FlowDue]:
    """What is to run, oldest first, and no more than `limit` of each flow for each connection: a channel that is down leaves room for
    the others. An order's flows come in the order in which they were wanted."""
    sql = (
        "SELECT order_id, flow, connection, tick, since_ms FROM store_flowdue WHERE connection = %s AND flow = %s "
        "ORDER BY since_ms, tick LIMIT %s"
    )
    kinds = tx.rows("SELECT DISTINCT connection, flow FROM store_flowdue")
    found = [FlowDue(*row) for kind in kinds for row in tx.rows(sql, (*kind, limit))]
    return sorted(found, key=lambda need: (need.since_ms, need.tick))
