"""What an order takes from stock, from when it is accepted; and what it is at its channel when that changes afterwards."""

from collections import Counter
from decimal import Decimal

from nervo.model.orders import Order
from nervo.rules.config import ConnectionConfig
from nervo.store import facts, holds, journal, orders
from nervo.store.database import Tx
from nervo.store.orders import Kept
from nervo.store.ticks import tick
from nervo.sync.context import Hub

FIXES = {
    "order_edited": "Change the sale in the ERP in the same way.",
    "cancel_taken_back": "Write it in the ERP by hand, or cancel it at the channel.",
}


def hold_goods(hub: Hub, tx: Tx, id: int, channel: ConnectionConfig, order: Order) -> None:
    sold = [line for line in order.lines if line.sku and not line.gift_card]
    warehouse = channel.orders.warehouse or (channel.stock.warehouses[0] if channel.stock.warehouses else "")
    fullest = {} if warehouse else facts.fullest_warehouse(tx, [line.sku for line in sold if line.sku])
    lines = [(line.sku, warehouse or fullest.get(line.sku, ""), line.quantity) for line in sold if line.sku]
    holds.place(tx, id, lines, tick(tx))
    hub.mark(tx, "stock", {sku for sku, _, _ in lines}, priority=1)


def hold_again(hub: Hub, tx: Tx, kept: Kept, channel: ConnectionConfig, why: str) -> None:
    """The goods are others now: so are the holds."""
    hub.mark(tx, "stock", set(holds.release(tx, kept.id, why)), priority=1)
    hold_goods(hub, tx, kept.id, channel, kept.order)


def bill(order: Order) -> tuple[str, Decimal, Counter[str]]:
    """What is sold for how much."""
    goods: Counter[str] = Counter()
    for line in order.lines:
        goods[line.sku or line.title] += line.quantity  # type: ignore[assignment]
    return order.currency, order.total_gross, goods


def edited(hub: Hub, tx: Tx, channel: ConnectionConfig, before: Kept) -> None:
    """Other goods than at the last reading are held instead; where the ERP has the order already, a person carries it over."""
    kept = orders.get(tx, before.id)
    if kept is None or bill(kept.order) == bill(before.order):
        return
    if kept.erp_id and not kept.cancelled_ms:
        tell(tx, kept, "order_edited", hub.now_ms())
    elif kept.state in ("received", "held"):
        hold_again(hub, tx, kept, channel, "edited")


def tell(tx: Tx, kept: Kept, code: str, now_ms: int) -> None:
    """A person decides: the ERP has it as it was before."""
    money = f"{kept.order.total_gross} {kept.order.currency}"
    values = {"erp": kept.erp_number, "now": money}
    journal.problem(
        tx, code, kept.connection, "order", kept.external_id, now_ms,
        order_id=kept.id, values=values, fix=FIXES[code], money=money,
    )  # fmt: skip
