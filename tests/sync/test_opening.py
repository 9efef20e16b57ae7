"""Opening: each channel by itself, and under the rules of today."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import Unavailable
from nervo.kit.clock import SystemClock
from nervo.rules.config import StockRule
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync.opening import reproject
from nervo.sync.worker import Worker
from tests.hub import TestHub


@pytest.fixture
async def world(store):
    erp, shop, other = WorldErp(), WorldShop(["A"]), WorldShop(["A"])
    erp.stock("A", 10)
    hub = TestHub(erp, {"shop": shop, "other": other}, clock=SystemClock())
    yield erp, shop, other, hub
    await hub.close()


async def until(true) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.05)


async def test_a_channel_that_is_down_at_the_start_stops_no_other_and_is_opened_when_it_answers(world, monkeypatch):
    _, shop, other, hub = world

    async def down(after):
        raise Unavailable("listing", "down")

    monkeypatch.setattr(other, "listings", down)
    monkeypatch.setattr("nervo.sync.loops.OPEN_S", 0.2)
    worker = Worker(hub.hub, {}, {}, poll_s=0.05)
    await worker.start()
    await until(lambda: shop.shown["A"] == 10)
    assert (other.shown["A"], hub.hub.opened) == (0, {"shop"})
    monkeypatch.undo()
    await until(lambda: other.shown["A"] == 10)
    await worker.stop()


async def test_a_channel_whose_rule_changed_is_projected_again_and_the_others_are_left_alone(world):
    _, shop, other, hub = world
    await hub.lease()
    hub.clock.advance = lambda seconds: None
    await hub.start()
    calls = other.calls["put_stock"]
    connections = hub.hub.config.connections
    connections["shop"] = replace(connections["shop"], stock=StockRule(safety=Decimal(3)))
    assert await hub.hub.db.write(lambda tx: reproject(hub.hub, tx, connections["shop"])) == ["stock"]
    assert await hub.hub.db.write(lambda tx: reproject(hub.hub, tx, connections["other"])) == []
    await hub.settle()
    assert (shop.shown["A"], other.shown["A"], other.calls["put_stock"]) == (7, 10, calls)


async def test_a_channel_that_is_added_later_is_given_everything(world):
    erp, _, _, hub = world
    hub.clock.advance = lambda seconds: None
    await hub.start()
    late = WorldShop(["A"])
    joined = TestHub(erp, {"shop": world[1], "late": late}, clock=hub.clock)
    await hub.hub.db.write(lambda tx: tx.run("UPDATE store_lease SET expires_ms = 0"))
    joined.clock.advance = lambda seconds: None
    await joined.start()
    assert (late.shown["A"], late.price["A"]) == (10, Decimal("10.00"))
    await joined.close()
