"""Clocks that differ by an hour, the nights when clocks are changed, 29 February: places are kept in the source's own time."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nervo.connectors.shopify import mapping as shopify
from nervo.connectors.tryton.wire import WireTime, outgoing
from nervo.connectors.vendure import mapping as vendure
from nervo.kit.clock import ManualClock
from nervo.model.units import aware
from nervo.staging.world import WorldErp, WorldShop
from tests.hub import TestHub, use_database

ROME = ZoneInfo("Europe/Rome")
NIGHTS = {
    "summer ends": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    "summer begins": datetime(2027, 3, 28, 0, 30, tzinfo=UTC),
    "29 February": datetime(2028, 2, 28, 23, 30, tzinfo=UTC),
    "new year": datetime(2026, 12, 31, 22, 30, tzinfo=UTC),
}
STEPS = st.lists(st.tuples(st.integers(0, 2_000), st.booleans()), min_size=1, max_size=6)
FROM, UNTIL = datetime(2020, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001 - the zone is drawn beside
MOMENTS = st.datetimes(FROM, UNTIL, timezones=st.sampled_from([UTC, ROME]), allow_imaginary=False)


@pytest.mark.fault(47)
@given(night=st.sampled_from(sorted(NIGHTS)), skew_s=st.integers(-3_600, 3_600), steps=STEPS)
@settings(max_examples=15, deadline=None)
def test_every_order_comes_once_whatever_the_two_clocks_say(
    night: str, skew_s: int, steps: list[tuple[int, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        use_database(f"sqlite:///{Path(folder) / 'nervo.sqlite3'}")
        written, sold = asyncio.run(_traded(NIGHTS[night], skew_s, steps))
    assert written == sold


async def _traded(start: datetime, skew_s: int, steps: list[tuple[int, bool]]) -> tuple[list[str], list[str]]:
    """The orders that the ERP has and those that the shop sold, by its own clock, `skew_s` behind the hub's."""
    erp, shop, clock = WorldErp(), WorldShop(["A"]), ManualClock(start + timedelta(seconds=skew_s))
    erp.stock("A", 100)
    hub = await TestHub(erp, {"shop": shop}, clock=clock).start()
    at, sold = start, []
    for pause_s, look in steps:
        at += timedelta(seconds=pause_s)
        clock.advance(pause_s)
        number = shop.sell({"A": 1})
        shop.sold[number] = replace(shop.sold[number], placed_at=at, updated_at=at)
        sold.append(number)
        if look:
            await hub.settle()
    await hub.settle()
    await hub.settle()
    await hub.close()
    return sorted(key.split("-")[1] for key in erp.book), sorted(sold)


@pytest.mark.fault(47)
@given(moment=MOMENTS)
@settings(max_examples=200, deadline=None)
def test_a_time_of_any_zone_is_the_same_instant_on_every_wire(moment: datetime) -> None:
    """Also in the hour that comes twice, which plain comparison takes for one."""
    whole = moment.replace(microsecond=0)
    instant = aware(whole)
    assert instant.utcoffset() == timedelta(0)
    assert instant.timestamp() == whole.timestamp()
    for iso in (shopify.iso, vendure.iso):
        assert datetime.fromisoformat(iso(whole)).timestamp() == whole.timestamp()
    sent = outgoing(instant)
    told = WireTime(**{name: value for name, value in sent.items() if name != "__class__"})
    assert told.moment() == instant


@pytest.mark.fault(47)
def test_the_hour_that_comes_twice_keeps_its_order() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ROME)
    second = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=ROME)
    assert second < first
    assert aware(first) < aware(second)
