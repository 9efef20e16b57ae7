"""Two hubs on the same data: one acts, the other stands by; nothing leaves under a lease that is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nervo.errors import OutcomeUnknown, Rejected
from nervo.flows.catalogue import flows_of
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import operations
from nervo.sync import orders, source
from nervo.sync.fence import LostLease
from nervo.sync.kinds import StockKind
from nervo.sync.lease import LEASE_S, give
from nervo.sync.publish import Publisher
from tests.hub import TestHub

LATE_S = 30.0


class FrozenShop(WorldShop):
    """A shop that can be told to let time pass, or another hub act, while a call is on its way to it."""

    def __init__(self, skus: list[str]) -> None:
        super().__init__(skus)
        self.meanwhile = None
        self.capabilities = replace(self.capabilities, late_application_s=LATE_S)

    async def put_stock(self, items):
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await super().put_stock(items)


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), FrozenShop(["A", "B"])
    erp.stock("A", 7)
    erp.stock("B", 5)
    first = await TestHub(erp, {"shop": shop}, owner="hub-a").start()
    second = first.beside("hub-b")
    yield erp, shop, first, second
    await first.close()
    await second.close()


@pytest.mark.fault(27)
async def test_the_second_hub_stands_by_and_sends_nothing(world):
    erp, shop, _first, second = world
    assert not await second.lease()
    erp.stock("A", 3)
    written = list(shop.history)
    assert await Publisher(second.hub, second.hub.channels()[0], StockKind()).drain() == 0
    assert (shop.history, second.hub.epoch) == (written, 0)
    await second.watch.beat()
    assert second.ask("SELECT state FROM store_heartbeat WHERE owner = 'hub-b' AND loop = 'hub'") == [("standby",)]


async def test_it_takes_over_within_seconds_of_the_first_ones_death_under_a_higher_epoch(world):
    erp, shop, first, second = world
    epoch = first.hub.epoch
    first.clock.advance(LEASE_S + 0.1)
    assert await second.lease()
    assert second.hub.epoch == epoch + 1
    erp.stock("A", 3)
    await second.settle()
    assert shop.shown["A"] == 3


async def test_it_takes_over_at_once_when_the_first_one_stops_in_order(world):
    _, _, first, second = world
    await give(first.hub)
    first.clock.advance(0.01)
    assert await second.lease()


async def test_a_process_that_starts_again_under_the_same_name_has_a_higher_epoch(world):
    _, _, first, _ = world
    again = first.beside("hub-a")
    first.clock.advance(LEASE_S + 0.1)
    assert await again.lease()
    assert again.hub.epoch == first.hub.epoch + 1
    assert not await first.lease()
    await again.close()


@pytest.mark.fault(28)
async def test_a_hub_that_froze_between_claim_and_send_does_not_send_after_waking(world):
    erp, shop, first, _second = world
    publisher = Publisher(first.hub, first.hub.channels()[0], StockKind())
    erp.stock("A", 3)
    await first.hub.db.write(lambda tx: first.hub.mark(tx, "stock", ["A"]))
    await first.hub.db.write(lambda tx: tx.run("UPDATE store_stockfact SET quantity = '3' WHERE sku = 'A'"))
    write, history = publisher.kind.write, list(shop.history)

    async def frozen(*args):
        first.clock.advance(LEASE_S + 60)
        return await write(*args)

    publisher.kind.write = frozen
    await publisher.drain()
    assert shop.history == history
    assert not first.hub.may_send("shop")


@pytest.mark.fault(28, 34)
async def test_what_a_frozen_hub_was_sending_is_read_back_by_its_successor_before_it_sends(world):
    erp, shop, first, second = world

    async def dies_and_is_followed():
        first.clock.advance(LEASE_S + 1)
        assert await second.lease()

    shop.meanwhile = dies_and_is_followed
    erp.stock("A", 3)
    with pytest.raises(LostLease):
        await first.settle()
    assert second.ask("SELECT state, inflight_epoch FROM store_publication WHERE key = 'A' AND kind = 'stock'") == [
        ("unknown", 0)
    ]
    second.clock.advance(LATE_S)
    await second.settle()
    assert (shop.shown["A"], shop.history.count(("A", 3)), shop.calls["read_listings"]) == (3, 1, 1)


@pytest.mark.fault(27)
async def test_a_stale_hub_notes_nothing_over_its_successors_knowledge(world):
    erp, shop, first, second = world

    async def followed():
        first.clock.advance(LEASE_S + 1)
        await second.lease()
        erp.stock("A", 2)
        await second.settle()

    shop.meanwhile = followed
    erp.stock("A", 3)
    with pytest.raises(LostLease):
        await first.settle()
    second.clock.advance(LATE_S)
    await second.settle()
    assert shop.shown["A"] == 2


@pytest.mark.fault(47, 61)
async def test_a_wall_clock_that_jumps_makes_it_refuse_until_it_has_asked_again(world):
    _erp, _shop, first, _ = world
    first.hub.lease_until_ms -= 3_600_000
    assert not first.hub.may_send("shop")
    await first.lease()
    assert first.hub.may_send("shop")


@pytest.mark.fault(22, 27)
async def test_an_order_in_flight_at_a_takeover_is_waited_for_and_not_written_twice(store):
    erp, shop = WorldErp(unique=False), WorldShop(["A"])
    erp.capabilities = replace(erp.capabilities, late_application_s=LATE_S)
    erp.stock("A", 7)
    first = await TestHub(erp, {"shop": shop}, owner="hub-a").start()
    second = first.beside("hub-b")
    shop.sell({"A": 1})
    erp.lands_after_s.append(LATE_S - 1)
    first.engine.start = lambda flow, order: None
    first.hub.start_flow = first.engine.start
    await orders.sweep(first.hub, first.hub.channels()[0])
    with pytest.raises(OutcomeUnknown):
        await flows_of(first.hub)["place_order"](1)
    first.clock.advance(LEASE_S + 1)
    assert await second.lease()
    await second.settle()
    assert (len(erp.book), [o.state for o in erp.orders.values()]) == (1, [ErpOrderState.CONFIRMED])
    await first.close()
    await second.close()


@pytest.mark.fault(54)
async def test_a_restore_raises_the_epoch_above_every_one_that_was_used(world):
    _, _, first, second = world
    epoch = first.hub.epoch
    await first.hub.db.write(lambda tx: operations.raise_epoch(tx, epoch))
    assert await first.hub.db.read(operations.epoch) == epoch + 1
    first.clock.advance(0.01)
    assert first.hub.epoch != epoch + 1
    assert await second.lease()
    assert second.hub.epoch > epoch + 1
    assert not await first.lease()


async def test_a_product_on_its_way_at_a_takeover_is_waited_for_and_not_created_twice(store):
    erp, shop = WorldErp(), WorldShop([])
    shop.capabilities = replace(shop.capabilities, late_application_s=LATE_S)
    first = await TestHub(erp, {"shop": shop}, owner="hub-a").start()
    second = first.beside("hub-b")
    erp.stock("NEW", 3)
    put, created = shop.put_product, []

    async def lost(product, known, key, *fields):
        first.clock.advance(LEASE_S + 1)
        assert await second.lease()
        raise OutcomeUnknown("putting a product", "no answer")

    async def counted(product, known, key, *fields):
        created.append((product.code, dict(known)))
        return await put(product, known, key, *fields)

    shop.put_product = lost
    await first.hub.db.write(lambda tx: tx.run("DELETE FROM store_sourcecursor WHERE entity = 'products'"))
    with pytest.raises(LostLease):
        await first.settle()
        await source.catalogue(first.hub)
        await first.settle()
    shop.put_product = counted
    await second.settle()
    assert created == []
    shop.shown["NEW"] = 0
    second.clock.advance(LATE_S)
    await second.settle()
    assert created == [("NEW", {"NEW": {"id": "NEW"}})]
    await first.close()
    await second.close()


async def test_a_refused_product_is_not_sent_again_until_it_is_another(store):
    erp, shop = WorldErp(), WorldShop([])
    hub = await TestHub(erp, {"shop": shop}).start()
    shop.faults.fail("put_product", Rejected("putting a product", "no images"))
    erp.stock("NEW", 3)
    await hub.hub.db.write(lambda tx: tx.run("DELETE FROM store_sourcecursor WHERE entity = 'products'"))
    await source.catalogue(hub.hub)
    for _ in range(5):
        await hub.settle()
        hub.clock.advance(60)
    await hub.hub.db.write(lambda tx: hub.hub.mark(tx, "product", ["NEW"]))
    await hub.settle()
    assert shop.calls["put_product"] == 1
    await hub.hub.db.write(lambda tx: tx.run("UPDATE store_productfact SET doc = replace(doc, 'Articolo', 'Nuovo')"))
    await hub.hub.db.write(lambda tx: hub.hub.mark(tx, "product", ["NEW"]))
    await hub.settle()
    assert (shop.calls["put_product"], hub.ask("SELECT state FROM store_problem")) == (2, [("resolved",)])
    await hub.close()
