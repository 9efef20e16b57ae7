"""Stock: the ERP's figure reaches every channel, each item with its own outcome; the unknown is read back, the unusual asks."""

from __future__ import annotations

import pytest

from nervo.errors import AuthFailed, RateLimited, Unavailable
from nervo.rules.config import Guards, StockRule
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync.availability import available
from tests.hub import TestHub


async def hub_of(skus: int = 2, *, mode: str = "write", guards: Guards | None = None, compare_and_set: bool = False):
    erp, names = WorldErp(), [f"S{i}" for i in range(skus)]
    for name in names:
        erp.stock(name, 7)
    shop = WorldShop(names, compare_and_set=compare_and_set)
    return erp, shop, await TestHub(erp, {"shop": shop}, guards=guards, mode=mode).start()


@pytest.fixture
async def world(store):
    erp, shop, hub = await hub_of()
    yield erp, shop, hub
    await hub.close()


async def test_a_change_in_the_erp_is_shown_by_the_shop(world):
    erp, shop, hub = world
    erp.stock("S0", 3)
    await hub.settle()
    assert shop.shown == {"S0": 3, "S1": 7}


async def test_what_is_shown_already_costs_no_call(world):
    erp, shop, hub = world
    calls = shop.calls["put_stock"]
    erp.stock("S0", 7)
    await hub.settle()
    assert shop.calls["put_stock"] == calls


async def test_a_hundred_changes_of_one_sku_are_one_write_of_the_last(world):
    erp, shop, hub = world
    calls = shop.calls["put_stock"]
    for quantity in range(100):
        erp.stock("S0", quantity)
    await hub.settle()
    assert (shop.calls["put_stock"], shop.history[-1]) == (calls + 1, ("S0", 99))


@pytest.mark.fault(34)
async def test_an_unknown_outcome_is_read_back_before_anything_is_sent_again(world):
    erp, shop, hub = world
    shop.faults.lose_reply("put_stock")
    erp.stock("S0", 3)
    await hub.settle()
    assert (shop.shown["S0"], shop.history.count(("S0", 3)), shop.calls["read_listings"]) == (3, 1, 1)


@pytest.mark.fault(34)
async def test_five_three_five_ends_at_five_though_the_three_was_lost_on_the_way(world):
    erp, shop, hub = world
    shop.faults.lose_reply("put_stock")
    erp.stock("S0", 3)
    await hub._round()
    erp.stock("S0", 7)
    await hub.settle()
    assert shop.shown["S0"] == 7


@pytest.mark.fault(24)
async def test_a_refused_item_is_a_problem_and_the_others_go_through(world):
    erp, shop, hub = world
    shop.reject.add("S0")
    erp.stock("S0", 1)
    erp.stock("S1", 1)
    await hub.settle()
    assert shop.shown == {"S0": 7, "S1": 1}
    assert hub.ask("SELECT code, key, said FROM store_problem") == [("item_rejected", "S0", "listing is locked")]


@pytest.mark.fault(42)
@pytest.mark.parametrize("error", [Unavailable("x"), RateLimited("x", retry_after_s=1), AuthFailed("x")])
async def test_after_an_outage_the_latest_value_is_sent_and_no_old_one(world, error):
    erp, shop, hub = world
    shop.faults.fail("put_stock", error)
    erp.stock("S0", 4)
    await hub._round()
    erp.stock("S0", 2)
    for _ in range(8):
        hub.clock.advance(10)
        await hub.settle()
    assert ("S0", 4) not in shop.history
    assert shop.shown["S0"] == 2


@pytest.mark.fault(35)
async def test_a_hand_edit_is_noticed_by_compare_and_set_and_repaired(store):
    erp, shop, hub = await hub_of(compare_and_set=True)
    shop.shown["S0"] = 50
    erp.stock("S0", 6)
    await hub.settle()
    assert (shop.shown["S0"], shop.calls["read_listings"]) == (6, 1)
    await hub.close()


async def test_a_read_connection_is_never_written(store):
    erp, shop, hub = await hub_of(mode="read")
    erp.stock("S0", 1)
    await hub.settle()
    assert (shop.history, shop.calls["put_product"]) == ([], 0)
    await hub.close()


@pytest.mark.fault(44)
async def test_an_empty_export_does_not_empty_the_shop(store):
    erp, shop, hub = await hub_of(30, guards=Guards(mass_zero_least=5))
    for i in range(30):
        erp.stock(f"S{i}", 0)
    await hub.settle()
    assert sum(1 for n in shop.shown.values() if n == 0) == 0
    assert hub.ask("SELECT code, connection FROM store_problem") == [("stock_mass_zero", "shop")]
    await hub.close()


@pytest.mark.fault(43)
async def test_a_price_that_jumps_or_falls_to_zero_waits_for_a_person(world):
    erp, shop, hub = world
    await hub.hub.db.write(lambda tx: tx.run("DELETE FROM store_sourcecursor WHERE entity = 'prices'"))
    from decimal import Decimal

    from nervo.sync import source

    erp.price |= {"S0": Decimal("100.00"), "S1": Decimal("0.00")}
    await source.catalogue(hub.hub)
    await hub.settle()
    assert shop.price == {"S0": Decimal("10.00"), "S1": Decimal("10.00")}
    assert sorted(hub.ask("SELECT code, key FROM store_problem")) == [("price_jump", "S0"), ("price_zero", "S1")]


@pytest.mark.parametrize(
    ("rule", "quantity", "shown"),
    [
        (StockRule(), "7", 7),
        (StockRule(), "-3", 0),
        (StockRule(), "7.9", 7),
        (StockRule(share="0.5"), "7", 3),  # type: ignore[arg-type]
        (StockRule(safety=2), "7", 5),  # type: ignore[arg-type]
        (StockRule(cap=5), "7", 5),  # type: ignore[arg-type]
        (StockRule(last_units=7), "7", 0),  # type: ignore[arg-type]
        (StockRule(warehouses=("TO",)), "7", None),
    ],
)
def test_the_rule_of_a_channel_makes_its_stock(rule, quantity, shown):
    from dataclasses import replace
    from decimal import Decimal

    exact = replace(
        rule, share=Decimal(str(rule.share)), safety=Decimal(rule.safety), last_units=Decimal(rule.last_units)
    )
    found = available("A", exact, [("WH", quantity, 1)], [])
    assert found.available_to_promise == shown
    if shown is not None:
        assert sum(t.quantity for t in found.terms) // 1 == shown
