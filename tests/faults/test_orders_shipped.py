"""Orders that the ERP tells of: one that nobody can read stops no other, and is asked for until it can be read."""

from __future__ import annotations

import pytest

from nervo.staging.world import WorldErp, WorldShop
from tests.hub import TestHub


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}).start()
    bad, fine = shop.sell({"A": 1}), shop.sell({"A": 1})
    await hub.settle()
    keys = {key.split("-")[1]: key for key in erp.orders}
    yield erp, shop, hub, (bad, keys[bad]), (fine, keys[fine])
    await hub.close()


def problems(hub: TestHub) -> list[tuple[object, ...]]:
    return hub.ask("SELECT code, connection, key, owner, said FROM store_problem WHERE state = 'open'")


@pytest.mark.fault(20, 57)
async def test_an_erp_order_that_nobody_can_read_is_a_developers_problem_and_the_others_are_shipped(world):
    erp, shop, hub, (_, bad_key), (fine, fine_key) = world
    erp.garbled = {bad_key}
    erp.ship(bad_key, "BRT-BAD")
    erp.ship(fine_key, "BRT-FINE")
    await hub.settle()
    assert shop.fulfilments == {fine: ["BRT-FINE"]}
    assert problems(hub) == [("unreadable_order", "erp", bad_key, "developer", "field shipments is a text")]


@pytest.mark.fault(20, 57)
async def test_it_is_shipped_when_it_can_be_read_again_though_the_erp_says_nothing_new(world):
    erp, shop, hub, (bad, bad_key), _ = world
    erp.garbled = {bad_key}
    erp.ship(bad_key, "BRT-BAD")
    await hub.settle()
    erp.garbled = set()
    hub.clock.advance(120)
    await hub.settle()
    assert (shop.fulfilments, problems(hub)) == ({bad: ["BRT-BAD"]}, [])
    assert hub.ask("SELECT count(*) FROM store_refresh WHERE connection = 'erp' AND entity = 'order'") == [(0,)]


@pytest.mark.fault(57)
async def test_it_is_asked_for_less_and_less_often(world):
    erp, _, hub, (_, bad_key), _ = world
    erp.garbled = {bad_key}
    erp.ship(bad_key, "BRT-BAD")
    before = erp.calls["read_order"]
    for _ in range(60):
        await hub.settle()
        hub.clock.advance(60)
    assert erp.calls["read_order"] - before <= 70
    assert [row[0] for row in problems(hub)] == ["unreadable_order"]
