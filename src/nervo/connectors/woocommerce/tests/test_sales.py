"""Orders, shipments and cancellations over HTTP with the simulated shop."""

from decimal import Decimal
from typing import Any

import pytest

from nervo.connectors.woocommerce import sales
from nervo.connectors.woocommerce.connector import WooCommerce
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.errors import Misunderstood, NotFound, OutcomeUnknown, Rejected
from nervo.kit.clock import ManualClock
from nervo.kit.simulator import Fault, FaultKind
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.orders import OrderStatus, sum_of_parts
from nervo.model.parties import FiscalData
from nervo.model.payments import PaymentStatus
from nervo.ports.common import Cursor

BOTH = [("MUG-1", 2), ("SHIRT-S", 1)]


async def read_all(woo: WooCommerce, at: Cursor | None) -> tuple[list[str], Cursor | None]:
    found: list[str] = []
    for _ in range(50):
        page = await woo.orders(at)
        found, at = found + [order.external_id for order in page.items], page.next
        if not page.more:
            return found, at
    raise AssertionError("the feed does not end")


def sent(carrier: str, number: str, *lines: tuple[str, int]) -> Fulfilment:
    shipped = tuple(ShippedLine(sku, Decimal(n)) for sku, n in lines)
    return Fulfilment("OUT-1", shipped, carrier, number, f"https://t.example/{number}")


async def test_an_empty_shop_begins_a_little_ago_and_a_full_one_at_its_newest(
    shop: Simulator, woo: WooCommerce, clock: ManualClock
) -> None:
    empty = await woo.orders(None)
    assert empty.items == () and not empty.more and empty.next and (clock.now() - empty.next.at).total_seconds() == 60
    first = shop.place_order(BOTH, email="a@example.it")
    assert (await read_all(woo, empty.next))[0] == [first]
    second = shop.place_order(BOTH, email="a@example.it")
    page = await woo.orders(None)
    assert page.items == () and page.next and page.next.id == second
    assert (await read_all(woo, page.next))[0] == []


async def test_every_order_comes_once_and_again_when_it_changed(
    shop: Simulator, woo: WooCommerce, clock: ManualClock
) -> None:
    start = (await woo.orders(None)).next
    placed = []
    for i in range(250):
        placed.append(shop.place_order([("MUG-1", 1)], email=f"{i}@example.it"))
        clock.advance(1 if i % 7 == 0 else 0)
    found, at = await read_all(woo, start)
    assert found == placed
    assert (await read_all(woo, at))[0] == []
    clock.advance(5)
    shop.cancel(placed[3])
    assert (await read_all(woo, at))[0] == [placed[3]]


async def test_seven_hundred_orders_in_one_second_all_come(
    shop: Simulator, woo: WooCommerce, clock: ManualClock
) -> None:
    start = (await woo.orders(None)).next
    placed = [shop.place_order([("MUG-1", 1)], email="a@example.it") for _ in range(700)]
    clock.advance(1)
    placed.append(shop.place_order([("MUG-1", 1)], email="a@example.it"))
    found, at = await read_all(woo, start)
    assert found == placed
    assert (await read_all(woo, Cursor(at.at) if at else None))[0] == placed[-1:]


@pytest.mark.fault(46)
async def test_orders_that_change_while_pages_are_read_are_not_lost(
    shop: Simulator, woo: WooCommerce, clock: ManualClock, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sales, "PAGE", 5)
    start = (await woo.orders(None)).next
    placed = []
    for _ in range(12):
        placed.append(shop.place_order([("MUG-1", 1)], email="a@example.it"))
        clock.advance(1)
    first = await woo.orders(start)
    shop.cancel(placed[0])
    shop.cancel(placed[1])
    rest, _ = await read_all(woo, first.next)
    assert {o.external_id for o in first.items} | set(rest) == set(placed)
    assert rest[-2:] == placed[:2]


async def test_drafts_and_the_trash_are_no_orders_but_do_not_stop_the_feed(
    shop: Simulator, woo: WooCommerce, clock: ManualClock
) -> None:
    start = (await woo.orders(None)).next
    draft = shop.orders.create({"status": "checkout-draft"})
    placed = shop.place_order(BOTH, email="a@example.it")
    shop.orders.delete(int(shop.place_order(BOTH, email="a@example.it")), force=False)
    clock.advance(1)
    found, at = await read_all(woo, start)
    assert found == [placed] and draft["id"]
    assert at and at.id == placed


async def test_an_order_adds_up_and_has_its_fiscal_data(shop: Simulator, woo: WooCommerce) -> None:
    fiscal = FiscalData("01234567890", "01234567890", "ABC1234", "a@pec.example.it", wants_invoice=True)
    id = shop.place_order(BOTH, email="a@example.it", shipping_gross=Decimal("4.90"), fiscal=fiscal)
    order = await woo.order(id)
    assert (order.total_gross, sum_of_parts(order)) == (Decimal("54.70"), Decimal("54.70"))
    assert (order.customer.fiscal, order.customer.email) == (fiscal, "a@example.it")
    assert order.payment_status is PaymentStatus.PAID
    assert [shop.quantity(sku) for sku in ("MUG-1", "SHIRT-S")] == [5, 1]


async def test_an_unpaid_order_is_pending_until_it_is_paid(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it", paid=False)
    before = await woo.order(id)
    shop.pay(id)
    after = await woo.order(id)
    assert (before.payment_status, after.payment_status) == (PaymentStatus.PENDING, PaymentStatus.PAID)
    assert after.version > before.version, "also within one second"


async def test_refunds_are_read_with_their_lines(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    line = shop.orders.get(int(id))["line_items"][0]["id"]
    shop.orders.refund(int(id), Decimal("19.90"), "rotta", [{"id": line, "quantity": 1}])
    order = await woo.order(id)
    (refund,) = order.refunds
    assert (refund.amount, refund.lines[0].sku, refund.lines[0].quantity) == (Decimal("19.90"), "MUG-1", 1)
    assert order.payment_status is PaymentStatus.PARTIALLY_REFUNDED
    shop.refund(id, order.total_gross - refund.amount)
    assert (await woo.order(id)).payment_status is PaymentStatus.REFUNDED


async def test_an_order_that_is_not_there(woo: WooCommerce) -> None:
    with pytest.raises(NotFound):
        await woo.order("99999")
    with pytest.raises(NotFound):
        await woo.cancel_order("99999", "")


async def test_two_shipments_complete_the_order(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    assert await woo.fulfil(id, sent("BRT", "T1", ("MUG-1", 2)), "key-1") == "key-1"
    part = await woo.order(id)
    assert (part.status, part.fulfilment_status) == (OrderStatus.OPEN, FulfilmentStatus.PARTIALLY_FULFILLED)
    assert await woo.fulfil(id, sent("GLS", "T2", ("SHIRT-S", 1)), "key-2") == "key-2"
    whole = await woo.order(id)
    assert (whole.status, whole.fulfilment_status) == (OrderStatus.COMPLETED, FulfilmentStatus.FULFILLED)
    assert shop.fulfilments(id) == [
        {"carrier": "BRT", "tracking_number": "T1", "lines": [("MUG-1", 2)]},
        {"carrier": "GLS", "tracking_number": "T2", "lines": [("SHIRT-S", 1)]},
    ]
    assert [n["note"] for n in shop.orders.notes[int(id)]] == [
        "BRT T1 https://t.example/T1",
        "GLS T2 https://t.example/T2",
    ]


async def test_a_shipment_told_twice_is_recorded_once(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    for match in (f"POST /wp-json/wc/v3/orders/{id}", f"POST /wp-json/wc/v3/orders/{id}/notes"):
        shop.faults.append(Fault(FaultKind.LOST_REPLY, match))
        with pytest.raises(OutcomeUnknown):
            await woo.fulfil(id, sent("BRT", "T1"), "key-1")
    assert await woo.fulfil(id, sent("BRT", "T1"), "key-1") == "key-1"
    assert await woo.fulfil(id, sent("BRT", "T1"), "another-key") == "key-1"
    assert len(shop.fulfilments(id)) == 1
    assert len(shop.orders.notes[int(id)]) == 1


async def test_nothing_left_to_ship_is_refused(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    await woo.fulfil(id, sent("BRT", "T1"), "key-1")
    with pytest.raises(Rejected) as raised:
        await woo.fulfil(id, sent("BRT", "T9"), "key-9")
    assert raised.value.code == "nothing_to_fulfil"
    other = shop.place_order(BOTH, email="a@example.it")
    shop.cancel(other)
    with pytest.raises(Rejected):
        await woo.fulfil(other, sent("BRT", "T1"), "key-1")


async def test_what_was_refunded_need_not_leave(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    line = shop.orders.get(int(id))["line_items"][1]["id"]
    shop.orders.refund(int(id), Decimal("10"), "", [{"id": line, "quantity": 1}])
    await woo.fulfil(id, sent("BRT", "T1", ("MUG-1", 2)), "key-1")
    assert (await woo.order(id)).status is OrderStatus.COMPLETED


async def test_another_plug_ins_tracking_is_kept(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    theirs = {"tracking_provider": "poste", "tracking_number": "P1", "date_shipped": "1795490839", "tracking_id": "abc"}
    shop.orders.update(int(id), {"meta_data": [{"key": "_wc_shipment_tracking_items", "value": [theirs]}]})
    await woo.fulfil(id, sent("BRT", "T1", ("MUG-1", 1)), "key-1")
    assert [(f.external_id, f.carrier) for f in (await woo.order(id)).fulfilments] == [
        ("key-1", "BRT"),
        ("abc", "poste"),
    ]


async def test_cancelling_gives_stock_back_once(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    for _ in range(2):
        assert (await woo.cancel_order(id, "il cliente ci ha ripensato")).status is OrderStatus.CANCELLED
    assert shop.quantity("MUG-1") == 7
    assert len(shop.orders.notes[int(id)]) == 1


async def test_what_has_left_cannot_be_cancelled(shop: Simulator, woo: WooCommerce) -> None:
    id = shop.place_order(BOTH, email="a@example.it")
    await woo.fulfil(id, sent("BRT", "T1", ("MUG-1", 1)), "key-1")
    with pytest.raises(Rejected) as raised:
        await woo.cancel_order(id, "")
    assert raised.value.code == "already_shipped"


async def test_a_page_of_html_is_misunderstood(shop: Simulator, woo: WooCommerce) -> None:
    shop.faults.append(Fault(FaultKind.GARBAGE, "GET /wp-json/wc/v3/orders"))
    with pytest.raises(Misunderstood):
        await woo.orders(Cursor(shop.clock.now()))
