"""Orders by cursor, fulfilments once, cancellations."""

from decimal import Decimal
from typing import Any

import pytest

from nervo.connectors.vendure.connector import Vendure
from nervo.errors import Misunderstood, NotFound, Rejected
from nervo.model.fulfilment import Fulfilment, ShippedLine
from nervo.model.orders import OrderStatus
from nervo.ports.common import Cursor


async def read_all(shop: Vendure, after: Cursor | None) -> tuple[list[str], Cursor | None]:
    found: list[str] = []
    for _ in range(50):
        page = await shop.orders(after)
        found += [order.external_id for order in page.items]
        if not page.more:
            return found, page.next
        after = page.next
    raise AssertionError("the orders do not end")


async def test_the_first_reading_says_only_where_the_shop_stands(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    page = await shop.orders(None)
    assert page.items == ()
    floor.place("2", at_s=5, A=1)
    assert (await read_all(shop, page.next))[0] == ["2"]


async def test_orders_of_one_second_all_come_and_each_once(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    start = (await shop.orders(None)).next
    for n in range(2, 253):
        floor.place(str(n), at_s=7, A=1)
    found, cursor = await read_all(shop, start)
    assert found == [str(n) for n in range(2, 253)]
    assert (await read_all(shop, cursor))[0] == []


@pytest.mark.fault(46)
async def test_an_order_of_the_cursors_own_second_with_a_higher_id_still_comes(floor: Any, shop: Vendure):
    floor.place("5", at_s=3, A=1)
    start = (await shop.orders(None)).next
    floor.place("6", at_s=3, A=1)
    assert (await read_all(shop, start))[0] == ["6"]


async def test_a_cart_is_no_order_in_a_list_or_by_its_id(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    start = (await shop.orders(None)).next
    floor.place("2", at_s=4, placed=False, state="AddingItems", A=1)
    assert (await read_all(shop, start))[0] == []
    for id in ("2", "404"):
        with pytest.raises(NotFound):
            await shop.order(id)


async def test_an_order_that_nobody_can_read_stops_no_other_and_is_named(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    start = (await shop.orders(None)).next
    floor.place("2", at_s=4, A=1)
    floor.place("3", at_s=5, A=1)
    floor.orders["2"]["totalWithTax"] = "a lot"
    page = await shop.orders(start)
    assert ([o.external_id for o in page.items], page.unreadable) == (["3"], ("2",))
    with pytest.raises(Misunderstood):
        await shop.order("2")


async def test_a_fulfilment_is_shipped_with_its_number(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=2, B=1)
    lines = (ShippedLine("A", Decimal(2)),)
    await shop.fulfil("1", Fulfilment("s1", lines, carrier="BRT", tracking_number="RR1"), "key")
    (made,) = floor.orders["1"]["fulfillments"]
    assert (made["state"], made["method"], made["trackingCode"]) == ("Shipped", "BRT", "RR1")
    assert made["lines"] == [{"orderLineId": "10", "quantity": 2}]


async def test_the_same_number_again_makes_no_second_fulfilment(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=2)
    shipment = Fulfilment("s1", (ShippedLine("A", Decimal(2)),), tracking_number="RR1")
    assert await shop.fulfil("1", shipment, "key") == await shop.fulfil("1", shipment, "key")
    assert len(floor.orders["1"]["fulfillments"]) == 1


async def test_a_fulfilment_that_was_made_but_not_shipped_is_finished(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=2)
    shipment = Fulfilment("s1", (ShippedLine("A", Decimal(2)),), tracking_number="RR1")
    await shop.fulfil("1", shipment, "key")
    floor.orders["1"]["fulfillments"][0]["state"] = "Pending"
    await shop.fulfil("1", shipment, "key")
    assert [f["state"] for f in floor.orders["1"]["fulfillments"]] == ["Shipped"]


async def test_one_sku_on_two_lines_is_spread_over_them(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=2, B=3)
    floor.orders["1"]["lines"][1]["productVariant"]["sku"] = "A"
    await shop.fulfil("1", Fulfilment("s1", (ShippedLine("A", Decimal(4)),), tracking_number="RR1"), "key")
    lines = floor.orders["1"]["fulfillments"][0]["lines"]
    assert lines == [{"orderLineId": "10", "quantity": 2}, {"orderLineId": "11", "quantity": 2}]


async def test_nothing_left_to_ship_is_told(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    await shop.fulfil("1", Fulfilment("s1", tracking_number="RR1"), "key")
    with pytest.raises(Rejected) as refused:
        await shop.fulfil("1", Fulfilment("s2", tracking_number="RR2"), "key2")
    assert refused.value.code == "nothing_to_fulfil"


async def test_a_cancellation_twice_is_one(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    assert (await shop.cancel_order("1", "")).status is OrderStatus.CANCELLED
    assert (await shop.cancel_order("1", "")).status is OrderStatus.CANCELLED
    assert floor.asked.count("cancel") == 1


async def test_an_order_that_has_left_is_not_cancelled(floor: Any, shop: Vendure):
    floor.place("1", at_s=0, A=1)
    await shop.fulfil("1", Fulfilment("s1", tracking_number="RR1"), "key")
    with pytest.raises(Rejected) as refused:
        await shop.cancel_order("1", "")
    assert refused.value.code == "already_shipped"
