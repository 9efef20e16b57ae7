"""Sweeps find what no notice brought: hand edits at a channel, figures the ERP never told of, subscriptions that vanished."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nervo.errors import Unavailable
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import operations
from nervo.sync import orders
from nervo.sync.subscriptions import Subscriptions
from nervo.sync.sweep import ReadBack, Snapshot
from tests.hub import TestHub

SKUS = [f"S{i}" for i in range(7)]


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), WorldShop(SKUS)
    shop.capabilities = replace(shop.capabilities, read_batch=3)
    for sku in SKUS:
        erp.stock(sku, 7)
    hub = await TestHub(erp, {"shop": shop}, public_url="https://hub.example.com/").start()
    shop.calls.clear()
    yield erp, shop, hub
    await hub.close()


def sweeping(hub: TestHub) -> ReadBack:
    return ReadBack(hub.hub, hub.hub.channels()[0])


@pytest.mark.fault(35)
async def test_a_stock_edited_by_hand_is_repaired_named_and_counted(world):
    _, shop, hub = world
    shop.shown["S4"] = 99
    assert await sweeping(hub).whole() == 1
    await hub.settle()
    assert shop.shown == dict.fromkeys(SKUS, 7)
    assert hub.ask("SELECT kind, key, expected, found FROM store_drift") == [("stock", "S4", "7", "99")]
    assert hub.ask("SELECT name, value FROM store_counter WHERE name LIKE 'drift:%%' AND value > 0") == [
        ("drift:shop:stock", 1)
    ]


@pytest.mark.fault(35)
async def test_a_price_edited_by_hand_is_repaired(world):
    _, shop, hub = world
    shop.price["S0"] = Decimal("8.00")
    assert await sweeping(hub).whole() == 1
    await hub.settle()
    assert shop.price["S0"] == Decimal("10.00")
    assert hub.ask("SELECT expected, found FROM store_drift") == [("10.00||EUR", "8.00||EUR")]


async def test_what_a_shop_has_just_sold_is_no_drift_and_is_not_put_back_on_sale(world):
    _, shop, hub = world
    shop.sell({"S4": 2})
    told = len(shop.history)
    assert await sweeping(hub).whole() == 0
    await hub.settle()
    assert shop.shown["S4"] == 5
    assert [quantity for sku, quantity in shop.history[told:] if sku == "S4" and quantity > 5] == []


async def test_an_amount_written_otherwise_is_no_drift(world):
    _, shop, hub = world
    shop.price["S0"] = Decimal("10.0000")
    assert await sweeping(hub).whole() == 0


async def test_a_channel_that_shows_what_was_published_costs_reads_only(world):
    _, shop, hub = world
    assert await sweeping(hub).whole() == 0
    await hub.settle()
    assert (shop.calls["read_listings"], shop.calls["put_stock"], shop.calls["put_prices"]) == (3, 0, 0)


async def test_keys_that_are_dirty_or_in_flight_or_in_doubt_are_left_alone(world):
    _, shop, hub = world
    for sku in ("S0", "S1", "S2"):
        shop.shown[sku] = 50
    await hub.hub.db.write(lambda tx: hub.hub.mark(tx, "stock", ["S0"]))
    await hub.hub.db.write(
        lambda tx: tx.run("UPDATE store_publication SET inflight_epoch = 1 WHERE key = 'S1' AND kind = 'stock'")
    )
    await hub.hub.db.write(
        lambda tx: tx.run("UPDATE store_publication SET state = 'unknown' WHERE key = 'S2' AND kind = 'stock'")
    )
    assert await sweeping(hub).whole() == 0


async def test_a_key_that_is_published_while_the_page_is_read_is_no_drift(world):
    _, shop, hub = world
    sweep = sweeping(hub)
    read = shop.read_listings

    async def meanwhile(items):
        found = await read(items)
        await hub.hub.db.write(lambda tx: hub.hub.mark(tx, "stock", SKUS))
        return [replace(listing, quantity=0) for listing in found]

    shop.read_listings = meanwhile
    assert await sweep.whole() == 0


async def test_it_goes_page_by_page_and_a_round_begins_when_it_is_due(world):
    _, shop, hub = world
    sweep = sweeping(hub)
    hub.clock.advance(6)
    for _ in range(4):
        await hub.lease()
        await sweep.step()
    assert shop.calls["read_listings"] == 3
    hub.clock.advance(3600)
    await hub.lease()
    await sweep.step()
    assert shop.calls["read_listings"] == 4


async def test_a_page_that_cannot_be_read_is_read_again(world):
    _, shop, hub = world
    sweep = sweeping(hub)
    shop.shown["S1"] = 3
    for _ in range(3):
        shop.faults.fail("read_listings", Unavailable("x"))
    with pytest.raises(Unavailable):
        await sweep.whole()
    assert await sweep.whole() == 1


async def test_a_listing_that_is_gone_is_named(world):
    _, shop, hub = world
    del shop.shown["S3"]
    await sweeping(hub).whole()
    assert hub.ask("SELECT code, key FROM store_problem") == [("listing_gone", "S3")]


async def test_figures_that_the_erp_never_told_of_are_found_by_the_snapshot_and_counted(world):
    erp, shop, hub = world
    erp.on_hand |= {"S0": Decimal(1), "S1": Decimal(2)}
    await hub.settle()
    assert shop.shown["S0"] == 7
    snapshot = Snapshot(hub.hub)
    await snapshot.step()
    assert erp.calls["stock_snapshot"] == 1
    hub.clock.advance(24 * 3600)
    await snapshot.step()
    await hub.settle()
    assert (shop.shown["S0"], shop.shown["S1"]) == (1, 2)
    assert await hub.hub.db.read(lambda tx: operations.counted(tx, "found_by_sweep:erp:")) == {
        "found_by_sweep:erp:stock": 2
    }


async def test_the_snapshot_is_nightly_at_its_hour_or_at_a_given_distance(world):
    erp, _, hub = world
    assert Snapshot(hub.hub)._wait_s() == pytest.approx(17 * 3600, abs=60)
    hub.hub.config = replace(hub.hub.config, snapshot_s=900)
    assert Snapshot(hub.hub)._wait_s() == 900


@pytest.mark.fault(14)
async def test_a_subscription_that_was_deleted_or_switched_off_is_made_again_and_the_gap_is_swept(world):
    _, shop, hub = world
    subscriptions = Subscriptions(hub.hub, hub.hub.channels()[0])
    await hub.lease()
    await subscriptions.step()
    assert {s.url for s in shop.hooks.values()} == {"https://hub.example.com/hooks/shop"}
    await subscriptions.step()
    assert shop.calls["subscribe"] == 1
    del shop.hooks["orders/create"]
    hub.hub.bell("sweep:shop").clear()
    await subscriptions.step()
    assert (len(shop.hooks), hub.hub.bell("sweep:shop").is_set()) == (2, True)
    shop.hooks["orders/update"] = replace(shop.hooks["orders/update"], active=False)
    await subscriptions.step()
    assert all(s.active for s in shop.hooks.values())
    assert hub.ask("SELECT value FROM store_counter WHERE name = 'subscribed:shop'") == [(3,)]


async def test_without_a_public_address_nothing_is_subscribed(world):
    _, shop, hub = world
    hub.hub.config = replace(hub.hub.config, public_url="")
    await Subscriptions(hub.hub, hub.hub.channels()[0]).step()
    assert shop.calls["subscribe"] == 0


@pytest.mark.fault(5)
async def test_an_order_that_no_webhook_told_of_is_found_by_the_sweep_and_counted(world):
    erp, shop, hub = world
    shop.sell({"S0": 1})
    await hub.settle()
    assert len(erp.book) == 1
    assert await hub.hub.db.read(lambda tx: operations.counted(tx, "found_by_sweep:shop:")) == {
        "found_by_sweep:shop:order": 1
    }


async def test_orders_from_before_the_first_start_are_not_imported_not_even_when_they_change(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 9)
    old = [shop.sell({"A": 1}) for _ in range(2)]
    shop.sell({"A": 1})
    long_ago = shop.sold[old[0]].placed_at - timedelta(days=1)
    shop.sold[old[0]] = replace(shop.sold[old[0]], placed_at=long_ago, updated_at=long_ago)
    hub = TestHub(erp, {"shop": shop})
    hub.clock.advance(60)
    await hub.start()
    new = shop.sell({"A": 1})
    shop.change(old[0], note="changed later", updated_at=shop.sold[new].updated_at)
    await hub.settle()
    assert [key.split("-")[1] for key in erp.book] == [new]
    assert hub.ask("SELECT external_id, state FROM store_saleorder ORDER BY external_id") == [
        ("1", "ignored"),
        ("2", "ignored"),
        ("3", "ignored"),
        ("4", "in_erp"),
    ]
    await hub.close()


async def test_orders_placed_between_two_starts_are_imported(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 9)
    hub = await TestHub(erp, {"shop": shop}).start()
    await hub.close()
    missed = [shop.sell({"A": 1}) for _ in range(3)]
    hub.clock.advance(3600)
    again = await hub.beside("hub-b").start()
    assert sorted(key.split("-")[1] for key in erp.book) == missed
    await again.close()


async def test_the_first_orders_of_an_empty_shop_are_not_lost_between_two_looks(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 9)
    hub = TestHub(erp, {"shop": shop})
    await hub.lease()
    channel = hub.hub.channels()[0]
    await orders.start_point(hub.hub, channel)
    shop.sell({"A": 1})
    hub = await hub.start()
    assert len(erp.book) == 1
    await hub.close()


async def test_an_order_of_the_very_moment_of_the_first_look_is_rather_imported_than_lost(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 9)
    shop.sell({"A": 1})
    hub = await TestHub(erp, {"shop": shop}).start()
    assert len(erp.book) == 1
    await hub.close()
