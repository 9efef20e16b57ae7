"""Orders: in the ERP once, equal to the cent, or held with a reason."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nervo.errors import Rejected, Unavailable
from nervo.model.orders import OrderStatus
from nervo.model.payments import PaymentStatus
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import orders as order_store
from nervo.sync import orders
from nervo.sync.kinds import StockKind
from nervo.sync.publish import Publisher
from tests.hub import TestHub


@pytest.fixture
async def world(on_engine):
    erp, shop, other = WorldErp(), WorldShop(["A", "B"]), WorldShop(["A", "B"])
    erp.stock("A", 10)
    erp.stock("B", 5)
    hub = await TestHub(erp, {"shop": shop, "other": other}, **on_engine).start()
    yield erp, shop, other, hub
    await hub.close()


async def test_an_order_is_in_the_erp_once_and_paid_and_every_channel_shows_the_rest(world):
    erp, shop, other, hub = world
    shop.sell({"A": 2})
    await hub.settle()
    (written,) = erp.orders.values()
    assert (written.state, written.total_gross) == (ErpOrderState.CONFIRMED, Decimal("20.00"))
    assert list(erp.payments.values()) == [Decimal("20.00")]
    assert (shop.shown["A"], other.shown["A"]) == (8, 8)


async def test_the_same_order_seen_again_changes_nothing(world):
    erp, shop, _, hub = world
    shop.sell({"A": 1})
    await hub.settle()
    for _ in range(3):
        await hub.settle()
    assert (len(erp.orders), len(erp.payments), erp.calls["create_order"]) == (1, 1, 1)


@pytest.mark.fault(21)
async def test_a_lost_reply_from_the_erp_makes_no_second_order(world):
    erp, shop, _, hub = world
    erp.faults.lose_reply("create_order")
    shop.sell({"A": 1})
    await hub.settle()
    assert (len(erp.orders), erp.calls["create_order"]) == (1, 1)
    assert [o.state for o in erp.orders.values()] == [ErpOrderState.CONFIRMED]


@pytest.mark.fault(23)
async def test_while_the_erp_is_down_the_hold_keeps_the_other_channel_right(world):
    erp, shop, other, hub = world
    hub.engine._longest = 0.01
    for _ in range(9):
        erp.faults.fail("create_order", Unavailable("writing", "down"))
    shop.sell({"B": 5})
    seen = []
    accepted = await orders.sweep(hub.hub, hub.hub.channels()[0])
    await Publisher(hub.hub, hub.hub.config.connections["other"], StockKind()).drain()
    seen.append(other.shown["B"])
    await hub.settle()
    assert (accepted, seen, other.shown["B"], len(erp.orders)) == (1, [0], 0, 1)


@pytest.mark.fault(25)
async def test_an_unknown_sku_holds_the_whole_order_until_the_erp_has_it(world):
    erp, shop, _, hub = world
    shop.sell({"A": 1, "NEW": 1})
    await hub.settle()
    assert erp.orders == {}
    assert hub.ask("SELECT code FROM store_problem WHERE state = 'open'") == [("unknown_sku",)]
    ((order_id,),) = hub.ask("SELECT id FROM store_saleorder")
    await hub.hub.db.write(
        lambda tx: tx.run("INSERT INTO store_variantfact (sku, product, gtin) VALUES ('NEW', 'NEW', '')")
    )
    flow = await hub.hub.db.write(lambda tx: orders.reconsider(hub.hub, tx, order_id, "anna"))
    hub.engine.start(*flow)
    await hub.settle()
    assert len(erp.orders) == 1
    assert hub.ask("SELECT state, closed_by FROM store_problem") == [("resolved", "anna")]


async def test_a_total_that_differs_by_a_cent_is_held(world):
    erp, shop, _, hub = world
    shop.sell({"A": 1}, total="10.01")
    await hub.settle()
    assert erp.orders == {}
    assert hub.ask("SELECT code, money FROM store_problem") == [("total_differs", "10.01 EUR")]


@pytest.mark.fault(25)
async def test_a_refusal_of_the_erp_holds_the_order_with_the_erps_words(world):
    erp, shop, _, hub = world
    erp.faults.fail("create_order", Rejected("writing order #1", "periodo chiuso", fix="Open the period, then retry."))
    shop.sell({"A": 1})
    await hub.settle()
    assert hub.ask("SELECT code, said FROM store_problem") == [("rejected", "periodo chiuso")]
    assert hub.ask("SELECT state FROM store_saleorder") == [("held",)]


async def test_a_cancellation_at_the_shop_gives_the_goods_back_everywhere(world):
    erp, shop, other, hub = world
    number = shop.sell({"A": 4})
    await hub.settle()
    assert other.shown["A"] == 6
    shop.change(number, status=OrderStatus.CANCELLED)
    await hub.settle()
    assert [o.state for o in erp.orders.values()] == [ErpOrderState.CANCELLED]
    assert (other.shown["A"], shop.shown["A"]) == (10, 10)


async def test_a_later_payment_is_booked_once(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 1}, paid=False)
    await hub.settle()
    assert erp.payments == {}
    shop.change(number, payment_status=PaymentStatus.PAID)
    await hub.settle()
    await hub.settle()
    assert list(erp.payments.values()) == [Decimal("10.00")]


async def test_a_shipment_in_the_erp_reaches_the_channel_with_its_tracking_once(world):
    erp, shop, _, hub = world
    number = shop.sell({"A": 1})
    await hub.settle()
    (key,) = erp.orders
    erp.ship(key, "BRT123")
    await hub.settle()
    erp.order_journal.append(key)
    await hub.settle()
    assert shop.fulfilments == {number: ["BRT123"]}
    assert hub.ask("SELECT state FROM store_saleorder") == [("shipped",)]


@pytest.mark.fault(6)
async def test_an_older_reading_of_an_order_never_replaces_a_newer_one(world):
    _, shop, _, hub = world
    number = shop.sell({"A": 1})
    old = shop.sold[number]
    shop.change(number, note="newer")
    await hub.settle()
    channel = hub.hub.config.connections["shop"]
    await hub.hub.db.write(lambda tx: orders.accept(hub.hub, tx, channel, old, "webhook"))
    kept = await hub.hub.db.read(lambda tx: order_store.by_external(tx, "shop", number))
    assert kept.order.note == "newer"


@pytest.mark.fault(21)
async def test_an_erp_that_would_take_a_second_order_never_gets_one(on_engine):
    erp, shop = WorldErp(unique=False), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}, **on_engine).start()
    erp.faults.lose_reply("create_order")
    shop.sell({"A": 1})
    shop.sell({"A": 1})
    await hub.settle()
    assert (len(erp.book), len(set(erp.book))) == (2, 2)
    await hub.close()
