"""The ways to a wrong state that the model check has found in the product, each walked again with the product as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import OutcomeUnknown, Unavailable
from nervo.flows.catalogue import flows_of
from nervo.flows.pending import NotYet
from nervo.model.orders import OrderStatus
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import refresh
from nervo.sync import orders, source
from nervo.sync.lease import LEASE_S
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
