"""A shop's orders: the feed, the money, shipments and cancellations."""

from decimal import Decimal

import pytest

from nervo.errors import Misunderstood, NotFound, Rejected, Unsupported
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.orders import Charge, Order, OrderLine, OrderStatus, sum_of_parts
from nervo.model.parties import Address, FiscalData
from nervo.model.payments import PaymentStatus
from nervo.testing.shop_world import ShopWorld

MANY = 130
PARCEL = Fulfilment("OUT-1", carrier="BRT", tracking_number="0123456789", tracking_url="https://example.com/0123456789")
COMPANY = FiscalData(vat_number="IT07643520567", sdi_code="ABCDEF1", pec="fatture@example.it", wants_invoice=True)
BUYER = Address("Niccolò D’Agata", "", "Via dell’Università 7", "", "95131", "Catania", "CT", "IT", "+39 095 000000")
NASTY = [("MUG-1", 3), ("SHIRT-S", 7), ("SHIRT-M", 11)]


class ShopOrders:
    """Tests of what the shop sold."""

    # The feed

    async def test_the_feed_starts_at_now_without_items(self, world: ShopWorld) -> None:
        world.sell(("MUG-1", 1))
        page = await world.port.orders(None)
        assert page.items == () and page.next is not None and not page.more
        assert (await world.feed(page.next))[0] == []

    async def test_the_feed_of_an_empty_shop_has_a_place_to_start(self, world: ShopWorld) -> None:
        start = (await world.port.orders(None)).next
        assert start is not None
        order = world.sell(("MUG-1", 1))
        assert [o.external_id for o in (await world.feed(start))[0]] == [order]

    async def test_the_feed_gives_every_order_once_oldest_first(self, world: ShopWorld) -> None:
        start = (await world.port.orders(None)).next
        placed = []
        for n in range(MANY):
            placed.append(world.simulator.place_order([("MUG-1", 1)], email=f"buyer{n}@example.com"))
            world.clock.advance(1 if n % 3 == 2 else 0)
        world.clock.advance(5)
        found, _ = await world.feed(start)
        assert sorted(o.external_id for o in found) == sorted(placed)
        assert [o.updated_at for o in found] == sorted(o.updated_at for o in found)

    async def test_the_feed_goes_on_after_its_cursor_in_another_process(self, world: ShopWorld) -> None:
        start = (await world.port.orders(None)).next
        first = world.sell(("MUG-1", 1))
        found, reached = await world.feed(start)
        assert [o.external_id for o in found] == [first]
        second = world.sell(("MUG-1", 1))
        later, last = await world.feed(reached, world.connect())
        assert [o.external_id for o in later] == [second]
        assert (await world.feed(last))[0] == []

    async def test_an_order_that_nobody_can_read_stops_no_other_and_is_named(self, world: ShopWorld) -> None:
        start = (await world.port.orders(None)).next
        bad = world.sell(("MUG-1", 1))
        world.clock.advance(2)
        fine = world.sell(("MUG-1", 1))
        world.verb("garble")(bad)
        world.clock.advance(5)
        page = await world.port.orders(start)
        assert ([o.external_id for o in page.items], page.unreadable) == ([fine], (bad,))
        with pytest.raises(Misunderstood):
            await world.port.order(bad)
        assert page.next is not None
        assert (await world.port.orders(page.next)).unreadable == ()

    async def test_an_order_that_changes_comes_again_with_a_later_version(self, world: ShopWorld) -> None:
        order = world.sell(("MUG-1", 1))
        before, start = await world.port.order(order), (await world.port.orders(None)).next
        world.clock.advance(2)
        world.simulator.cancel(order)
        world.clock.advance(2)
        (after,) = (await world.feed(start))[0]
        assert (after.external_id, after.status) == (order, OrderStatus.CANCELLED)
        assert after.version > before.version

    # One order

    async def test_an_order_that_is_not_there_is_not_found(self, world: ShopWorld) -> None:
        with pytest.raises(NotFound):
            await world.port.order("999999999")

    async def test_an_order_has_what_was_bought_by_whom(self, world: ShopWorld) -> None:
        number = world.sell(("MUG-1", 2), ("SHIRT-S", 1), email="niccolo@example.com", address=BUYER)
        order: Order = await world.port.order(number)
        assert [(line.sku, line.quantity) for line in order.lines] == [("MUG-1", Decimal(2)), ("SHIRT-S", Decimal(1))]
        assert order.customer.email == "niccolo@example.com"
        for field in ("street", "postal_code", "city", "country"):
            assert getattr(order.shipping, field) == getattr(BUYER, field)
        assert "Niccolò" in order.shipping.name
        assert order.number and order.currency == (await world.port.check()).currency

    async def test_its_times_are_aware_and_its_amounts_decimal(self, world: ShopWorld) -> None:
        order = await world.port.order(world.sell(*NASTY))
        times = [order.placed_at, order.updated_at, *(p.paid_at for p in order.payments if p.paid_at)]
        assert {t.utcoffset() is None for t in times} == {False}
        parts = [*order.lines, *order.charges]
        amounts = [order.total_gross, order.total_tax] + [
            a for p in parts for a in (p.total_net, p.total_tax, p.total_gross)
        ]
        assert {type(a) for a in amounts} == {Decimal}
        assert {type(line.quantity) for line in order.lines} == {Decimal}

    @pytest.mark.parametrize(
        "lines", [NASTY, [("SHIRT-M", 1)], [("SHIRT-S", 3)]], ids=["many", "half a cent", "thirds"]
    )
    async def test_an_order_adds_up_to_the_cent(self, world: ShopWorld, lines: list[tuple[str, int]]) -> None:
        number = world.sell(*lines, shipping_gross=Decimal("4.99"))
        order: Order = await world.port.order(number)
        parts: tuple[OrderLine | Charge, ...] = (*order.lines, *order.charges)
        for part in parts:
            assert part.total_net + part.total_tax == part.total_gross
            assert part.total_gross == part.total_gross.quantize(Decimal("0.01"))
        assert sum_of_parts(order) == order.total_gross
        assert sum((p.total_tax for p in parts), Decimal(0)) == order.total_tax
        if (await world.port.check()).prices_include_tax:
            goods = sum((world.simulator.price(sku) * n for sku, n in lines), Decimal(0))
            assert order.total_gross == goods + Decimal("4.99")

    async def test_fiscal_data_comes_as_the_customer_gave_it(self, world: ShopWorld) -> None:
        fiscal = (await world.port.order(world.sell(("MUG-1", 1), fiscal=COMPANY))).customer.fiscal
        assert (fiscal.vat_number, fiscal.sdi_code, fiscal.pec) == (COMPANY.vat_number, COMPANY.sdi_code, COMPANY.pec)

    async def test_an_unpaid_order_is_paid_when_it_is_paid(self, world: ShopWorld) -> None:
        number = world.sell(("MUG-1", 1), paid=False)
        assert (await world.port.order(number)).payment_status in (PaymentStatus.PENDING, PaymentStatus.AUTHORISED)
        world.simulator.pay(number)
        order = await world.port.order(number)
        assert order.payment_status is PaymentStatus.PAID
        assert sum(p.amount for p in order.payments) == order.total_gross

    async def test_a_partial_refund_is_told_to_the_cent(self, world: ShopWorld) -> None:
        world.needs("refunds")
        number = world.sell(("MUG-1", 2))
        world.simulator.refund(number, Decimal("7.77"))
        order: Order = await world.port.order(number)
        assert [r.amount for r in order.refunds] == [Decimal("7.77")]
        assert order.payment_status is PaymentStatus.PARTIALLY_REFUNDED

    async def test_an_unknown_status_stays_unknown_with_its_raw_code(self, world: ShopWorld) -> None:
        number = world.sell(("MUG-1", 1))
        world.verb("set_raw_status")(number, "in-quarantena")
        order: Order = await world.port.order(number)
        assert "unknown" in (order.status, order.payment_status, order.fulfilment_status)
        assert "in-quarantena" in order.raw_status.lower()

    # Shipping

    async def test_fulfilling_twice_is_one_fulfilment(self, world: ShopWorld) -> None:
        number = world.sell(("MUG-1", 2))
        made = await world.port.fulfil(number, PARCEL, "ship/1")
        assert await world.port.fulfil(number, PARCEL, "ship/1") == made
        assert await world.connect().fulfil(number, PARCEL, "ship/1") == made
        (one,) = world.simulator.fulfilments(number)
        assert (one["carrier"], one["tracking_number"]) == ("BRT", PARCEL.tracking_number)
        order: Order = await world.port.order(number)
        assert order.fulfilment_status is FulfilmentStatus.FULFILLED
        assert [f.tracking_number for f in order.fulfilments] == [PARCEL.tracking_number]

    async def test_a_part_of_an_order_leaves_first(self, world: ShopWorld) -> None:
        number = world.sell(("MUG-1", 3), ("SHIRT-S", 1))
        part = Fulfilment("OUT-1", (ShippedLine("MUG-1", Decimal(2)),), "BRT", "T-1")
        await world.port.fulfil(number, part, "ship/1")
        assert (await world.port.order(number)).fulfilment_status is FulfilmentStatus.PARTIALLY_FULFILLED
        rest = Fulfilment("OUT-2", (ShippedLine("MUG-1", Decimal(1)), ShippedLine("SHIRT-S", Decimal(1))), "GLS", "T-2")
        await world.port.fulfil(number, rest, "ship/2")
        order: Order = await world.port.order(number)
        assert order.fulfilment_status is FulfilmentStatus.FULFILLED
        assert sorted(f["tracking_number"] for f in world.simulator.fulfilments(number)) == ["T-1", "T-2"]

    async def test_with_nothing_left_to_ship_it_is_rejected(self, world: ShopWorld) -> None:
        number = world.sell(("MUG-1", 1))
        await world.port.fulfil(number, PARCEL, "ship/1")
        with pytest.raises(Rejected) as refused:
            await world.port.fulfil(number, Fulfilment("OUT-9", carrier="GLS", tracking_number="OTHER"), "ship/9")
        assert refused.value.code == "nothing_to_fulfil"
        assert len(world.simulator.fulfilments(number)) == 1

    async def test_an_order_that_is_not_there_cannot_be_shipped(self, world: ShopWorld) -> None:
        with pytest.raises(NotFound):
            await world.port.fulfil("999999999", PARCEL, "ship/1")

    # Cancelling

    async def test_cancelling_twice_gives_the_stock_back_once(self, world: ShopWorld) -> None:
        world.needs("cancel")
        number = world.sell(("MUG-1", 2))
        assert world.simulator.quantity("MUG-1") == 5
        for _ in range(2):
            order = await world.port.cancel_order(number, "")
            assert order.status is OrderStatus.CANCELLED
        assert world.simulator.quantity("MUG-1") == 7

    async def test_what_has_been_shipped_cannot_be_cancelled(self, world: ShopWorld) -> None:
        world.needs("cancel")
        number = world.sell(("MUG-1", 1))
        await world.port.fulfil(number, PARCEL, "ship/1")
        with pytest.raises(Rejected):
            await world.port.cancel_order(number, "")
        assert (await world.port.order(number)).status is not OrderStatus.CANCELLED

    async def test_without_cancel_it_is_unsupported_before_any_call(self, world: ShopWorld) -> None:
        world.lacks("cancel")
        number, calls = world.sell(("MUG-1", 1)), len(world.exchanges)
        with pytest.raises(Unsupported):
            await world.port.cancel_order(number, "")
        assert len(world.exchanges) == calls
