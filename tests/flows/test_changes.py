"""An order that its channel changes after it was sold: what the ERP has, and what is held, follow; or a person is asked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import Unavailable
from nervo.model.orders import OrderStatus
from nervo.model.payments import PaymentStatus
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import orders
from tests.hub import TestHub


@pytest.fixture
async def world(on_engine):
    erp, shop, other = WorldErp(), WorldShop(["A", "B"]), WorldShop(["A", "B"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop, "other": other}, **on_engine).start()
    yield erp, shop, other, hub
    await hub.close()


def edit(shop: WorldShop, number: str, pieces: int) -> None:
    (line,) = shop.sold[number].lines
    gross = Decimal(10 * pieces)
    line = replace(line, quantity=Decimal(pieces), total_net=gross, total_gross=gross)
    shop.change(number, lines=(line,), total_gross=gross)


def problems(hub: TestHub) -> list[object]:
    return [code for (code,) in hub.ask("SELECT code FROM store_problem WHERE state = 'open'")]


async def test_goods_that_change_before_the_erp_has_them_are_held_as_they_are_now(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    erp.faults.down = Unavailable("writing", "down")
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    edit(shop, number, 5)
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    assert hub.ask("SELECT quantity FROM store_hold WHERE released_tick IS NULL") == [("5",)]
    await hub.engine.drop()


async def test_an_order_that_changes_after_the_erp_has_it_is_told_to_a_person(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    await hub.settle()
    edit(shop, number, 5)
    await hub.settle()
    assert ([o.total_gross for o in erp.orders.values()], problems(hub)) == ([Decimal(20)], ["order_edited"])


async def test_an_order_that_changes_while_the_erp_writes_it_is_told_to_a_person(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    create = erp.create_order

    async def create_order(draft):
        edit(shop, number, 5)
        channel = hub.hub.channels()[0]
        await hub.hub.db.write(lambda tx: orders.accept(hub.hub, tx, channel, shop.sold[number], "webhook"))
        return await create(draft)

    erp.create_order = create_order
    await hub.settle()
    assert (list(erp.lines.values()), problems(hub)) == ([[("A", Decimal(2))]], ["order_edited"])


async def test_an_order_that_changes_between_its_confirmation_and_its_payment_stays_in_the_erp(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    record = erp.record_payment

    async def record_payment(*args):
        edit(shop, number, 5)
        channel = hub.hub.channels()[0]
        await hub.hub.db.write(lambda tx: orders.accept(hub.hub, tx, channel, shop.sold[number], "webhook"))
        erp.record_payment = record
        raise Unavailable("booking a payment", "down")

    erp.record_payment = record_payment
    await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("in_erp",)]
    assert problems(hub) == ["order_edited"]


async def test_a_note_on_an_order_that_the_erp_has_asks_nobody(world):
    _, shop, _, hub = world
    number = shop.sell({"A": 2})
    await hub.settle()
    shop.change(number, note="Citofono 3")
    await hub.settle()
    assert problems(hub) == []


@pytest.mark.parametrize("seen_before", [True, False])
async def test_an_order_whose_cancellation_is_taken_back_before_the_erp_had_it_goes_to_the_erp(world, seen_before):
    """WooCommerce cancels what is not paid within the hour; a payment that comes later takes it up again."""
    erp, shop, other, hub = world
    connections = hub.hub.config.connections
    rule = replace(connections["shop"].orders, import_unpaid=False)
    connections["shop"] = replace(connections["shop"], orders=rule)
    number = shop.sell({"A": 2}, paid=False)
    if seen_before:
        await hub.settle()
    shop.change(number, status=OrderStatus.CANCELLED)
    await hub.settle()
    shop.change(number, status=OrderStatus.OPEN, payment_status=PaymentStatus.PAID)
    await hub.settle()
    assert [o.state for o in erp.orders.values()] == [ErpOrderState.CONFIRMED]
    assert (list(erp.payments.values()), other.shown["A"], problems(hub)) == ([Decimal(20)], 8, [])


async def test_a_cancellation_that_is_taken_back_after_the_erp_cancelled_asks_a_person(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    await hub.settle()
    shop.change(number, status=OrderStatus.CANCELLED)
    await hub.settle()
    shop.change(number, status=OrderStatus.OPEN)
    await hub.settle()
    assert ([o.state for o in erp.orders.values()], problems(hub)) == ([ErpOrderState.CANCELLED], ["cancel_taken_back"])


async def test_a_cancellation_that_is_taken_back_while_it_is_carried_out_asks_a_person(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    await hub.settle()
    shop.change(number, status=OrderStatus.CANCELLED)
    cancel = erp.cancel_order

    async def cancel_order(erp_id):
        shop.change(number, status=OrderStatus.OPEN)
        channel = hub.hub.channels()[0]
        await hub.hub.db.write(lambda tx: orders.accept(hub.hub, tx, channel, shop.sold[number], "webhook"))
        return await cancel(erp_id)

    erp.cancel_order = cancel_order
    await hub.settle()
    assert problems(hub) == ["cancel_taken_back"]


async def test_a_cancelled_order_that_is_then_refunded_stays_cancelled(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 2})
    shop.change(number, status=OrderStatus.CANCELLED)
    await hub.settle()
    shop.change(number, status=OrderStatus.COMPLETED, payment_status=PaymentStatus.REFUNDED)
    await hub.settle()
    assert (erp.orders, problems(hub)) == ({}, [])
