"""Every flow goes on from its milestones: each outward step fails before and after its effect, or the process dies there; the books
show one order, one confirmation, one payment, one fulfilment, one customer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import MachineError, OutcomeUnknown, RateLimited, Unavailable
from nervo.flows.catalogue import flows_of, resume
from nervo.flows.mark_shipped import follow_erp_orders
from nervo.model.orders import OrderStatus
from nervo.model.payments import PaymentStatus
from nervo.ports.common import Cursor
from nervo.ports.erp import ErpOrderState, OrderDraft
from nervo.staging.world import START, WorldErp, WorldShop
from nervo.store import operations
from nervo.sync import orders
from nervo.sync.kinds import StockKind
from nervo.sync.lease import LEASE_S
from nervo.sync.publish import Publisher
from tests.hub import TestHub

LATE_S = 30.0
AT_ONCE = 16  # so many run side by side, in any order among themselves


class Died(BaseException):
    """The process ended here."""


FAULTS = {
    "down before it": ("before", lambda: Unavailable("x", "down")),
    "slowed down before it": ("before", lambda: RateLimited("x", "slow", retry_after_s=2.0)),
    "no answer, without effect": ("before", lambda: OutcomeUnknown("x", "no answer")),
    "no answer, after its effect": ("after", lambda: OutcomeUnknown("x", "no answer")),
    "process dies before it": ("before", Died),
    "process dies after its effect": ("after", Died),
}
PLACING = ("find_customer", "create_customer", "find_order", "create_order", "confirm_order", "record_payment")
READS = frozenset({"find_customer", "find_order", "read_order"})
ERPS = {"an ERP with unique keys": True, "an ERP that takes a second order": False}


async def world_of(unique: bool) -> tuple[WorldErp, WorldShop, TestHub]:
    erp, shop = WorldErp(unique=unique), WorldShop(["A"])
    erp.capabilities = replace(erp.capabilities, late_application_s=LATE_S)
    erp.stock("A", 10)
    return erp, shop, await TestHub(erp, {"shop": shop}).start()


def cases(*steps: str) -> list[tuple[str, str]]:
    """Each step with each fault; reading has no effect."""
    return [(step, kind) for step in steps for kind in FAULTS if not (step in READS and "effect" in kind)]


def put(faults, operation: str, kind: str) -> None:
    when, error = FAULTS[kind]
    (faults.fail if when == "before" else faults.fail_after)(operation, error())


async def followed(hub: TestHub) -> TestHub:
    await hub.close()
    hub.clock.advance(LEASE_S + 1)
    again = hub.beside(f"{hub.hub.owner}'")
    await again.lease()
    await resume(again.hub)
    return again


async def run(hub: TestHub, flow: str, order_id: int) -> TestHub:
    """Runs a flow here, with no engine between, until it has gone through; after a death by the next process."""
    for _ in range(12):
        await hub.lease()
        try:
            await flows_of(hub.hub)[flow](order_id)
            return hub
        except Died:
            hub = await silent(await followed(hub))
        except MachineError as error:
            hub.clock.advance(getattr(error, "retry_after_s", None) or 1)
    raise AssertionError("it never goes through")


async def silent(hub: TestHub) -> TestHub:
    """Nobody but the test starts flows."""
    await hub.engine.stop()
    hub.hub.start_flow = lambda flow, order_id: None
    return hub


async def accepted(shop: WorldShop, hub: TestHub, quantity: int = 2) -> str:
    await silent(hub)
    number = shop.sell({"A": quantity})
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    return number


def books(erp: WorldErp) -> dict[str, object]:
    return {
        "written": len(erp.book),
        "confirmed": sum(erp.confirmations.values()),
        "paid": list(erp.payments.values()),
        "customers": len(erp.customer_book),
        "states": [o.state for o in erp.orders.values()],
    }


ONCE = {
    "written": 1,
    "confirmed": 1,
    "paid": [Decimal("20.00")],
    "customers": 1,
    "states": [ErpOrderState.CONFIRMED],
}


@pytest.mark.fault(21)
@pytest.mark.parametrize("unique", ERPS.values(), ids=ERPS)
@pytest.mark.parametrize(("step", "kind"), cases(*PLACING))
async def test_an_order_is_placed_once_whatever_fails_at_any_step(store, step, kind, unique):
    erp, shop, hub = await world_of(unique)
    await accepted(shop, hub)
    put(erp.faults, step, kind)
    hub = await run(hub, "place_order", 1)
    await flows_of(hub.hub)["place_order"](1)
    assert books(erp) == ONCE
    assert hub.ask("SELECT state, pending FROM store_saleorder") == [("in_erp", "")]
    assert hub.ask("SELECT count(*) FROM store_hold WHERE confirmed_tick IS NULL") == [(0,)]
    assert hub.ask("SELECT flow FROM store_flowdue") == []
    await hub.close()


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_later_payment_is_booked_once_whatever_fails(store, kind):
    erp, shop, hub = await world_of(True)
    await silent(hub)
    number = shop.sell({"A": 2}, paid=False)
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    await flows_of(hub.hub)["place_order"](1)
    shop.change(number, payment_status=PaymentStatus.PAID)
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    put(erp.faults, "record_payment", kind)
    hub = await run(hub, "update_payment", 1)
    assert (books(erp), hub.ask("SELECT paid FROM store_saleorder")) == (ONCE, [("20.00",)])
    await hub.close()


@pytest.mark.parametrize(("step", "kind"), cases("find_order", "cancel_order"))
async def test_an_order_is_cancelled_whatever_fails(store, step, kind):
    erp, shop, hub = await world_of(True)
    number = await accepted(shop, hub)
    await flows_of(hub.hub)["place_order"](1)
    shop.change(number, status=OrderStatus.CANCELLED)
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    put(erp.faults, step, kind)
    hub = await run(hub, "cancel_order", 1)
    assert [o.state for o in erp.orders.values()] == [ErpOrderState.CANCELLED]
    assert hub.ask("SELECT state FROM store_saleorder") == [("cancelled",)]
    await hub.close()


@pytest.mark.parametrize(("step", "kind"), cases("read_order", "fulfil"))
async def test_a_shipment_is_told_to_the_channel_once_whatever_fails(store, step, kind):
    erp, shop, hub = await world_of(True)
    number = await accepted(shop, hub)
    await flows_of(hub.hub)["place_order"](1)
    erp.ship(next(iter(erp.orders)), "BRT1")
    put(shop.faults if step == "fulfil" else erp.faults, step, kind)
    hub = await run(hub, "mark_shipped", 1)
    assert (shop.fulfilments, hub.ask("SELECT state FROM store_saleorder")) == ({number: ["BRT1"]}, [("shipped",)])
    await hub.close()


@pytest.mark.fault(22)
@pytest.mark.parametrize("unique", ERPS.values(), ids=ERPS)
@pytest.mark.parametrize("after_s", [0.5, 5.0, LATE_S - 0.1])
async def test_a_write_that_lands_after_it_was_given_up_makes_no_second_order(store, after_s, unique):
    erp, shop, hub = await world_of(unique)
    shop.sell({"A": 2})
    erp.lands_after_s.append(after_s)
    for _ in range(4):
        await hub.settle()
    hub.clock.advance(2 * LATE_S)
    await hub.settle()
    assert books(erp) == ONCE
    await hub.close()


@pytest.mark.fault(22)
async def test_two_writes_that_land_late_one_after_the_other_make_one_order(store):
    erp, shop, hub = await world_of(False)
    shop.sell({"A": 2})
    erp.lands_after_s.extend([LATE_S + 1000, LATE_S - 1])
    hub.clock.advance(1)
    for _ in range(4):
        await hub.settle()
    assert books(erp) == ONCE  # the first one is beyond the bound that the ERP promises, and has not landed yet
    await hub.close()


@pytest.mark.fault(22)
async def test_a_process_that_died_with_a_write_on_its_way_is_followed_by_one_that_waits(store):
    erp, shop, hub = await world_of(False)
    await accepted(shop, hub)
    erp.lands_after_s.append(LATE_S - LEASE_S - 3)
    with pytest.raises(OutcomeUnknown):
        await flows_of(hub.hub)["place_order"](1)
    hub = await followed(hub)
    for _ in range(4):
        await hub.settle()
    assert books(erp) == ONCE
    await hub.close()


@pytest.mark.fault(54)
@pytest.mark.parametrize("followed_first", [False, True])
async def test_an_order_that_the_erp_has_and_has_cancelled_gives_its_goods_back(store, followed_first):
    """A backup that was restored knows neither."""
    erp, shop, hub = await world_of(True)
    number = await accepted(shop, hub)
    ((key,),) = hub.ask("SELECT erp_key FROM store_saleorder")
    written = await erp.create_order(OrderDraft(key, shop.sold[number], "C1"))
    await erp.cancel_order(written.erp_id)
    if followed_first:
        await hub.hub.db.write(lambda tx: operations.set_cursor(tx, "erp", "orders", Cursor(START, "0"), 0))
        await follow_erp_orders(hub.hub)
    await flows_of(hub.hub)["place_order"](1)
    for _ in range(3):
        await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("cancelled",)]
    assert hub.ask("SELECT code FROM store_problem WHERE state = 'open'") == [("cancelled_in_erp",)]
    assert (hub.ask("SELECT count(*) FROM store_hold WHERE released_tick IS NULL"), shop.shown["A"]) == ([(0,)], 10)
    assert erp.confirmations == {}
    await hub.close()


@pytest.mark.fault(30)
async def test_a_cancellation_while_the_order_is_on_its_way_follows_it(store):
    erp, shop, hub = await world_of(False)
    number = await accepted(shop, hub)
    erp.lands_after_s.append(LATE_S / 2)
    with pytest.raises(OutcomeUnknown):
        await flows_of(hub.hub)["place_order"](1)
    shop.change(number, status=OrderStatus.CANCELLED)
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    hub = await followed(hub)
    for _ in range(6):
        await hub.settle()
    assert [o.state for o in erp.orders.values()] == [ErpOrderState.CANCELLED]
    assert (shop.shown["A"], hub.ask("SELECT state FROM store_saleorder")) == (10, [("cancelled",)])
    assert hub.ask("SELECT count(*) FROM store_hold WHERE released_tick IS NULL") == [(0,)]
    await hub.close()


@pytest.mark.fault(29)
async def test_several_first_orders_of_one_customer_make_one_customer(store):
    erp, shop, hub = await world_of(False)
    for _ in range(5):
        shop.sell({"A": 1})
    erp.faults.fail_after("create_customer", OutcomeUnknown("x", "no answer"))
    for _ in range(4):
        await hub.settle()
    assert (len(erp.customer_book), len(erp.book), sum(erp.confirmations.values())) == (1, 5, 5)
    await hub.close()


@pytest.mark.fault(29)
@pytest.mark.parametrize("lost", [False, True])
async def test_a_new_customer_who_buys_at_two_shops_at_once_is_one_customer(store, lost):
    erp, shops = WorldErp(unique=False), {"shop": WorldShop(["A"]), "other": WorldShop(["A"])}
    erp.capabilities = replace(erp.capabilities, late_application_s=LATE_S)
    erp.stock("A", 10)
    hub = await TestHub(erp, shops).start()
    for shop in shops.values():
        shop.sell({"A": 1})
    if lost:
        erp.faults.fail_after("create_customer", OutcomeUnknown("x", "no answer"))
    for channel in hub.hub.channels():
        await orders.sweep(hub.hub, channel)
    for _ in range(4):
        await hub.settle()
    assert (erp.customer_book, len(erp.book)) == (["anna@example.com"], 2)
    await hub.close()


@pytest.mark.fault(23)
async def test_while_the_erp_is_down_for_long_holds_keep_every_channel_right_and_the_oldest_go_first_afterwards(store):
    erp, shop, other = WorldErp(), WorldShop(["A"]), WorldShop(["A"])
    erp.stock("A", 100)
    hub = await TestHub(erp, {"shop": shop, "other": other}).start()
    start, hub.hub.start_flow = hub.hub.start_flow, lambda flow, order_id: None
    erp.faults.down = Unavailable("x", "down")
    for _ in range(40):
        shop.sell({"A": 1})
        await orders.sweep(hub.hub, hub.hub.config.connections["shop"])
    await Publisher(hub.hub, hub.hub.config.connections["other"], StockKind()).drain()
    assert other.shown["A"] == 60
    hub.hub.start_flow = start
    await resume(hub.hub)
    await asyncio.sleep(0.3)
    assert erp.calls["find_customer"] > 1
    erp.faults.down = None
    for _ in range(5):
        await hub.settle()
    numbers = [int(key.split("-")[1]) for key in erp.book]
    assert (sorted(numbers), other.shown["A"], shop.shown["A"]) == (list(range(1, 41)), 60, 60)
    assert (
        max(abs(place - number) for place, number in enumerate(numbers, 1)) < 2 * AT_ONCE
    )  # the slowest may be overtaken
    await hub.close()


async def test_an_order_is_only_shipped_when_all_of_it_has_left(store):
    erp, shop, hub = await world_of(True)
    number = shop.sell({"A": 3})
    await hub.settle()
    (key,) = erp.orders
    erp.ship_part(key, "BRT1", {"A": 1})
    await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("in_erp",)]
    erp.ship_part(key, "BRT2", {"A": 2})
    await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("shipped",)]
    assert shop.fulfilments == {number: ["BRT1", "BRT2"]}
    await hub.close()


async def test_a_shipment_noticed_right_before_a_crash_is_told_after_it(store):
    erp, shop, hub = await world_of(True)
    number = await accepted(shop, hub)
    await flows_of(hub.hub)["place_order"](1)
    erp.ship(next(iter(erp.orders)), "BRT1")
    await follow_erp_orders(hub.hub)
    assert shop.fulfilments == {}
    hub = await followed(hub)
    await hub.settle()
    assert shop.fulfilments == {number: ["BRT1"]}
    await hub.close()
