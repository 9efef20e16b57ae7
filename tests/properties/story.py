"""What a channel may tell of one order, reading by reading; and what must have come of it when the hub is at rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Order, OrderStatus
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp
from tests.hub import TestHub
from tests.properties.depot import changed, order
from tests.properties.ground import Ground

LIVE = (ErpOrderState.CONFIRMED, ErpOrderState.DONE)
EDGES = {
    ("waiting", "received"), ("waiting", "held"), ("waiting", "cancelled"),
    ("held", "received"), ("held", "cancelled"), ("received", "held"), ("received", "in_erp"), ("received", "cancelled"),
    ("in_erp", "shipped"), ("in_erp", "cancelled"),
    ("cancelled", "received"), ("cancelled", "held"), ("cancelled", "waiting"),  # a cancellation that was taken back
}  # fmt: skip


def parts(reading: Order) -> Decimal:
    return sum((line.total_gross for line in reading.lines), Decimal(0))


def edited(reading: Order) -> Order:
    more = tuple(
        replace(x, quantity=x.quantity + 1, total_net=x.total_net + 10, total_gross=x.total_gross + 10)
        for x in reading.lines
    )
    return replace(reading, lines=more, total_gross=reading.total_gross + 10 * len(more))


def paid(reading: Order) -> Order:
    payment = Payment(f"p-{reading.external_id}", "card", PaymentStatus.PAID, reading.total_gross, "EUR")
    return replace(reading, payment_status=PaymentStatus.PAID, payments=(payment,))


EVENTS: dict[str, Callable[[Order], Order]] = {
    "paid": paid,
    "refunded": lambda o: replace(o, payment_status=PaymentStatus.REFUNDED),
    "noted": lambda o: replace(o, note=o.note + "!"),
    "status unknown": lambda o: replace(o, status=OrderStatus.UNKNOWN, raw_status="teleported"),
    "status known": lambda o: replace(o, status=OrderStatus.OPEN, raw_status="open"),
    "total wrong": lambda o: replace(o, total_gross=parts(o) + Decimal("0.01")),
    "total right": lambda o: replace(o, total_gross=parts(o)),
    "completed": lambda o: replace(o, status=OrderStatus.COMPLETED, fulfilment_status=FulfilmentStatus.FULFILLED),
    "cancelled": lambda o: replace(o, status=OrderStatus.CANCELLED, cancel_reason="customer"),
    "unpaid": lambda o: replace(o, payment_status=PaymentStatus.PENDING, payments=()),
    "edited": edited,
    "taken back": lambda o: replace(o, status=OrderStatus.OPEN, raw_status="open"),
}
FORWARD = ("paid", "noted", "status known", "total right", "cancelled")  # what no later reading takes back


def first(number: str, lines: Sequence[tuple[str, int]], *events: str) -> Order:
    made = replace(order(number, list(lines)), payment_status=PaymentStatus.PENDING)
    for event in events:
        made = EVENTS[event](made)
    return made


def after(reading: Order, event: str) -> Order:
    if reading.status is OrderStatus.CANCELLED and event not in ("taken back", "noted", "refunded"):
        event = "noted"
    return changed(EVENTS[event](reading))


def watch_edges(ground: Ground) -> None:
    """The database itself writes down every change of an order's state."""

    def work(tx: Any) -> None:
        tx.run("CREATE TABLE IF NOT EXISTS edges (was TEXT, now TEXT)")
        tx.run("DELETE FROM edges")
        tx.run("CREATE TRIGGER IF NOT EXISTS edge AFTER UPDATE OF state ON store_saleorder WHEN OLD.state <> NEW.state "
               "BEGIN INSERT INTO edges VALUES (OLD.state, NEW.state); END")  # fmt: skip

    ground.write(work)


def illegal_edges(ground: Ground) -> set[tuple[str, str]]:
    return set(ground.rows("SELECT was, now FROM edges")) - EDGES


def unaccounted(hub: TestHub, erp: WorldErp, told: dict[str, Order]) -> list[str]:
    """Complaints about orders whose newest reading the hub has had: each is in the ERP as it is at the channel, or waits, or is
    over, or a person is asked."""
    found = [f"{key} is in the ERP {n} times" for key, n in Counter(erp.book).items() if n > 1]
    columns = "external_id, version, status, payment_status, state, erp_key, approved"
    rows = {r[0]: r[1:] for r in hub.ask(f"SELECT {columns} FROM store_saleorder")}
    asked = {k for (k,) in hub.ask("SELECT key FROM store_problem WHERE state = 'open' AND subject = 'order'")}
    for number, newest in told.items():
        version, status, payment, state, key, approved = rows[number]
        if (version, status, payment) != (newest.version, newest.status, newest.payment_status):
            found.append(f"order {number} is kept as {version} {status} {payment}, the newest reading is {newest}")
        written = erp.orders.get(str(key))
        live = written is not None and written.state in LIVE
        if number in asked:
            continue
        off = newest.status is OrderStatus.CANCELLED
        off |= state == "cancelled" and newest.payment_status is PaymentStatus.REFUNDED
        if off or state == "waiting":
            found += [f"order {number} is {state} and live in the ERP"] if live else []
        elif not live or state not in ("in_erp", "shipped"):
            found.append(f"order {number} is {state}, live in the ERP: {live}, and nobody is asked")
        elif written and Counter(dict(erp.lines[written.key])) != goods(newest):
            found.append(
                f"order {number} is in the ERP with {erp.lines[written.key]}, at the channel with {goods(newest)}"
            )
        elif written and written.total_gross != newest.total_gross and not approved:
            found.append(f"order {number} costs {written.total_gross} in the ERP, {newest.total_gross} at the channel")
    return found


def goods(reading: Order) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in reading.lines:
        found[line.sku or ""] += line.quantity  # type: ignore[assignment]
    return found


def digest(hub: TestHub) -> list[object]:
    """Everything the hub knows of orders and of what they take from stock."""
    return [
        hub.ask("SELECT external_id, version, state, status, payment_status, total, doc, paid, cancel_wanted, erp_id, confirmed_ms, "
                "shipped_ms, cancelled_ms, fulfilments, pending FROM store_saleorder ORDER BY external_id"),
        hub.ask("SELECT order_id, sku, quantity, released_tick IS NULL FROM store_hold ORDER BY id"),
        hub.ask("SELECT key, code, state FROM store_problem ORDER BY id"),
        hub.ask("SELECT channel, kind, key, published FROM store_publication ORDER BY channel, kind, key"),
        hub.ask("SELECT order_id, code FROM store_event ORDER BY id"),
        hub.ask("SELECT order_id, flow FROM store_flowdue"),
    ]  # fmt: skip


WRITES = ("create_customer", "create_order", "confirm_order", "record_payment", "cancel_order", "put_stock", "fulfil")


def effects(hub: TestHub) -> dict[str, int]:
    """Writes that left."""
    calls = hub.erp.calls + sum((shop.calls for shop in hub.shops.values()), Counter())
    return {name: calls[name] for name in WRITES}
