"""One policy for every call: repeated with jitter and within a budget; who does not answer rests and is probed by one call at a time."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random
from types import SimpleNamespace

import pytest

from nervo.errors import NotFound, RateLimited, Unavailable
from nervo.kit.clock import ManualClock
from nervo.kit.pacing import Breaker, Budget, Longest
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import refresh
from nervo.sync import orders
from nervo.sync.kinds import StockKind
from nervo.sync.loops import sparing
from nervo.sync.publish import Publisher
from nervo.sync.remote import Remote
from tests.hub import TestHub


class Noted(ManualClock):
    """Keeps every sleep that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


def remote_of(erp: WorldErp, clock: ManualClock, chance=None) -> Remote:
    return Remote("erp", erp, clock, writable=True, chance=chance or Longest())


async def failing(remote: Remote, operation: str, *args: object) -> str:
    with pytest.raises((Unavailable, RateLimited)) as caught:
        await remote.call(operation, *args)
    return caught.value.said


async def down(remote: Remote, erp: WorldErp) -> None:
    """Until the breaker opens."""
    erp.faults.down = Unavailable("calling", "connection refused")
    while not remote.breaker.refuses:
        await failing(remote, "find_order", "x")


async def test_repeats_are_spread_by_chance_up_to_the_longest_pause() -> None:
    pauses = []
    for seed in range(40):
        clock, erp = Noted(), WorldErp()
        erp.faults.fail("find_order", Unavailable("calling", "connection refused"))
        await remote_of(erp, clock, Random(seed)).call("find_order", "x")
        pauses += clock.slept
    assert len(pauses) == 40 and 0 <= min(pauses) < 0.1 and 0.3 < max(pauses) <= 0.4
    assert len({round(p, 3) for p in pauses}) > 30


async def test_nobody_comes_back_sooner_than_they_asked() -> None:
    for seed in range(20):
        clock, erp = Noted(), WorldErp()
        erp.faults.fail("find_order", RateLimited("calling", retry_after_s=3))
        await remote_of(erp, clock, Random(seed)).call("find_order", "x")
        assert 3 <= clock.slept[0] <= 3.4


async def test_a_storm_of_refusals_is_not_answered_by_a_storm_of_repeats() -> None:
    clock, erp = ManualClock(), WorldErp()
    clock.sleep = lambda seconds: asyncio.sleep(0)  # type: ignore[method-assign]  # no time passes
    remote = remote_of(erp, clock)
    erp.faults.down = RateLimited("calling")
    for _ in range(500):
        await failing(remote, "find_order", "x")
    assert 500 < erp.calls["find_order"] <= 500 + 10 + 500 * 0.1


def test_a_few_repeats_are_always_there_again_after_a_minute() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    while budget.repeat():
        pass
    clock.advance(60)
    assert [budget.repeat() for _ in range(12)].count(True) == 10


async def test_who_does_not_answer_rests_and_no_call_leaves_meanwhile() -> None:
    clock, erp = ManualClock(), WorldErp()
    remote = remote_of(erp, clock)
    await down(remote, erp)
    calls = erp.calls["find_order"]
    assert calls == 5
    assert await failing(remote, "find_order", "x") == "connection refused"
    assert erp.calls["find_order"] == calls


async def test_one_probe_at_a_time_and_all_go_on_when_it_is_answered() -> None:
    clock, erp = ManualClock(), WorldErp()
    remote = remote_of(erp, clock)
    await down(remote, erp)
    clock.advance(10)
    answer = asyncio.Event()

    async def find_order(key: str) -> None:
        await answer.wait()

    erp.find_order = find_order  # type: ignore[method-assign,assignment]
    probe = asyncio.create_task(remote.call("find_order", "x"))
    await asyncio.sleep(0)
    assert [await failing(remote, "read_order", "x") for _ in range(3)] == ["connection refused"] * 3
    erp.faults.down = None
    answer.set()
    await probe
    assert await remote.call("stock_of", []) == ()


async def test_the_pause_grows_while_nothing_answers() -> None:
    clock = ManualClock()
    breaker, pauses = Breaker(clock, Longest()), []
    for _ in range(5):
        breaker.unanswered()
    for _ in range(8):
        pauses.append(0)
        while breaker.refuses:
            clock.advance(0.5)
            pauses[-1] += 1
        assert breaker.admits()
        breaker.unanswered()
    assert [p / 2 for p in pauses] == [0.5, 1, 2, 4, 8, 10, 10, 10]


async def test_a_long_wait_at_the_doorbell_is_no_probe() -> None:
    clock, erp = ManualClock(), WorldErp()
    erp.doorbell = lambda after: asyncio.sleep(100)  # type: ignore[attr-defined]
    remote = remote_of(erp, clock)
    await down(remote, erp)
    clock.advance(10)
    await failing(remote, "doorbell", "")
    erp.faults.down = None
    assert await remote.call("stock_of", []) == ()


async def test_a_refusal_is_an_answer() -> None:
    clock, erp = ManualClock(), WorldErp()
    remote = remote_of(erp, clock)
    for _ in range(3):
        erp.faults.fail("find_order", Unavailable("calling"))
        erp.faults.fail("find_order", NotFound("calling"))
        with pytest.raises(NotFound):
            await remote.call("find_order", "x")
    assert not remote.breaker.open


async def test_a_check_is_made_though_the_side_rests() -> None:
    clock, erp = ManualClock(), WorldErp()
    remote = remote_of(erp, clock)
    await down(remote, erp)
    erp.faults.down = None
    assert (await remote.call("check")).name == "World ERP"
    assert not remote.breaker.open


async def test_orders_that_were_hinted_at_are_read_several_at_a_time(store) -> None:
    shop, asked, answer = WorldShop(["S0"]), list[str](), asyncio.Event()
    hub = await TestHub(WorldErp(), {"shop": shop}).start()
    keys = [shop.sell({"S0": 1}) for _ in range(5)]
    read = shop.order

    async def order(external_id: str):
        asked.append(external_id)
        await answer.wait()
        return await read(external_id)

    shop.order = order  # type: ignore[method-assign]
    await hub.hub.db.write(lambda tx: refresh.want(tx, "shop", "order", keys, "webhook", hub.hub.now_ms()))
    reading = asyncio.create_task(orders.read_hinted(hub.hub, hub.hub.channels()[0]))
    async with asyncio.timeout(10):
        while len(asked) < 5:
            await asyncio.sleep(0)
    answer.set()
    assert (await reading, hub.ask("SELECT count(*) FROM store_saleorder")) == (5, [(5,)])
    await hub.close()


async def test_what_waits_for_a_channel_that_rests_is_left_alone(store) -> None:
    erp, shop = WorldErp(), WorldShop(["S0"])
    erp.stock("S0", 7)
    hub = await TestHub(erp, {"shop": shop}).start()
    shop.faults.down = Unavailable("calling", "connection refused")
    while not hub.hub.remotes["shop"].breaker.refuses:
        await failing(hub.hub.remotes["shop"], "orders", None)
    await hub.hub.db.write(lambda tx: hub.hub.mark(tx, "stock", ["S0"]))
    before = hub.ask("SELECT * FROM store_publication ORDER BY kind, key")
    publisher = Publisher(hub.hub, hub.hub.channels()[0], StockKind())
    assert [await publisher.drain() for _ in range(3)] == [0, 0, 0]
    assert hub.ask("SELECT * FROM store_publication ORDER BY kind, key") == before
    shop.faults.down = None
    await hub.settle()
    assert hub.ask("SELECT count(*) FROM store_publication WHERE dirty_tick > 0") == [(0,)]
    await hub.close()


async def test_however_often_the_erp_rings_it_is_asked_a_fifth_of_the_time_at_most() -> None:
    clock, erp = Noted(), WorldErp()
    hub = SimpleNamespace(erp=lambda: remote)
    remote, asked = remote_of(erp, clock), list[float]()

    async def changed_stock(after: object) -> int:
        asked.append(clock.monotonic())
        clock.advance(0.2)
        return 3

    erp.changed_stock = changed_stock  # type: ignore[method-assign,assignment]
    step = sparing(hub, lambda: remote.call("changed_stock", None), "changed_stock")  # type: ignore[arg-type]
    for _ in range(10):
        await step()
    assert [round(b - a, 6) for a, b in pairwise(asked)] == [1.0] * 9
    clock.advance(5)
    clock.slept.clear()
    await step()
    assert clock.slept == [], "after a quiet while it is asked at once"


async def test_where_a_whole_batch_waits_the_next_one_is_read_at_once() -> None:
    clock, erp = Noted(), WorldErp()
    hub, remote, moved = SimpleNamespace(erp=lambda: remote), remote_of(erp, clock), [5, 5, 2, 5]

    async def stock_of(skus: object) -> int:
        clock.advance(0.2)
        return moved.pop(0)

    erp.stock_of = stock_of  # type: ignore[method-assign,assignment]
    step = sparing(hub, lambda: remote.call("stock_of", []), "stock_of", batch=5)  # type: ignore[arg-type]
    for _ in range(4):
        await step()
    assert [round(pause, 6) for pause in clock.slept] == [0.8]
