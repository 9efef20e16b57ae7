"""What happens to the machine and to the people who run it: kills, restores, replays, updates, broken logs, clocks set back."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import structlog

from nervo.bootstrap.lines import Lines
from nervo.errors import Rejected
from nervo.flows import catalogue
from nervo.kit.clock import SystemClock
from nervo.ports.shop import Hint
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import inbox as inbox_store
from nervo.store import journal, refresh
from nervo.sync import inbox, orders
from nervo.sync.lease import LEASE_S
from nervo.sync.worker import Worker
from tests.hub import TestHub

STATE = ("saleorder", "publication", "hold", "stockfact", "link", "refresh", "flowdue", "problem")


@pytest.fixture
async def world(store: str):
    erp, shop = WorldErp(), WorldShop(["A", "B"])
    erp.stock("A", 10)
    erp.stock("B", 5)
    hub = await TestHub(erp, {"shop": shop}).start()
    yield erp, shop, hub
    await hub.close()


def state(hub: TestHub) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the hub knows of orders and of what is shown where."""
    return {table: sorted(hub.ask(f"SELECT * FROM store_{table}"), key=repr) for table in STATE}


def effects(erp: WorldErp, shop: WorldShop) -> tuple[object, ...]:
    """Everything that ever took effect outside, from the books of those it happened to."""
    writes = ("put_stock", "put_prices", "put_product", "create_order", "confirm_order", "record_payment", "fulfil")
    calls = Counter({name: n for name, n in (erp.calls + shop.calls).items() if name in writes})
    return list(erp.book), dict(erp.confirmations), dict(erp.payments), list(shop.history), calls


def read_number(topic: str, headers: object, body: bytes) -> tuple[Hint, ...]:
    return (Hint("order", body.decode()),)


async def deliver(hub: TestHub, *numbers: str) -> None:
    now = hub.hub.now_ms()
    rows = [("shop", "orders", f"{n}@{now}", f"{n}@{now}", "{}", n.encode(), now) for n in numbers]
    await hub.hub.db.write(lambda tx: inbox_store.add(tx, rows))
    await drain(hub)


async def drain(hub: TestHub) -> int:
    read = await inbox.drain(hub.hub, {"shop": read_number})
    await hub.settle()
    return read


@pytest.mark.fault(55, 12)
async def test_a_day_that_is_replayed_changes_nothing_here_and_nothing_outside(world) -> None:
    erp, shop, hub = world
    await deliver(hub, shop.sell({"A": 1}))
    hub.clock.advance(86_400)
    since = hub.hub.now_ms()
    sold, cancelled = shop.sell({"A": 2}, paid=False), shop.sell({"B": 1})
    await deliver(hub, sold, cancelled)
    shop.change(sold, payment_status="paid")
    shop.change(cancelled, status="cancelled")
    await deliver(hub, sold, cancelled)
    assert (len(erp.book), list(erp.payments.values())) == (3, [Decimal("10.00"), Decimal("10.00"), Decimal("20.00")])

    before, outside = state(hub), effects(erp, shop)
    assert await hub.command("inbox.replay", since_ms=since) == ("done", "4 deliveries are read again.")
    assert await drain(hub) == 4
    assert (state(hub), effects(erp, shop)) == (before, outside)


async def test_a_delivery_that_could_not_be_read_is_read_when_it_is_replayed(world) -> None:
    erp, shop, hub = world
    rows = [("shop", "orders", "", "sha", "{}", shop.sell({"A": 1}).encode(), hub.hub.now_ms())]
    await hub.hub.db.write(lambda tx: inbox_store.add(tx, rows))
    await inbox.drain(hub.hub, {})
    assert hub.ask("SELECT state FROM store_inbox") == [("failed",)]
    await hub.command("inbox.replay", since_ms=0)
    assert await drain(hub) == 1
    assert (len(erp.book), hub.ask("SELECT state, error FROM store_inbox")) == (1, [("done", "")])


class Sink(io.StringIO):
    """Where log lines go: fine, full, broken for good, or so slow that it never returns before `released`."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.released = how, threading.Event()

    def write(self, text: str) -> int:
        if self.how == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.how == "closed":
            raise ValueError("I/O operation on closed file")
        if self.how == "hanging":
            self.released.wait()
        return super().write(text)


@pytest.fixture(params=["full", "closed", "hanging"])
def sink(request: pytest.FixtureRequest):
    """The whole product logs there."""
    made = Sink(request.param)
    lines = Lines(made, kept=5)
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(lines), processors=[structlog.processors.JSONRenderer()]
    )
    yield made
    made.how = "fine"
    made.released.set()
    lines.close()
    structlog.reset_defaults()


@pytest.mark.fault(59)
async def test_a_log_that_nobody_can_write_stops_no_effect(store: str, sink: Sink, monkeypatch) -> None:
    monkeypatch.setattr("nervo.sync.worker.AFTER_BUG_S", 0.02)
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 7)
    hub = TestHub(erp, {"shop": shop}, clock=SystemClock())

    async def a_bug() -> int:
        raise ZeroDivisionError

    worker = Worker(hub.hub, {}, {"buggy": a_bug}, poll_s=0.02)
    await worker.start()
    worker._tasks["stock"].cancel()
    async with asyncio.timeout(10):
        for quantity in (5, 3, 1):
            erp.stock("A", quantity)
            while shop.shown["A"] != quantity:
                await asyncio.sleep(0.02)
    await worker.stop()
    await hub.close()


@pytest.mark.fault(59)
def test_a_log_says_how_much_of_it_is_missing_when_there_is_room_again() -> None:
    sink = Sink("full")
    lines = Lines(sink)
    lines.write("one\n")
    lines.write("two\n")
    while lines._lost < 2:
        time.sleep(0.001)
    sink.how = "fine"
    lines.write("three\n")
    lines.close()
    assert sink.getvalue() == '{"event": "log_lines_lost", "count": 2}\nthree\n'


@pytest.mark.fault(59)
@pytest.mark.parametrize("broken", ["full", "unread"])
async def test_a_command_whose_error_output_takes_nothing_goes_on(broken: str) -> None:
    program = (
        "import structlog; from nervo.cli import everywhere; everywhere()\n"
        "for _ in range(3_000): structlog.get_logger().error('x' * 100)\n"
        "print('went on')"
    )
    reading, writing = (0, os.open("/dev/full", os.O_WRONLY)) if broken == "full" else os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=writing
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    os.close(writing)
    if reading:
        os.close(reading)
    assert said == b"went on\n"


@pytest.mark.fault(61)
@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "forwards"])
async def test_a_clock_that_is_set_lengthens_and_shortens_no_wait(store: str, hours: int) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    shop.capabilities = replace(shop.capabilities, late_application_s=60.0)
    erp.stock("A", 7)
    hub = await TestHub(erp, {"shop": shop}).start()
    shop.faults.lose_reply("put_stock")
    erp.stock("A", 3)
    await hub.settle()
    assert hub.ask("SELECT state FROM store_publication WHERE kind = 'stock'") == [("unknown",)]
    reads = shop.calls["read_listings"]

    hub.clock._now += timedelta(hours=hours)
    await hub.settle()
    assert shop.calls["read_listings"] == reads, "not read back before a late write had its time"
    hub.clock.advance(60)
    await hub.settle()
    assert shop.calls["read_listings"] > reads
    assert hub.ask("SELECT state FROM store_publication WHERE kind = 'stock'") == [("ok",)]
    await hub.close()


@pytest.mark.fault(61)
async def test_what_a_predecessor_with_a_wrong_clock_made_wait_waits_no_longer_than_it_may(world) -> None:
    _, _, hub = world
    year_ms = hub.hub.now_ms() + 365 * 86_400_000
    await hub.hub.db.write(lambda tx: refresh.want(tx, "shop", "order", ["1"], "webhook", 0))
    await hub.hub.db.write(lambda tx: refresh.postponed(tx, "shop", "order", ["1"], year_ms, ""))
    hub.clock.advance(LEASE_S + 1)
    second = hub.beside("hub-b")
    assert await second.lease()
    assert hub.ask("SELECT not_before_ms FROM store_refresh") == [(second.hub.now_ms() + 600_000,)]


@pytest.mark.fault(58)
async def test_a_flow_whose_failure_cannot_be_told_stays_and_is_tried_again(world, monkeypatch) -> None:
    erp, shop, hub = world
    told = catalogue.problem_for

    def broken(*args: object) -> None:
        raise ZeroDivisionError("the teller of troubles has a bug")

    monkeypatch.setattr(catalogue, "problem_for", broken)
    erp.faults.fail("create_order", Rejected("writing the order", "period closed"))
    shop.sell({"A": 1})
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    await hub.engine.idle()
    assert hub.ask("SELECT flow FROM store_flowdue") == [("place_order",)]
    assert (erp.book, hub.ask("SELECT 1 FROM store_problem")) == ([], [])
    monkeypatch.setattr(catalogue, "problem_for", told)
    await hub.settle()
    assert (len(erp.book), hub.ask("SELECT flow FROM store_flowdue")) == (1, [])


@pytest.mark.fault(58)
async def test_a_delivery_whose_failure_cannot_be_told_stays_and_is_read_again(world, monkeypatch) -> None:
    erp, shop, hub = world
    good, tell = shop.sell({"A": 1}), journal.problem
    rows = [("shop", "orders", body, body, "{}", body.encode(), hub.hub.now_ms()) for body in ("", good)]
    await hub.hub.db.write(lambda tx: inbox_store.add(tx, rows))

    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("the teller of troubles has a bug")

    def reader(topic: str, headers: object, body: bytes) -> tuple[Hint, ...]:
        return (Hint("order", {good.encode(): good}[body]),)

    monkeypatch.setattr(journal, "problem", broken)
    with pytest.raises(ZeroDivisionError):
        await inbox.drain(hub.hub, {"shop": reader})
    assert hub.ask("SELECT state FROM store_inbox") == [("new",), ("new",)]
    monkeypatch.setattr(journal, "problem", tell)
    await inbox.drain(hub.hub, {"shop": reader})
    await hub.settle()
    assert sorted(hub.ask("SELECT state FROM store_inbox")) == [("done",), ("failed",)]
    assert len(erp.book) == 1


@pytest.mark.fault(58)
async def test_a_loop_goes_on_though_neither_it_nor_the_teller_of_its_troubles_works(store: str, monkeypatch) -> None:
    monkeypatch.setattr("nervo.sync.worker.AFTER_BUG_S", 0.02)
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 7)
    hub = TestHub(erp, {"shop": shop}, clock=SystemClock())
    turns = []

    async def a_bug() -> int:
        turns.append(1)
        raise ZeroDivisionError

    async def broken(loop: str, error: BaseException) -> None:
        raise OSError("the teller of troubles has a bug")

    worker = Worker(hub.hub, {}, {"buggy": a_bug}, poll_s=0.02)
    monkeypatch.setattr(worker.watch, "bug", broken)
    await worker.start()
    async with asyncio.timeout(10):
        while shop.shown["A"] != 7 or len(turns) < 3:
            await asyncio.sleep(0.02)
    await worker.stop()
    await hub.close()
