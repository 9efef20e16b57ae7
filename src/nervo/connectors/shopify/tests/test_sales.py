"""Orders in, fulfilments and cancellations out."""

from datetime import timedelta
from decimal import Decimal

import pytest

from nervo.connectors.shopify import sales
from nervo.connectors.shopify.tests.conftest import World
from nervo.errors import Misunderstood, NotFound, OutcomeUnknown, Rejected
from nervo.kit.simulator import Fault, FaultKind
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.orders import OrderStatus, sum_of_parts
from nervo.model.payments import PaymentStatus
from nervo.ports.common import Cursor


def shipped(sku: str, quantity: int, tracking: str = "TRK-1") -> Fulfilment:
    return Fulfilment("OUT-1", (ShippedLine(sku, Decimal(quantity)),), "BRT", tracking)


async def test_an_order_adds_up_and_takes_stock_by_itself(world: World) -> None:
    fiscal = {"vat_number": "01234567897"}
    id = world.simulator.place_order(
        [("SKU-1", 2)], email="è@example.com", shipping_gross=Decimal("5.90"), fiscal=fiscal
    )
    order = await world.shop.order(id)
    assert sum_of_parts(order) == order.total_gross == Decimal("25.90")
    assert (order.payment_status, order.customer.fiscal.vat_number) == (PaymentStatus.PAID, "01234567897")
    assert world.simulator.quantity("SKU-1") == 3


async def test_net_prices_add_up_too(world: World) -> None:
    world.simulator.books.taxes_included = False
    order = await world.shop.order(world.simulator.place_order([("SKU-1", 3)], shipping_gross=Decimal("6.10")))
    assert (order.lines[0].total_net, order.lines[0].total_gross) == (Decimal(30), Decimal("36.60"))
    assert sum_of_parts(order) == order.total_gross == Decimal("42.70")


async def test_a_long_order_comes_with_all_its_lines(world: World) -> None:
    order = await world.shop.order(world.simulator.place_order([("SKU-1", 1)] * 130))
    assert len({line.line_id for line in order.lines}) == 130


async def test_the_first_time_only_the_place_is_read(world: World) -> None:
    world.simulator.place_order([("SKU-1", 1)])
    page = await world.shop.orders(None)
    assert (page.items, page.more) == ((), False)
    assert (await world.shop.orders(page.next)).items == ()
    new = world.simulator.place_order([("SKU-1", 1)])
    assert [o.external_id for o in (await world.shop.orders(page.next)).items] == [new]


async def test_an_empty_shop_misses_nothing_that_comes_at_once(world: World) -> None:
    page = await world.shop.orders(None)
    new = world.simulator.place_order([("SKU-1", 1)])
    assert [o.external_id for o in (await world.shop.orders(page.next)).items] == [new]


@pytest.mark.fault(46)
async def test_pages_end_between_seconds_so_that_none_is_missed_or_told_twice(world: World) -> None:
    """Within one second Shopify's order is not by id; the simulator's is backwards."""
    start = Cursor(world.clock.now() - timedelta(seconds=1))
    placed = []
    for _ in range(8):
        placed += [world.simulator.place_order([("SKU-1", 1)]) for _ in range(7)]
        world.clock.advance(1)
    world.shop.client.page["Orders"] = 5
    read, cursor, more, pages = [], start, True, 0
    while more:
        page = await world.shop.orders(cursor)
        assert page.next
        read += [o.external_id for o in page.items]
        cursor, more, pages = page.next, page.more, pages + 1
    assert read == placed
    assert pages > 3


async def test_a_second_with_more_orders_than_can_be_read_is_an_error_and_no_endless_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sales, "MOST_PAGES", 3)
    for _ in range(30):
        world.simulator.place_order([("SKU-1", 1)])
    world.shop.client.page["Orders"] = 5
    with pytest.raises(Misunderstood, match="in one second"):
        await world.shop.orders(Cursor(world.clock.now()).rewound(1))


async def test_a_changed_order_comes_again(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 1)], paid=False)
    cursor = (await world.shop.orders(None)).next
    world.clock.advance(1)
    world.simulator.pay(id)
    (order,) = (await world.shop.orders(cursor)).items
    assert (order.external_id, order.payment_status) == (id, PaymentStatus.PAID)


async def test_an_order_that_is_not_there_is_not_found(world: World) -> None:
    for call in (
        world.shop.order("404"),
        world.shop.fulfil("404", shipped("SKU-1", 1), "k"),
        world.shop.cancel_order("404", ""),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_part_and_then_the_rest_are_fulfilled_with_tracking(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 2), ("SKU-2", 1)])
    first = await world.shop.fulfil(id, shipped("SKU-1", 1), "k")
    assert (await world.shop.order(id)).fulfilment_status is FulfilmentStatus.PARTIALLY_FULFILLED
    rest = await world.shop.fulfil(id, Fulfilment("OUT-2", (), "GLS", "TRK-2"), "k")
    assert first != rest
    assert world.simulator.fulfilments(id) == [
        {"carrier": "BRT", "tracking_number": "TRK-1", "lines": [("SKU-1", 1)]},
        {"carrier": "GLS", "tracking_number": "TRK-2", "lines": [("SKU-1", 1), ("SKU-2", 1)]},
    ]


async def test_a_fulfilment_whose_reply_was_lost_is_found_by_its_tracking_number(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 2)])
    world.simulator.faults.append(Fault(FaultKind.LOST_REPLY, "graphql.json", after=1))
    with pytest.raises(OutcomeUnknown):
        await world.shop.fulfil(id, shipped("SKU-1", 1), "k")
    again = await world.shop.fulfil(id, shipped("SKU-1", 1), "k")
    assert [f["tracking_number"] for f in world.simulator.fulfilments(id)] == ["TRK-1"]
    assert again == (await world.shop.order(id)).fulfilments[0].external_id


async def test_nothing_left_to_fulfil_is_said(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 1)])
    await world.shop.fulfil(id, shipped("SKU-1", 1), "k")
    with pytest.raises(Rejected, match="nothing_to_fulfil"):
        await world.shop.fulfil(id, shipped("SKU-1", 1, "TRK-2"), "k")


async def test_a_line_beyond_the_first_page_is_fulfilled(world: World) -> None:
    id = world.simulator.place_order([*[("SKU-1", 1)] * 120, ("SKU-2", 1)])
    await world.shop.fulfil(id, shipped("SKU-2", 1), "k")
    assert world.simulator.fulfilments(id)[0]["lines"] == [("SKU-2", 1)]


async def test_cancelling_gives_the_stock_back_and_may_be_repeated(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 2)])
    for _ in range(2):
        order = await world.shop.cancel_order(id, "customer")
        assert (order.status, order.cancel_reason) == (OrderStatus.CANCELLED, "CUSTOMER")
    assert world.simulator.quantity("SKU-1") == 5


async def test_a_cancellation_that_shopify_has_not_finished_is_an_unknown_outcome(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 2)])
    world.simulator.books.slow_jobs = []
    with pytest.raises(OutcomeUnknown):
        await world.shop.cancel_order(id, "")
    world.simulator.books.finish_jobs()
    assert (await world.shop.cancel_order(id, "")).status is OrderStatus.CANCELLED


async def test_what_was_shipped_is_not_cancelled(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 1)])
    await world.shop.fulfil(id, shipped("SKU-1", 1), "k")
    with pytest.raises(Rejected, match="fulfilled items"):
        await world.shop.cancel_order(id, "")


async def test_a_refund_stands_beside_the_order(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 2)])
    world.simulator.refund(id, Decimal("5.00"))
    order = await world.shop.order(id)
    assert ([r.amount for r in order.refunds], order.total_gross) == ([Decimal("5.0")], Decimal("20.0"))
    assert order.payment_status is PaymentStatus.PARTIALLY_REFUNDED
