"""Orders at the rehearsal ERP."""

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from nervo.connectors.rehearsal_erp.connector import RehearsalErp
from nervo.connectors.rehearsal_erp.settings import Settings
from nervo.errors import NotFound, OutcomeUnknown, Rejected
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.kit.simulator import Fault, FaultKind
from nervo.model.parties import Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.erp import ErpOrderState, OrderDraft, OrderKey

from .conftest import Desk, company, order


async def test_it_reserves_when_an_order_is_confirmed_and_not_before(desk: Desk) -> None:
    made = await desk.written()
    assert made.state is ErpOrderState.DRAFT and desk.simulator.figure("SHIRT-M") == 10
    await desk.erp.confirm_order(made.erp_id)
    await desk.erp.confirm_order(made.erp_id)
    assert desk.simulator.figure("SHIRT-M") == 8
    [row] = [f for f in await desk.erp.stock_of(["SHIRT-M"]) if f.warehouse == "MI"]
    assert (row.quantity, row.on_hand) == (8, 10)


async def test_a_second_order_under_one_key_is_the_first_one(desk: Desk) -> None:
    first, second = await desk.written(), await desk.written(made=order(1))
    assert first == second and len(desk.simulator.orders()) == 1


async def test_an_erp_without_unique_keys_takes_duplicates_and_the_look_up_tells(desk: Desk) -> None:
    desk.simulator.unique_keys = False
    erp = RehearsalErp(parse(Settings, desk.simulator.settings()), ToolBox())
    assert erp.capabilities.order_key is OrderKey.SEARCHABLE
    await desk.written()
    await desk.written()
    assert len(desk.simulator.orders()) == 2
    with pytest.raises(Rejected) as refused:
        await erp.find_order("shop-77")
    assert refused.value.code == "duplicate_in_erp"
    await erp.close()


@pytest.mark.fault(21)
async def test_a_lost_reply_is_an_unknown_outcome_and_the_order_is_found_under_its_key(desk: Desk) -> None:
    desk.simulator.faults.append(Fault(FaultKind.LOST_REPLY, "POST /api/v1/orders"))
    with pytest.raises(OutcomeUnknown):
        await desk.written()
    found = await desk.erp.find_order("shop-77")
    assert found and found.total_gross == Decimal("48.80")


@pytest.mark.fault(22)
async def test_a_late_order_is_there_only_after_a_while(desk: Desk) -> None:
    desk.simulator.faults.append(Fault(FaultKind.LATE, "POST /api/v1/orders", seconds=0.1))
    with pytest.raises(OutcomeUnknown):
        await desk.written()
    assert await desk.erp.find_order("shop-77") is None
    await asyncio.sleep(0.2)
    assert await desk.erp.find_order("shop-77")


@pytest.mark.fault(25)
@pytest.mark.parametrize(("wrong", "code"), [
    (order(sku="GHOST"), "unknown_sku"),
    (replace(order(), total_gross=Decimal("48.79")), "total_differs"),
    (replace(order(), currency="USD"), "bad_currency"),
    (replace(order(), lines=(replace(order().lines[0], total_net=Decimal("48.00"), total_tax=Decimal("0.80")),)), "bad_vat"),
    (replace(order(), lines=(replace(order().lines[0], total_net=Decimal("39.99")),)), "bad_amounts"),
    (replace(order(), lines=()), "no_lines"),
])  # fmt: skip
async def test_it_refuses_what_a_gestionale_refuses(desk: Desk, wrong: object, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        await desk.written(made=wrong)  # type: ignore[arg-type]
    assert refused.value.code == code and not desk.simulator.orders()


@pytest.mark.fault(25)
async def test_it_refuses_an_order_in_a_closed_period(desk: Desk) -> None:
    desk.simulator.sales.closed_until = date(2026, 11, 24)
    with pytest.raises(Rejected) as refused:
        await desk.written()
    assert refused.value.code == "period_closed" and "Open the period" in refused.value.fix


async def test_an_order_for_another_warehouse_reserves_there(desk: Desk) -> None:
    desk.simulator.set_stock("SHIRT-M", "RM", 4)
    made = order()
    customer = await desk.erp.create_customer(made.customer, made, "c")
    await desk.erp.confirm_order((await desk.erp.create_order(OrderDraft("k", made, customer, "RM"))).erp_id)
    assert (desk.simulator.figure("SHIRT-M", "MI"), desk.simulator.figure("SHIRT-M", "RM")) == (10, 2)


async def test_a_payment_is_booked_once_by_its_key(desk: Desk) -> None:
    made = await desk.confirmed()
    payment = Payment("p1", "card", PaymentStatus.PAID, Decimal("48.80"), "EUR")
    for _ in range(2):
        assert (await desk.erp.record_payment(made.erp_id, payment, "shop-77-p1")).paid == Decimal("48.80")
    with pytest.raises(Rejected) as refused:
        await desk.erp.record_payment(made.erp_id, replace(payment, amount=Decimal("1.00")), "shop-77-p1")
    assert refused.value.code == "key_reused"
    assert desk.simulator.orders()[0]["payments"] == [("shop-77-p1", Decimal("48.80"))]


async def test_shipping_takes_the_goods_and_brings_tracking_and_an_invoice(desk: Desk) -> None:
    made = await desk.confirmed()
    before = (await desk.erp.changed_orders(None)).next
    desk.simulator.ship("shop-77", "BRT123", "BRT")
    [seen] = (await desk.erp.changed_orders(before)).items
    assert (seen.state, seen.raw_state) == (ErpOrderState.DONE, "shipped")
    assert (seen.shipments[0].tracking_number, seen.shipments[0].lines[0].quantity) == ("BRT123", 2)
    assert seen.invoices[0].total_gross == Decimal("48.80")
    [row] = [f for f in await desk.erp.stock_of(["SHIRT-M"]) if f.warehouse == "MI"]
    assert (row.quantity, row.on_hand) == (8, 8)
    with pytest.raises(Rejected) as refused:
        await desk.erp.cancel_order(made.erp_id)
    assert refused.value.code == "already_shipped"


async def test_a_part_can_be_shipped_and_the_rest_stays_reserved(desk: Desk) -> None:
    await desk.confirmed()
    desk.simulator.ship("shop-77", "BRT1", "BRT", lines={"SHIRT-M": 1})
    found = await desk.erp.find_order("shop-77")
    assert found and found.state is ErpOrderState.CONFIRMED and not found.invoices
    assert desk.simulator.figure("SHIRT-M") == 8


async def test_cancelling_gives_the_goods_back_once(desk: Desk) -> None:
    made = await desk.confirmed()
    for _ in range(2):
        assert (await desk.erp.cancel_order(made.erp_id)).state is ErpOrderState.CANCELLED
    assert desk.simulator.figure("SHIRT-M") == 10
    with pytest.raises(Rejected):
        await desk.erp.confirm_order(made.erp_id)


async def test_an_order_that_is_not_there_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.erp.read_order("999")


@pytest.mark.fault(29)
async def test_a_customer_is_found_by_partita_iva_before_e_mail(desk: Desk) -> None:
    made = order()
    first = await desk.erp.create_customer(company(), made, "shop-1")
    assert await desk.erp.find_customer(company("07643520567", "altra@example.com")) == first
    assert await desk.erp.find_customer(Party("x", "ORDINI@example.com")) == first
    assert await desk.erp.find_customer(company("IT00743110157")) is None


@pytest.mark.fault(29)
async def test_two_customers_with_one_e_mail_ask_a_person(desk: Desk) -> None:
    made = order()
    await desk.erp.create_customer(company("07643520567"), made, "shop-1")
    await desk.erp.create_customer(company("00743110157"), made, "shop-2")
    with pytest.raises(Rejected) as refused:
        await desk.erp.find_customer(Party("x", "ordini@example.com"))
    assert refused.value.code == "ambiguous_customer"


@pytest.mark.fault(25)
async def test_a_partita_iva_that_cannot_be_is_refused(desk: Desk) -> None:
    with pytest.raises(Rejected) as refused:
        await desk.erp.create_customer(company("07643520568"), order(), "shop-1")
    assert refused.value.code == "bad_vat_number"
