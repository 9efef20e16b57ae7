"""After a 429 nothing leaves for as long as they asked, whoever calls."""

from __future__ import annotations

import pytest
from aiohttp import web

from nervo.errors import RateLimited
from nervo.kit.clock import ManualClock
from nervo.kit.http import Http, ToolBox
from nervo.kit.pacing import Pace
from nervo.kit.simulator import Fault, FaultKind
from tests.kit.server import serving


@pytest.mark.fault(36)
@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": "Tue, 24 Nov 2026 09:02:00 GMT"}, 120.0),
        ({"Retry-After": "Sun, 24 Nov 2126 09:02:00 GMT"}, 3_600.0),
        ({"Retry-After": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
async def test_a_429_stops_all_calls_of_its_pace_for_as_long_as_it_says(asked: dict[str, str], wait_s: float) -> None:
    clock = ManualClock()
    async with serving() as echo:
        echo.rate_limited = lambda: web.Response(status=429, headers=asked)
        echo.faults.append(Fault(FaultKind.RATE_LIMITED))
        http = Http(echo.url, ToolBox(clock, Pace(clock, operations={"feeds": (1.0, 1.0)})))
        assert (await http.call("POST", "/stock")).status == 429
        for _ in range(20):
            with pytest.raises(RateLimited) as refused:
                await http.call("POST", "/stock")
        assert refused.value.retry_after_s == pytest.approx(wait_s)
        assert echo.effects == []
        await http.call("POST", "/feeds", operation="feeds")
        clock.advance(wait_s)
        await http.call("POST", "/stock")
        assert echo.effects == ["POST /feeds", "POST /stock"]
        await http.close()
