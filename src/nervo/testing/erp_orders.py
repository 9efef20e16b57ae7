"""An ERP's customers and sales orders: each step once, whatever is lost on the way."""

import asyncio
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from nervo.errors import Misunderstood, NotFound, OutcomeUnknown, Rejected
from nervo.kit.simulator import FaultKind
from nervo.model.parties import Party
from nervo.ports.erp import ErpOrder, ErpOrderState, OrderDraft, OrderKey
from nervo.testing.erp_world import ErpWorld, line, payment, shipping, sold
from nervo.testing.world import Act, each_lost_reply

LATE_S = 0.3
LIVE = (ErpOrderState.CONFIRMED, ErpOrderState.DONE)


class ErpOrders:
    """Tests of the document side."""

    # Customers

    async def test_a_customer_is_found_by_email_once_there(self, world: ErpWorld) -> None:
        order = sold("1", email="bruna.è@example.com")
        assert await world.port.find_customer(order.customer) is None
        made = await world.port.create_customer(order.customer, order, "customer/1")
        assert await world.port.find_customer(order.customer) == made
        assert await world.port.find_customer(Party("Another name", "BRUNA.È@example.com".lower())) == made

    async def test_a_customer_is_not_found_by_name(self, world: ErpWorld) -> None:
        order = sold("1")
        await world.port.create_customer(order.customer, order, "customer/1")
        assert await world.port.find_customer(Party(order.customer.name, "else@example.com")) is None
        assert await world.port.find_customer(Party(order.customer.name)) is None

    async def test_creating_a_customer_twice_makes_one(self, world: ErpWorld) -> None:
        order = sold("1")
        first = await world.port.create_customer(order.customer, order, "customer/1")
        assert await world.port.create_customer(order.customer, order, "customer/1") == first

    # Writing

    async def test_an_order_that_is_not_there_is_none_or_not_found(self, world: ErpWorld) -> None:
        assert await world.port.find_order("never-written") is None
        with pytest.raises(NotFound):
            await world.port.read_order("999999999")

    async def test_an_order_is_written_as_a_draft_under_our_key(self, world: ErpWorld) -> None:
        order = sold("1", line("SHIRT-M", 3, "24.40"), line("MUG-1", 1, "0.05", 2), charges=(shipping("4.99"),))
        written = await world.written("shop-1", order)
        assert (written.key, written.state, written.currency) == ("shop-1", ErpOrderState.DRAFT, "EUR")
        assert written.updated_at.utcoffset() is not None and written.number and written.raw_state
        assert await world.port.find_order("shop-1") == await world.port.read_order(written.erp_id) == written
        assert world.simulator.figure("SHIRT-M") == 10, "a draft takes no stock"

    @pytest.mark.parametrize("unit", ["24.40", "0.05", "33.33", "9.99", "1234.57"])
    async def test_the_total_is_the_channels_to_the_cent(self, world: ErpWorld, unit: str) -> None:
        order = sold("1", line("SHIRT-M", 7, unit), line("MUG-1", 3, "0.25", 2), charges=(shipping("4.99"),))
        written = await world.written("shop-1", order)
        assert written.total_gross == order.total_gross
        (row,) = world.booked("shop-1")
        assert row["total"] == order.total_gross

    async def test_creating_an_order_twice_under_one_key_makes_one(self, world: ErpWorld) -> None:
        if world.port.capabilities.order_key is not OrderKey.UNIQUE:
            pytest.skip(f"{world.connector.name} keeps no unique key: the hub looks before it writes")
        draft = await world.draft("shop-1")
        first = await world.port.create_order(draft)
        again = await world.connect().create_order(draft)
        assert again.erp_id == first.erp_id
        assert len(world.booked("shop-1")) == 1

    async def test_a_sku_that_the_erp_does_not_have_is_rejected_and_leaves_nothing(self, world: ErpWorld) -> None:
        draft = await world.draft("shop-1", sold("1", line("NONE", 1, "1.00")))
        with pytest.raises(Rejected):
            await world.port.create_order(draft)
        assert world.booked("shop-1") == []

    # Confirming, paying, cancelling

    async def test_confirming_twice_reserves_once(self, world: ErpWorld) -> None:
        written = await world.written("shop-1")
        for _ in range(2):
            assert (await world.port.confirm_order(written.erp_id)).state in LIVE
        assert world.simulator.figure("SHIRT-M") == 8
        assert sum(f.quantity for f in await world.port.stock_of(["SHIRT-M"])) == 8

    async def test_one_payment_twice_under_one_key_is_booked_once(self, world: ErpWorld) -> None:
        world.needs("payments")
        order = sold("1")
        confirmed = await world.confirmed("shop-1", order)
        for _ in range(2):
            paid = await world.port.record_payment(confirmed.erp_id, payment(order), "pay/1")
        assert paid.paid == order.total_gross
        (row,) = world.booked("shop-1")
        assert len(row["payments"]) == 1

    async def test_two_payments_under_two_keys_are_two(self, world: ErpWorld) -> None:
        world.needs("payments")
        order = sold("1")
        confirmed = await world.confirmed("shop-1", order)
        await world.port.record_payment(confirmed.erp_id, payment(order, Decimal("10.01")), "pay/1")
        paid = await world.port.record_payment(confirmed.erp_id, payment(order, Decimal("5.02")), "pay/2")
        assert paid.paid == Decimal("15.03")

    async def test_cancelling_gives_the_stock_back_once(self, world: ErpWorld) -> None:
        world.needs("cancel")
        confirmed = await world.confirmed("shop-1")
        for _ in range(2):
            assert (await world.port.cancel_order(confirmed.erp_id)).state is ErpOrderState.CANCELLED
        assert world.simulator.figure("SHIRT-M") == 10

    async def test_a_draft_can_be_cancelled(self, world: ErpWorld) -> None:
        world.needs("cancel")
        written = await world.written("shop-1")
        assert (await world.port.cancel_order(written.erp_id)).state is ErpOrderState.CANCELLED
        assert world.simulator.figure("SHIRT-M") == 10

    async def test_what_has_been_shipped_cannot_be_cancelled(self, world: ErpWorld) -> None:
        world.needs("cancel")
        confirmed = await world.confirmed("shop-1")
        world.simulator.ship("shop-1", "T-1", "BRT")
        with pytest.raises(Rejected) as refused:
            await world.port.cancel_order(confirmed.erp_id)
        assert refused.value.code == "already_shipped"

    # What the ERP does then

    async def test_a_shipment_comes_with_carrier_and_tracking_number(self, world: ErpWorld) -> None:
        confirmed = await world.confirmed("shop-1")
        start = await world.end_of("changed_orders")
        world.clock.advance(2)
        world.simulator.ship("shop-1", "0123456789", "BRT")
        changed: dict[str, ErpOrder] = {o.erp_id: o for o in await world.all_of("changed_orders", start)}
        (shipment,) = changed[confirmed.erp_id].shipments
        assert (shipment.carrier, shipment.tracking_number) == ("BRT", "0123456789")
        assert {(x.sku, x.quantity) for x in shipment.lines} == {("SHIRT-M", Decimal(2))}
        assert shipment.external_id and (shipment.shipped_at is None or shipment.shipped_at.utcoffset() is not None)

    async def test_an_order_that_the_office_cancels_comes_in_the_feed(self, world: ErpWorld) -> None:
        confirmed = await world.confirmed("shop-1")
        start = await world.end_of("changed_orders")
        world.clock.advance(2)
        world.simulator.cancel("shop-1")
        changed = {o.erp_id: o.state for o in await world.all_of("changed_orders", start, world.connect())}
        assert changed == {confirmed.erp_id: ErpOrderState.CANCELLED}

    async def test_the_order_feed_gives_every_order_once(self, world: ErpWorld) -> None:
        keys = [f"shop-{n}" for n in range(60)]
        for key in keys:
            await world.written(key)
        found = [o.key for o in await world.all_of("changed_orders")]
        assert sorted(found) == sorted(keys)
        assert await world.all_of("changed_orders", await world.end_of("changed_orders")) == []

    async def test_an_order_that_nobody_can_read_stops_no_other_and_is_named(self, world: ErpWorld) -> None:
        bad, fine = await world.written("shop-1"), await world.written("shop-2")
        world.clock.advance(2)
        world.verb("garble")("shop-1")
        page = await world.port.changed_orders(None)
        assert ([o.erp_id for o in page.items], page.unreadable) == ([fine.erp_id], (bad.erp_id,))
        with pytest.raises(Misunderstood):
            await world.port.read_order(bad.erp_id)
        assert (await world.port.changed_orders(page.next)).unreadable == ()

    async def test_an_unknown_state_stays_unknown_with_its_raw_code(self, world: ErpWorld) -> None:
        written = await world.written("shop-1")
        world.verb("set_raw_status")("shop-1", "in_quarantena")
        read = await world.port.read_order(written.erp_id)
        assert (read.state, read.raw_state) == (ErpOrderState.UNKNOWN, "in_quarantena")

    # Lost replies

    async def test_an_order_whose_reply_was_lost_is_found_and_written_once(self, world: ErpWorld) -> None:
        keys, drafts = (f"lost-{n}" for n in count()), dict[str, OrderDraft]()

        async def subject() -> Act:
            key = next(keys)
            drafts[key] = await world.draft(key)
            return lambda: self._looked_up(world, drafts[key])

        async def once() -> None:
            assert [len(world.booked(key)) for key in drafts] == [1] * len(drafts)

        await each_lost_reply(world, subject, once)

    async def test_an_order_that_arrives_late_is_unknown_then_found(self, world: ErpWorld) -> None:
        draft = await world.draft("late-1")
        with world.fault(FaultKind.LATE, seconds=LATE_S), pytest.raises(OutcomeUnknown):
            await world.port.create_order(draft)
        assert await world.port.find_order("late-1") is None
        await asyncio.sleep(LATE_S * 1.5)
        found = await world.port.find_order("late-1")
        assert found is not None and found.total_gross == draft.order.total_gross

    async def test_a_confirmation_whose_reply_was_lost_reserves_once(self, world: ErpWorld) -> None:
        await self._once_each(world, "confirm_order", lambda: Decimal(2))

    async def test_a_cancellation_whose_reply_was_lost_gives_back_once(self, world: ErpWorld) -> None:
        world.needs("cancel")
        await self._once_each(world, "cancel_order", lambda: Decimal(0), confirmed=True)

    async def test_a_payment_whose_reply_was_lost_is_booked_once(self, world: ErpWorld) -> None:
        world.needs("payments")
        numbers = count()
        keys: list[str] = []

        async def subject() -> Act:
            keys.append(f"paid-{next(numbers)}")
            order = sold(keys[-1])
            made = await world.confirmed(keys[-1], order)
            return lambda: world.port.record_payment(made.erp_id, payment(order), f"pay/{order.external_id}")

        async def once() -> None:
            (row,) = world.booked(keys[-1])
            assert len(row["payments"]) == 1

        await each_lost_reply(world, subject, once)

    async def _looked_up(self, world: ErpWorld, draft: OrderDraft) -> None:
        """As the hub writes: look for the key, then write."""
        if await world.port.find_order(draft.key) is None:
            await world.port.create_order(draft)

    async def _once_each(self, world: ErpWorld, step: str, taken: Any, confirmed: bool = False) -> None:
        """A step on order after order, each reply lost once: every order moves the stock as it should."""
        keys: list[str] = []
        before = [world.simulator.figure("SHIRT-M")]

        async def subject() -> Act:
            before.append(world.simulator.figure("SHIRT-M"))
            keys.append(f"{step}-{len(keys)}")
            made = await (world.confirmed if confirmed else world.written)(keys[-1])
            return lambda: getattr(world.port, step)(made.erp_id)

        async def once() -> None:
            assert world.simulator.figure("SHIRT-M") == before[-1] - taken()

        await each_lost_reply(world, subject, once)
