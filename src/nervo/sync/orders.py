"""Orders in: accepted whole with their holds in one transaction, or held with a reason and a fix. Nothing is truncated."""

import asyncio
import hashlib
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import structlog

from nervo.errors import Misunderstood, NervoError, NotFound
from nervo.kit.text import GARBLED
from nervo.model.money import quantum
from nervo.model.orders import Order, OrderStatus, sum_of_parts
from nervo.model.payments import PaymentStatus
from nervo.ports.common import Cursor, Page
from nervo.rules.config import ConnectionConfig
from nervo.store import facts, journal, operations, orders, publications, refresh
from nervo.store.apart import each
from nervo.store.codec import text
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.sync import holding
from nervo.sync.context import Hub

OVERLAP_S = 120.0
AT_ONCE = 20
MAX_PAGES = 1_000
SAME_MOMENT_S = 10.0
MISSING_ATTEMPTS = 16  # some eleven minutes
UNPAID = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)
LIVE = ("received", "waiting", "held", "in_erp")
log = structlog.get_logger()
GIVEN_BACK = (PaymentStatus.REFUNDED, PaymentStatus.VOIDED)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why an order cannot go on by itself."""

    code: str
    fix: str
    values: dict[str, Any]


def doubt_about(tx: Tx, order: Order, *, approved: bool = False) -> Doubt | None:
    """The first thing that does not fit, or None. `approved`: a person has accepted that the total differs, nothing else."""
    if order.status is OrderStatus.UNKNOWN:
        return Doubt("unknown_status", "Map this status, then retry.", {"status": order.raw_status})
    if garbled := _garbled(order):
        return Doubt("garbled_text", "Correct what is garbled, then retry.", {"fields": garbled})
    known = facts.known_skus(tx, sorted({line.sku for line in order.lines if line.sku}))
    unknown = [
        line.sku or line.title for line in order.lines if not line.gift_card and (not line.sku or line.sku not in known)
    ]
    if unknown:
        return Doubt("unknown_sku", "Create the SKU in the ERP or map it, then retry.", {"skus": unknown})
    parts = sum_of_parts(order)
    if parts != order.total_gross and not approved:
        return Doubt(
            "total_differs",
            "Check the order at the channel, then approve or correct.",
            {"total": str(order.total_gross), "parts": str(parts), "difference": str(order.total_gross - parts)},
        )
    finer = [line.line_id for line in order.lines if line.total_gross % quantum(order.currency)]
    if finer or any(line.quantity <= 0 for line in order.lines) or not order.lines:
        return Doubt(
            "unreadable_order", "Check the order's lines at the channel.", {"lines": finer or "none or not positive"}
        )
    return None


def _garbled(order: Order) -> list[str]:
    """Where letters got lost on the way: of people and addresses, which are what goods and invoices go to."""
    parts = {"customer": asdict(order.customer), "billing": asdict(order.billing), "shipping": asdict(order.shipping)}
    return [
        f"{part}.{name}" for part, fields in parts.items() for name, value in fields.items() if GARBLED in str(value)
    ]


def _legible(order: Order) -> None:
    """Raises Misunderstood for text that no database and no ERP can keep: half a character, NUL."""
    try:
        document = text(order)
    except UnicodeError as error:
        raise Misunderstood(f"keeping order {order.external_id}", str(error)) from error
    if "\\u0000" in document.replace("\\\\", ""):
        raise Misunderstood(f"keeping order {order.external_id}", "a NUL in its text")


def erp_key(connection: str, external_id: str) -> str:
    """Our key of an order in the ERP: the same for ever, whoever computes it."""
    digest = hashlib.sha256(f"{connection}/order/{external_id}".encode()).hexdigest()[:10]
    return f"{connection}-{external_id}-{digest}"


def accept(hub: Hub, tx: Tx, channel: ConnectionConfig, order: Order, found_by: str) -> tuple[str, int] | None:
    """Keeps a reading of an order. Returns (flow to start, order id), or None when there is nothing to do."""
    _legible(order)
    kept = orders.by_external(tx, channel.name, order.external_id)
    journal.close_unread(tx, "unreadable_order", channel.name, "order", order.external_id)
    if kept:
        return _reread(hub, tx, channel, kept, order)
    doubt = doubt_about(tx, order)
    state = _first_state(tx, channel, order, doubt)
    if state == "ignored":
        _doubt_shown(hub, tx, channel, order)
        _pass_over(hub, tx, channel, order)
        return None
    id = orders.insert(tx, channel.name, order, erp_key(channel.name, order.external_id), state, found_by, hub.now_ms())
    if id is None:
        return None
    _doubt_shown(hub, tx, channel, order)
    journal.close_code(tx, "order_missing", channel.name, "order", order.external_id, "nervo")
    operations.count(tx, f"found_by_{found_by}:{channel.name}:order")
    journal.event(
        tx, id, "order_received", hub.now_ms(), found_by=found_by, channel=channel.name, total=str(order.total_gross)
    )
    return _begun(hub, tx, id, channel, order, state, doubt)


def _begun(
    hub: Hub, tx: Tx, id: int, channel: ConnectionConfig, order: Order, state: str, doubt: Doubt | None
) -> tuple[str, int] | None:
    if order.status is OrderStatus.CANCELLED:  # the ERP may have it from before a backup that was restored
        orders.set_fields(tx, id, cancel_wanted=True)
        return hub.want(tx, "cancel_order", id)
    if state != "waiting":
        holding.hold_goods(hub, tx, id, channel, order)
    if doubt and state == "held":
        _held(hub, tx, id, channel.name, order, doubt)
    return hub.want(tx, "place_order", id) if state == "received" else None


def _pass_over(hub: Hub, tx: Tx, channel: ConnectionConfig, order: Order) -> None:
    """Kept for the record only: nothing is done with it."""
    now = hub.now_ms()
    id = orders.insert(tx, channel.name, order, erp_key(channel.name, order.external_id), "ignored", "sweep", now)
    if id is not None:
        journal.event(tx, id, "order_passed_over", now, state="ignored")


def _first_state(tx: Tx, channel: ConnectionConfig, order: Order, doubt: Doubt | None) -> str:
    """Where a new order begins. One that was placed before our start is kept for the record only."""
    if _before_start(tx, channel.name, order):
        return "ignored"
    if order.status is OrderStatus.CANCELLED:
        return "received"
    if order.payment_status in UNPAID and not channel.orders.import_unpaid:
        return "waiting"
    return "held" if doubt else "received"


def _doubt_shown(hub: Hub, tx: Tx, channel: ConnectionConfig, order: Order) -> None:
    """The shop has counted these goods itself, so that it may show something else than we told it last (a cap hides that)."""
    skus = sorted({line.sku for line in order.lines if line.sku and not line.gift_card})
    if skus and "stock" in channel.publishes:
        publications.mark(tx, channel.name, "stock", skus, hub.now_ms(), priority=1)
        publications.doubt(tx, channel.name, "stock", skus)


def _held(hub: Hub, tx: Tx, id: int, channel: str, order: Order, doubt: Doubt) -> None:
    money = f"{order.total_gross} {order.currency}"
    journal.problem(
        tx,
        doubt.code,
        channel,
        "order",
        order.external_id,
        hub.now_ms(),
        order_id=id,
        fix=doubt.fix,
        values=doubt.values | {"order": order.number},
        money=money,
    )
    journal.event(tx, id, "order_held", hub.now_ms(), reason=doubt.code, **doubt.values)


def _reread(hub: Hub, tx: Tx, channel: ConnectionConfig, kept: Kept, order: Order) -> tuple[str, int] | None:
    if not orders.reread(tx, kept.id, order):
        return None
    _doubt_shown(hub, tx, channel, order)
    if order.status is OrderStatus.CANCELLED and not kept.cancelled_ms and not kept.cancel_wanted:
        orders.set_fields(tx, kept.id, cancel_wanted=True)
        journal.event(tx, kept.id, "cancel_asked", hub.now_ms(), reason=order.cancel_reason)
        return hub.want(tx, "cancel_order", kept.id)
    if kept.status == OrderStatus.CANCELLED:
        return taken_back(hub, tx, kept.id)
    holding.edited(hub, tx, channel, kept)
    if order.payment_status != kept.payment_status:
        journal.event(tx, kept.id, "payment_changed", hub.now_ms(), status=order.payment_status)
    if kept.state in ("held", "waiting"):
        return reconsider(hub, tx, kept.id)
    paid = order.payment_status != kept.payment_status or payable(order) != payable(kept.order)
    return hub.want(tx, "update_payment", kept.id) if paid and kept.state in ("received", "in_erp", "shipped") else None


def taken_back(hub: Hub, tx: Tx, id: int) -> tuple[str, int] | None:
    """A cancellation that the channel has taken back. An order that never was in the ERP begins anew; where the ERP keeps the
    cancelled sale under our key, a person decides."""
    kept = orders.get(tx, id)
    if (
        kept is None
        or kept.state != "cancelled"
        or kept.status == OrderStatus.CANCELLED
        or kept.payment_status in GIVEN_BACK
    ):
        return None
    order, channel = kept.order, hub.config.connections[kept.connection]
    journal.event(tx, id, "cancel_taken_back", hub.now_ms())
    if kept.erp_id:
        holding.tell(tx, kept, "cancel_taken_back", hub.now_ms())
        return None
    doubt = doubt_about(tx, order, approved=kept.approved)
    state = _first_state(tx, channel, order, doubt)
    orders.set_fields(tx, id, state=state, cancelled_ms=0, cancel_wanted=False)
    return None if state == "ignored" else _begun(hub, tx, id, channel, order, state, doubt)


def reconsider(hub: Hub, tx: Tx, id: int, by: str = "nervo") -> tuple[str, int] | None:
    """Looks at a held order again, after a correction; starts it when nothing is in doubt any more."""
    kept = orders.get(tx, id)
    if kept is None or kept.state not in ("held", "waiting"):
        return None
    order, channel = kept.order, hub.config.connections[kept.connection]
    if kept.state == "waiting" and order.payment_status in UNPAID:
        return None
    doubt = doubt_about(tx, order, approved=kept.approved)
    if kept.state == "waiting":
        holding.hold_goods(hub, tx, id, channel, order)
    if doubt:
        orders.set_fields(tx, id, state="held")
        _held(hub, tx, id, kept.connection, order, doubt)
        return None
    orders.set_fields(tx, id, state="received")
    journal.close(tx, kept.connection, "order", kept.external_id, by)
    journal.event(tx, id, "order_released", hub.now_ms(), by)
    return hub.want(tx, "place_order", id)


async def read_hinted(hub: Hub, channel: ConnectionConfig) -> int:
    """Fetches the orders that webhooks hinted at, several at a time, as fast as the channel's pace allows; how many."""
    due = await hub.db.read(lambda tx: refresh.due(tx, channel.name, "order", hub.due_ms(), AT_ONCE))
    for failure in await asyncio.gather(*(_read(hub, channel, item) for item in due), return_exceptions=True):
        if failure:
            raise failure
    return len(due)


async def _read(hub: Hub, channel: ConnectionConfig, item: refresh.Due) -> None:
    name = channel.name
    try:
        order = await hub.remotes[name].call("order", item.key)
        _start(hub, await _taken(hub, channel, item, order))
    except NotFound:
        await hub.db.write(partial(_missing, hub, name=name, item=item))
    except NervoError as error:
        await hub.db.write(partial(_unread, hub, name=name, item=item, error=error))


async def _taken(hub: Hub, channel: ConnectionConfig, item: refresh.Due, order: Order) -> tuple[str, int] | None:
    """Keeps it. Raises Misunderstood where that fails, whatever the reason, so that one order stops no other."""
    try:
        return await hub.db.write(partial(_take, hub, channel=channel, item=item, order=order))
    except NervoError:
        raise
    except Exception as bug:
        log.exception("order_not_kept", channel=channel.name, order=item.key)
        raise Misunderstood(f"keeping order {item.key}", repr(bug)) from bug


def _take(hub: Hub, tx: Tx, channel: ConnectionConfig, item: refresh.Due, order: Order) -> tuple[str, int] | None:
    refresh.read(tx, channel.name, "order", [item])
    return accept(hub, tx, channel, order, item.found_by)


def _missing(hub: Hub, tx: Tx, name: str, item: refresh.Due) -> None:
    """A notice may come before the shop can show its order: it is asked for again, in the end of a person."""
    if item.attempts < MISSING_ATTEMPTS:
        _again(hub, tx, name, item, "not there")
        return
    refresh.read(tx, name, "order", [item])
    kept = orders.by_external(tx, name, item.key)
    if kept is None or kept.state in LIVE:  # what was cancelled or ignored may well be deleted
        fix = "Look for it at the channel; if it was deleted there, cancel it in the ERP too."
        journal.problem(
            tx, "order_missing", name, "order", item.key, hub.now_ms(), order_id=kept.id if kept else 0, fix=fix
        )


def _again(hub: Hub, tx: Tx, name: str, item: refresh.Due, error: str) -> None:
    pause_s = min(60.0, 0.5 * 2.0 ** min(7, item.attempts))
    refresh.postponed(tx, name, "order", [item.key], hub.due_ms() + int(1000 * pause_s), error)


def _unread(hub: Hub, tx: Tx, name: str, item: refresh.Due, error: NervoError) -> None:
    _again(hub, tx, name, item, str(error))
    if isinstance(error, Misunderstood):
        journal.problem(
            tx,
            "unreadable_order",
            name,
            "order",
            item.key,
            hub.now_ms(),
            said=error.said,
            owner="developer",
            fix="Send the raw exchange to the connector's developer; it is retried by itself.",
        )


async def start_point(hub: Hub, channel: ConnectionConfig) -> None:
    """Where a channel's orders start for us: at the newest place the first time we ask. What was placed before it is not ours; what
    comes later is never lost, though it came while we were away. An empty shop starts a day ago, which cannot hide anything."""
    name = channel.name
    if await hub.db.read(lambda tx: operations.cursor(tx, name, "orders")):
        return
    page = await hub.remotes[name].call("orders", None)
    newest = (page.next or Cursor(hub.clock.now() - timedelta(days=1))).not_after(hub.clock.now())
    at, there = newest.rewound(OVERLAP_S), list[Order]()
    for _ in range(MAX_PAGES):
        page = await hub.remotes[name].call("orders", at)
        there += [order for order in page.items if _was_there(hub, order, newest)]
        if not page.more or page.next == at:
            break
        at = page.next

    def note(tx: Tx) -> None:
        operations.set_cursor(tx, name, "orders", newest, hub.now_ms())
        operations.set_cursor(tx, name, "orders_start", Cursor(newest.at), hub.now_ms())
        for order in there:
            _pass_over(hub, tx, channel, order)

    await hub.db.write(note)


def _was_there(hub: Hub, order: Order, newest: Cursor) -> bool:
    """Whether it is older than the start. One of the very second in which we asked may be newer: rather ours than lost."""
    settled = (hub.clock.now() - newest.at).total_seconds() > SAME_MOMENT_S
    return order.placed_at < newest.at or (order.placed_at == newest.at and (settled or order.external_id == newest.id))


def _before_start(tx: Tx, channel: str, order: Order) -> bool:
    start = operations.cursor(tx, channel, "orders_start")
    return start is not None and order.placed_at < start.at


async def sweep(hub: Hub, channel: ConnectionConfig) -> int:
    """Reads orders by the channel's own order of change, with overlap; how many were new or newer."""
    name, news = channel.name, 0
    await start_point(hub, channel)
    cursor = await hub.db.read(lambda tx: operations.cursor(tx, name, "orders"))
    at = cursor.rewound(OVERLAP_S) if cursor else None
    for _ in range(MAX_PAGES):
        page = await hub.remotes[name].call("orders", at)
        started, again = await hub.db.write(partial(_take_page, hub, channel=channel, page=page, since=cursor))
        news += len(started)
        for flow in started:
            _start(hub, flow)
        if again:
            hub.ring(f"orders:{name}")
        if not page.more or page.next == at:
            break
        at = page.next
    return news


def _take_page(
    hub: Hub, tx: Tx, channel: ConnectionConfig, page: Page[Order], since: Cursor | None
) -> tuple[list[tuple[str, int]], list[str]]:
    """Keeps what can be kept; the flows to start, and the orders that are to be asked for alone, where each becomes a problem
    of its own."""
    found, broken = each(page.items, lambda order: accept(hub, tx, channel, order, "sweep"))
    for order, error in broken:
        log.error("order_not_kept", channel=channel.name, order=order.external_id, error=repr(error))
    again = [*page.unreadable, *(order.external_id for order, _ in broken)]
    if again:
        refresh.want(tx, channel.name, "order", again, "sweep", hub.now_ms(), patient=True)
    if page.next and (since is None or page.next.at >= since.at):
        operations.set_cursor(tx, channel.name, "orders", page.next.not_after(hub.clock.now()), hub.now_ms())
    return [flow for flow in found if flow], again


def _start(hub: Hub, flow: tuple[str, int] | None) -> None:
    hub.ring_publishers("stock")
    if flow:
        hub.start_flow(*flow)


def payable(order: Order) -> Decimal:
    """What the channel has been paid."""
    return sum((p.amount for p in order.payments if p.status is PaymentStatus.PAID), Decimal(0))
