"""The pace: tokens, priorities, and what answers teach."""

from __future__ import annotations

import asyncio

import pytest

from nervo.kit.clock import ManualClock, SystemClock
from nervo.kit.pacing import BULK, NORMAL, URGENT, Bucket, Pace


async def test_the_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = ManualClock()
    bucket = Bucket(clock, rate=2.0, burst=4.0)
    for _ in range(4):
        await bucket.take()
    assert clock.monotonic() == 0
    for _ in range(4):
        await bucket.take()
    assert clock.monotonic() == pytest.approx(2.0)


async def test_a_cost_above_the_burst_is_taken_as_the_burst() -> None:
    clock = ManualClock()
    bucket = Bucket(clock, rate=1.0, burst=4.0)
    await bucket.take(1_000)
    await bucket.take(1_000)
    assert clock.monotonic() == pytest.approx(4.0)


@pytest.mark.fault(36)
async def test_the_urgent_go_first_then_first_come_first_served() -> None:
    bucket, order = Bucket(SystemClock(), rate=20.0, burst=1.0), list[str]()
    await bucket.take()

    async def taker(name: str, priority: int) -> None:
        await bucket.take(1.0, priority)
        order.append(name)

    asked = [("bulk", BULK), ("normal 1", NORMAL), ("normal 2", NORMAL), ("urgent", URGENT)]
    await asyncio.gather(*(taker(name, priority) for name, priority in asked))
    assert order == ["urgent", "normal 1", "normal 2", "bulk"]


async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    clock = ManualClock()
    bucket = Bucket(clock, rate=1.0, burst=1.0)
    await bucket.take()
    waiting = asyncio.ensure_future(bucket.take(1.0, URGENT))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await bucket.take()
    assert clock.monotonic() == pytest.approx(1.0)


async def test_an_answer_teaches_what_is_left_the_rate_and_the_burst() -> None:
    clock = ManualClock()
    bucket = Bucket(clock, rate=100.0, burst=100.0)
    bucket.learn(available=0.0, rate=2.0, burst=10.0)
    await bucket.take()
    assert clock.monotonic() == pytest.approx(0.5)
    bucket.learn(available=1_000.0)
    await bucket.take(10)
    assert clock.monotonic() == pytest.approx(0.5)


@pytest.mark.fault(36)
async def test_after_a_429_nobody_goes_until_then() -> None:
    clock = ManualClock()
    bucket = Bucket(clock, rate=100.0, burst=100.0)
    bucket.close_for(7)
    bucket.close_for(3)
    await bucket.take()
    assert clock.monotonic() >= 7


@pytest.mark.fault(36)
async def test_an_operation_with_its_own_pace_does_not_wait_for_the_others() -> None:
    clock = ManualClock()
    pace = Pace(clock, 1.0, 1.0, {"feeds": (1.0, 1.0)})
    await pace.of("orders").take()
    await pace.of("feeds").take()
    assert clock.monotonic() == 0
    assert pace.of("orders") is pace.of("stock") is not pace.of("feeds")
