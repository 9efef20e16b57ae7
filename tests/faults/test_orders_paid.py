"""Paid at the channel, unpaid in the ERP: never silent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import OutcomeUnknown, Rejected
from nervo.model.payments import Payment, PaymentStatus
from nervo.staging.world import WorldErp, WorldShop
from tests.hub import TestHub


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}).start()
    yield erp, shop, hub
    await hub.close()


def problems(hub: TestHub) -> list[tuple[object, ...]]:
    return hub.ask("SELECT code, key, money FROM store_problem WHERE state = 'open'")


@pytest.mark.fault(32)
async def test_a_payment_that_the_erp_refuses_is_a_problem_until_it_is_booked(world):
    erp, shop, hub = world
    erp.faults.fail("record_payment", Rejected("booking a payment", "conto non valido", code="rejected"))
    number = shop.sell({"A": 1})
    for _ in range(5):
        await hub.settle()
        hub.clock.advance(600)
    assert (erp.payments, erp.calls["record_payment"], [p[:2] for p in problems(hub)]) == (
        {},
        1,
        [("rejected", number)],
    )
    assert (await hub.command("order.retry", order_id=1))[0] == "done"
    await hub.settle()
    assert (list(erp.payments.values()), problems(hub)) == ([Decimal("10.00")], [])


@pytest.mark.fault(32)
async def test_a_payment_whose_answer_was_lost_is_booked_once_and_no_problem(world):
    erp, shop, hub = world
    erp.faults.fail_after("record_payment", OutcomeUnknown("booking", "no answer"))
    shop.sell({"A": 1})
    await hub.settle()
    assert (list(erp.payments.values()), [o.paid for o in erp.orders.values()], problems(hub)) == (
        [Decimal("10.00")],
        [Decimal("10.00")],
        [],
    )


@pytest.mark.fault(32)
async def test_a_payment_that_is_taken_out_of_the_erp_is_named_with_its_amount_until_it_is_back(world):
    erp, shop, hub = world
    number = shop.sell({"A": 2})
    await hub.settle()
    (key,) = erp.orders
    erp.unpay(key)
    await hub.settle()
    assert problems(hub) == [("unpaid_in_erp", number, "20.00 EUR")]
    assert (await hub.command("order.retry", order_id=1))[0] == "done"
    await hub.settle()
    assert problems(hub) == [("unpaid_in_erp", number, "20.00 EUR")]
    erp.orders[key] = replace(erp.orders[key], paid=Decimal("20.00"))
    erp.order_journal.append(key)
    await hub.settle()
    assert problems(hub) == []


@pytest.mark.fault(32)
async def test_a_payment_in_another_currency_is_for_a_person(world):
    erp, shop, hub = world
    number = shop.sell({"A": 1})
    paid = (Payment("p1", "card", PaymentStatus.PAID, Decimal("11.00"), "CHF"),)
    shop.sold[number] = replace(shop.sold[number], payments=paid)
    await hub.settle()
    assert (erp.payments, [p[:2] for p in problems(hub)]) == ({}, [("currency_differs", number)])


async def test_a_reading_from_before_the_payment_opens_no_problem(world):
    """The feed's page was read while the order was still unpaid there."""
    erp, shop, hub = world
    shop.sell({"A": 1})
    await hub.settle()
    (key,) = erp.orders
    told = erp.changed_orders

    async def late(after):
        page = await told(after)
        return replace(page, items=tuple(replace(order, paid=Decimal(0)) for order in page.items))

    erp.changed_orders = late
    erp.order_journal.append(key)
    await hub.settle()
    assert hub.ask("SELECT code FROM store_problem") == []
