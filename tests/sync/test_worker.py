"""The worker: a loop that fails, hangs or meets a bug is seen and goes on; of two processes one works; states are kept current."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from nervo.errors import AuthFailed, Misunderstood, Unavailable
from nervo.flows.catalogue import resume
from nervo.kit.clock import SystemClock
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import operations
from nervo.sync import lease, watch
from nervo.sync.worker import Worker
from tests.hub import TestHub


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(lease, "LEASE_S", 1.5)
    monkeypatch.setattr(lease, "RENEW_S", 0.1)
    monkeypatch.setattr("nervo.sync.loops.WATCH_S", 0.05)
    monkeypatch.setattr("nervo.sync.worker.AFTER_BUG_S", 0.05)


def working(hub: TestHub, extra=None) -> Worker:
    async def resumed() -> None:
        await resume(hub.hub)

    return Worker(hub.hub, {}, extra or {}, poll_s=0.02, opened=resumed, lost=hub.engine.drop)


async def until(what: Callable[[], object], at_most_s: float = 10.0) -> None:
    async with asyncio.timeout(at_most_s):
        while not what():
            await asyncio.sleep(0.02)


@pytest.fixture
async def world(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 7)
    hub = TestHub(erp, {"shop": shop}, clock=SystemClock())
    yield erp, shop, hub
    await hub.close()


async def test_a_sale_goes_through_all_loops(world):
    erp, shop, hub = world
    worker = working(hub)
    await worker.start()
    await until(lambda: shop.shown["A"] == 7)
    await worker.stop()
    assert hub.hub.epoch == 0


@pytest.mark.fault(27)
async def test_the_second_process_works_when_the_first_one_dies(world):
    erp, shop, hub = world
    first, other = working(hub), hub.beside("hub-b")
    second = working(other)
    await first.start()
    await second.start()
    await until(lambda: shop.shown["A"] == 7)
    assert (hub.hub.active, other.hub.active) == (True, False)
    for task in (first._governor, *first._tasks.values()):
        task.cancel()
    erp.stock("A", 3)
    await until(lambda: shop.shown["A"] == 3)
    assert (hub.hub.active, other.hub.epoch) == (False, hub.hub.epoch + 1)
    await second.stop()
    await other.close()


async def test_a_process_that_lost_the_lease_stops_its_loops_and_its_flows(world):
    erp, shop, hub = world
    worker = working(hub)
    await worker.start()
    await hub.hub.db.write(
        lambda tx: tx.run("UPDATE store_lease SET owner = 'somebody', epoch = 9, expires_ms = 9999999999999")
    )
    await until(lambda: not worker._tasks and hub.hub.epoch == 0)
    shop.sell({"A": 1})
    await asyncio.sleep(0.2)
    assert (erp.book, hub.hub.active) == ([], False)
    await worker.stop()


async def test_a_bug_in_a_loop_is_a_problem_for_the_developer_and_the_loop_goes_on(world):
    erp, shop, hub = world
    turns = []

    async def step() -> int:
        turns.append(1)
        if len(turns) <= 2:
            raise ZeroDivisionError("ours")
        return 0

    worker = working(hub, {"strange": step})
    await worker.start()
    await until(lambda: hub.ask("SELECT owner, key FROM store_problem WHERE code = 'internal_error'"))
    assert hub.ask("SELECT owner, key FROM store_problem WHERE code = 'internal_error'") == [("developer", "strange")]
    await until(lambda: hub.ask("SELECT state FROM store_problem WHERE code = 'internal_error'") == [("resolved",)])
    await worker.stop()


@pytest.mark.fault(60)
async def test_a_loop_that_died_is_started_again_and_said_so(world):
    erp, shop, hub = world
    worker = working(hub)
    await worker.start()
    worker._tasks["stock"].cancel()
    await until(
        lambda: not worker._tasks["stock"].done() and hub.ask("SELECT 1 FROM store_problem WHERE key = 'stock'")
    )
    erp.stock("A", 2)
    await until(lambda: shop.shown["A"] == 2)
    await worker.stop()


async def test_an_answer_that_cannot_be_read_stops_that_loop_only(world):
    erp, shop, hub = world
    for _ in range(1000):
        shop.faults.fail("orders", Misunderstood("reading orders", "field total is missing"))
    await hub.hub.db.write(
        lambda tx: tx.run(
            "INSERT INTO store_sourcecursor VALUES ('shop', 'orders', '2026-11-24T00:00:00+00:00', '', 0)"
        )
    )
    worker = working(hub)
    await worker.start()
    await until(lambda: hub.ask("SELECT 1 FROM store_problem WHERE code = 'misunderstood' AND key = 'sweep:shop'"))
    erp.stock("A", 2)
    await until(lambda: shop.shown["A"] == 2)
    await worker.stop()


@pytest.mark.fault(41)
async def test_refused_credentials_pause_the_connection_and_are_tried_again_every_minute(world, monkeypatch):
    erp, shop, hub = world
    monkeypatch.setattr(watch, "PROBE_S", 0.3)
    worker = working(hub)
    await worker.start()
    await until(lambda: shop.shown["A"] == 7)
    shop.faults.down = AuthFailed("calling the shop", "token revoked")
    erp.stock("A", 3)
    await until(
        lambda: hub.ask("SELECT 1 FROM store_connectionstate WHERE connection = 'shop' AND state = 'auth_failed'")
    )
    calls = sum(shop.calls.values())
    await asyncio.sleep(0.5)
    assert sum(shop.calls.values()) - calls <= 3
    assert hub.ask("SELECT code, subject FROM store_problem WHERE connection = 'shop'") == [
        ("auth_failed", "connection")
    ]
    shop.faults.down = None
    await until(lambda: shop.shown["A"] == 3)
    await until(lambda: hub.ask("SELECT state FROM store_connectionstate WHERE connection = 'shop'") == [("ok",)])
    assert hub.ask("SELECT state FROM store_problem WHERE connection = 'shop'") == [("resolved",)]
    await worker.stop()


async def test_a_connections_state_follows_its_calls(world):
    erp, shop, hub = world
    worker = working(hub)
    await worker.start()
    erp.faults.down = Unavailable("calling the ERP", "connection refused")
    await until(
        lambda: hub.ask("SELECT 1 FROM store_connectionstate WHERE connection = 'erp' AND state = 'unavailable'")
    )
    ((error, ok),) = hub.ask("SELECT error, last_ok_ms FROM store_connectionstate WHERE connection = 'erp'")
    assert "connection refused" in str(error)
    assert ok > 0
    erp.faults.down = None
    await until(lambda: hub.ask("SELECT 1 FROM store_connectionstate WHERE connection = 'erp' AND state = 'ok'"))
    await worker.stop()


@pytest.mark.fault(60)
async def test_heartbeats_are_kept_and_a_loop_that_hangs_is_a_problem(world, monkeypatch):
    erp, shop, hub = world
    monkeypatch.setattr(watch, "STUCK_S", 0.3)

    async def hangs() -> int:
        await asyncio.Event().wait()
        return 0

    worker = working(hub, {"hanging": hangs})
    await worker.start()
    worker.watch.turned("hanging", 0.02)
    await until(lambda: hub.ask("SELECT owner FROM store_problem WHERE code = 'loop_stuck' AND key = 'hanging'"))
    states = dict(hub.ask("SELECT loop, state FROM store_heartbeat"))
    assert (states["hub"], states["hanging"], states["stock"]) == ("active", "late", "ok")
    await worker.stop()


@pytest.mark.fault(60)
async def test_work_that_has_waited_too_long_is_a_problem_until_it_is_done(world, monkeypatch):
    erp, shop, hub = world
    monkeypatch.setattr(watch, "BEHIND_S", 0.3)
    worker = working(hub)
    await worker.start()
    await hub.hub.db.write(lambda tx: hub.hub.want(tx, "unheard_of", 1))
    worker._tasks["connections"].cancel()
    await until(lambda: hub.ask("SELECT key FROM store_problem WHERE code = 'falling_behind'") == [("flows",)])
    await hub.hub.db.write(lambda tx: tx.run("DELETE FROM store_flowdue"))
    await until(lambda: hub.ask("SELECT state FROM store_problem WHERE code = 'falling_behind'") == [("resolved",)])
    await worker.stop()


async def test_the_erps_doorbell_wakes_the_loops_that_read_it(world):
    erp, shop, hub = world
    rung = asyncio.Event()
    erp.capabilities = replace(erp.capabilities, doorbell=True)

    async def doorbell(after: str) -> tuple[str, bool]:
        if after:
            await rung.wait()
            rung.clear()
        return "1", bool(after)

    erp.doorbell = doorbell
    worker = Worker(hub.hub, {}, {}, poll_s=30.0)
    await worker.start()
    await until(lambda: shop.shown["A"] == 7)
    await asyncio.sleep(0.3)
    erp.stock("A", 1)
    await asyncio.sleep(0.3)
    assert shop.shown["A"] == 7
    rung.set()
    await until(lambda: shop.shown["A"] == 1, 5.0)
    await worker.stop()


async def test_a_renewal_that_took_too_long_sends_nothing_meanwhile_and_stops_no_loop(world):
    erp, shop, hub = world
    worker = working(hub)
    await worker.start()
    await until(lambda: shop.shown["A"] == 7)
    tasks, renew = set(worker._tasks.values()), hub.hub.db.write

    async def slow(work):
        result = await renew(work)
        await asyncio.sleep(lease.LEASE_S + 0.2 if "renew" in work.__qualname__ else 0)
        return result

    hub.hub.db.write = slow
    erp.stock("A", 3)
    await until(lambda: not hub.hub.active)
    hub.hub.db.write = renew
    await until(lambda: shop.shown["A"] == 3)
    assert set(worker._tasks.values()) == tasks
    await worker.stop()


@pytest.mark.fault(28)
async def test_who_loses_the_lease_while_it_starts_stands_by_and_acts_when_its_turn_comes(world):
    _, shop, hub = world
    worker, ready = working(hub), asyncio.Event()
    opened = worker._opened

    async def slowly() -> None:
        await ready.wait()
        await opened()

    worker._opened = slowly
    starting = asyncio.create_task(worker.start())
    await until(lambda: worker._opening)
    until_ms = hub.hub.now_ms() + 1500
    await hub.hub.db.write(
        lambda tx: tx.run("UPDATE store_lease SET owner = 'other', epoch = epoch + 1, expires_ms = %s", (until_ms,))
    )
    await until(starting.done)
    await starting
    ready.set()
    assert not hub.hub.active
    await until(lambda: shop.shown["A"] == 7)
    await worker.stop()


@pytest.mark.fault(41)
async def test_nobody_is_called_with_refused_credentials_but_to_ask_whether_they_are_good_again(world):
    _, shop, hub = world
    remote = hub.hub.remotes["shop"]
    number = shop.sell({"A": 1})
    shop.faults.fail("order", AuthFailed("calling the shop", "token revoked"))
    for _ in range(3):
        with pytest.raises(AuthFailed, match="token revoked"):
            await remote.call("order", number)
    assert (shop.calls["order"], shop.calls["check"]) == (1, 0)
    await hub.watch.probe()
    assert (await remote.call("order", number)).external_id == number
    assert shop.calls["check"] == 1


@pytest.mark.fault(41)
async def test_who_is_refused_at_the_first_reading_after_a_takeover_asks_again_and_says_so_meanwhile(
    world, monkeypatch
):
    erp, shop, hub = world
    monkeypatch.setattr(watch, "PROBE_S", 0.3)
    until_ms = hub.hub.now_ms() + 500
    await hub.hub.db.write(lambda tx: operations.take_lease(tx, "hub", "other", until_ms - 500, 500))
    worker = working(hub)
    await worker.start()
    assert not hub.hub.active
    erp.faults.down = AuthFailed("calling the ERP", "token revoked")
    await until(lambda: hub.ask("SELECT 1 FROM store_problem WHERE code = 'auth_failed' AND state = 'open'"))
    erp.faults.down = None
    await until(lambda: shop.shown["A"] == 7)
    await until(lambda: not hub.ask("SELECT 1 FROM store_problem WHERE state = 'open'"))
    await worker.stop()
