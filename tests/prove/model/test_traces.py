"""The ways to a wrong state that the model check has found in the product, each walked again with the product as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.bootstrap.backup import distrust
from nervo.errors import OutcomeUnknown, Rejected, Unavailable
from nervo.flows.catalogue import flows_of
from nervo.flows.pending import NotYet
from nervo.model.orders import OrderStatus
from nervo.ports.erp import ErpOrderState, OrderKey
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import refresh
from nervo.sync import orders, source
from nervo.sync.kinds import StockKind
from nervo.sync.lease import LEASE_S
from nervo.sync.opening import opening
from nervo.sync.publish import Publisher
from tests.hub import TestHub

LATE_S = 30.0


async def hub_of(erp: WorldErp, shop: WorldShop) -> TestHub:
    """A hub whose flows run only when a test runs them."""
    erp.capabilities = replace(erp.capabilities, late_application_s=LATE_S)
    erp.stock("A", 7)
    hub = await TestHub(erp, {"shop": shop}, owner="hub-a").start()
    hub.hub.start_flow = lambda flow, order: None
    return hub


async def sweep(hub: TestHub) -> None:
    await orders.sweep(hub.hub, hub.hub.channels()[0])


async def test_a_refused_attempt_does_not_make_an_earlier_unknown_one_forgotten(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await hub_of(erp, shop)
    number = shop.sell({"A": 1})
    erp.lands_after_s.append(LATE_S - 1)
    await sweep(hub)
    place, cancel = flows_of(hub.hub)["place_order"], flows_of(hub.hub)["cancel_order"]
    with pytest.raises(OutcomeUnknown):
        await place(1)
    erp.faults.fail("create_order", Unavailable("x", "down"))
    with pytest.raises(Unavailable):
        await place(1)
    shop.change(number, status=OrderStatus.CANCELLED)
    await sweep(hub)
    with pytest.raises(NotYet):
        await cancel(1)
    hub.clock.advance(LATE_S)
    await hub.lease()
    await cancel(1)
    assert [order.state for order in erp.orders.values()] == [ErpOrderState.CANCELLED]
    await hub.close()


async def test_a_hub_whose_lease_another_had_stands_down_before_it_takes_it_again(store):
    first = await hub_of(WorldErp(), WorldShop(["A"]))
    second = first.beside("hub-b")
    epoch = first.hub.epoch
    first.clock.advance(LEASE_S + 1)
    assert await second.lease()
    first.clock.advance(LEASE_S + 1)
    assert not await first.lease()
    assert await first.lease()
    assert first.hub.epoch == epoch + 2
    await first.close()
    await second.close()


async def test_what_another_hub_sent_meanwhile_is_waited_out_though_ones_own_attempt_is_long_over(store):
    erp, shop = WorldErp(unique=False), WorldShop(["A"])
    first = await hub_of(erp, shop)
    second = first.beside("hub-b")
    second.hub.start_flow = first.hub.start_flow
    shop.sell({"A": 1})
    await sweep(first)
    erp.faults.fail("create_order", OutcomeUnknown("x", "no answer"))
    with pytest.raises(OutcomeUnknown):
        await flows_of(first.hub)["place_order"](1)
    first.clock.advance(LATE_S)
    assert await second.lease()
    with pytest.raises(NotYet):
        await flows_of(second.hub)["place_order"](1)
    second.clock.advance(LATE_S)
    await second.lease()
    erp.lands_after_s.append(LATE_S - 1)
    with pytest.raises(OutcomeUnknown):
        await flows_of(second.hub)["place_order"](1)
    first.clock.advance(LEASE_S + 1)
    assert not await first.lease()
    assert await first.lease()
    with pytest.raises(NotYet):
        await flows_of(first.hub)["place_order"](1)
    first.clock.advance(LATE_S)
    await first.lease()
    await flows_of(first.hub)["place_order"](1)
    assert len(erp.book) == 1
    await first.close()
    await second.close()


async def test_a_page_that_overlaps_the_reading_of_a_single_sku_takes_nothing_back(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await hub_of(erp, shop)
    page, single, read, go_on = erp.stock_snapshot, erp.stock_of, asyncio.Event(), asyncio.Event()
    pages: list[asyncio.Task[int]] = []

    async def held_up(after):
        figures = await page(after)
        read.set()
        await go_on.wait()
        return figures

    async def after_the_page(skus):
        pages.append(asyncio.create_task(source.snapshot(hub.hub)))
        await read.wait()
        erp.on_hand["A"] = Decimal(3)  # its notice is still on its way
        return await single(skus)

    erp.stock_snapshot, erp.stock_of = held_up, after_the_page
    await hub.hub.db.write(lambda tx: refresh.want(tx, "erp", "stock", ["A"], "sweep", hub.hub.now_ms()))
    await source.read_stock(hub.hub)
    go_on.set()
    await pages[0]
    assert hub.ask("SELECT quantity FROM store_stockfact") == [("3",)]
    assert hub.ask("SELECT key FROM store_refresh") == [("A",)]
    erp.stock_of = single
    await hub.settle()
    assert shop.shown["A"] == 3
    await hub.close()


async def test_after_a_restore_nothing_goes_out_that_the_backup_believes_of_the_erp(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await hub_of(erp, shop)
    await hub.hub.db.write(lambda tx: tx.run("UPDATE store_stockfact SET quantity = '9'"))
    await hub.hub.db.write(lambda tx: distrust(tx, hub.hub.epoch))
    again = hub.beside("hub-b")
    await again.lease()
    await opening(again.hub)
    await Publisher(again.hub, again.hub.channels()[0], StockKind()).drain()
    await again.settle()
    assert ({quantity for _, quantity in shop.history}, shop.shown["A"]) == ({7}, 7)
    await hub.close()
    await again.close()


async def test_after_a_restore_what_was_on_its_way_to_a_channel_is_waited_out(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    shop.capabilities = replace(shop.capabilities, late_application_s=LATE_S)
    hub = await hub_of(erp, shop)
    await hub.hub.db.write(lambda tx: distrust(tx, hub.hub.epoch))
    again = hub.beside("hub-b")
    await again.start()
    asked = shop.calls["read_listings"]
    again.clock.advance(LATE_S)
    await again.settle()
    assert (asked, shop.calls["read_listings"]) == (0, 2)  # stock and price
    await hub.close()
    await again.close()


async def test_after_a_restore_an_order_that_may_be_on_its_way_to_the_erp_is_waited_out(store):
    erp, shop = WorldErp(unique=False), WorldShop(["A"])
    hub = await hub_of(erp, shop)
    shop.sell({"A": 1})
    await sweep(hub)
    await hub.hub.db.write(lambda tx: tx.run("UPDATE store_saleorder SET erp_customer = 'C1'"))
    await hub.hub.db.write(lambda tx: distrust(tx, hub.hub.epoch))
    again = hub.beside("hub-b")
    await again.lease()
    with pytest.raises(NotYet):
        await flows_of(again.hub)["place_order"](1)
    again.clock.advance(LATE_S)
    await again.lease()
    await flows_of(again.hub)["place_order"](1)
    assert len(erp.book) == 1
    await hub.close()
    await again.close()


async def test_an_order_that_is_first_seen_cancelled_is_cancelled_where_the_erp_has_it_from_before_a_restore(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await hub_of(erp, shop)
    number = shop.sell({"A": 1})
    await sweep(hub)
    await flows_of(hub.hub)["place_order"](1)
    for table in ("saleorder", "hold", "flowdue"):
        await hub.hub.db.write(lambda tx, table=table: tx.run(f"DELETE FROM store_{table}"))
    shop.change(number, status=OrderStatus.CANCELLED)
    await sweep(hub)
    ((order_id, flow),) = hub.ask("SELECT order_id, flow FROM store_flowdue")
    await flows_of(hub.hub)[flow](order_id)
    assert [order.state for order in erp.orders.values()] == [ErpOrderState.CANCELLED]
    assert hub.ask("SELECT state FROM store_saleorder") == [("cancelled",)]
    await hub.close()


async def test_what_a_hub_with_a_slow_clock_was_waiting_out_is_waited_out_by_its_successors_clock(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    shop.capabilities = replace(shop.capabilities, late_application_s=LATE_S)
    hub = await hub_of(erp, shop)
    long_ago = hub.hub.now_ms() - 3_600_000
    await hub.hub.db.write(
        lambda tx: tx.run(
            "UPDATE store_publication SET state = 'unknown', dirty_tick = 1, not_before_ms = %s WHERE kind = 'stock'",
            (long_ago,),
        )
    )
    again = hub.beside("hub-b")
    again.clock.advance(LEASE_S + 1)
    await again.start()
    asked = shop.calls["read_listings"]
    again.clock.advance(LATE_S)
    await again.settle()
    assert (asked, shop.calls["read_listings"]) == (0, 1)
    await hub.close()
    await again.close()


async def test_an_erp_that_cannot_be_searched_is_not_written_to_again_before_a_person_has_looked(store):
    erp, shop = WorldErp(unique=False), WorldShop(["A"])
    hub = await hub_of(erp, shop)
    erp.capabilities = replace(erp.capabilities, order_key=OrderKey.NONE)
    shop.sell({"A": 1})
    await sweep(hub)
    erp.faults.fail("create_order", OutcomeUnknown("x", "no answer"))
    with pytest.raises(OutcomeUnknown):
        await flows_of(hub.hub)["place_order"](1)
    hub.clock.advance(LATE_S)
    await hub.lease()
    with pytest.raises(Rejected, match="press Retry"):
        await flows_of(hub.hub)["place_order"](1)
    await hub.hub.db.write(lambda tx: tx.run("UPDATE store_saleorder SET state = 'held'"))
    await hub.command("order.retry", order_id=1)
    await flows_of(hub.hub)["place_order"](1)
    assert len(erp.book) == 1
    await hub.close()
