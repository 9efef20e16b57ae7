"""After an outage the engine is given the oldest flows, so many at a time; the rest waits in the store."""

from __future__ import annotations

import pytest

from nervo.flows.admission import Admission
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import orders
from tests.hub import TestHub

ROOM = 3


@pytest.fixture
async def world(store):
    erp, shops = WorldErp(), {"alpi": WorldShop(["S0"]), "mare": WorldShop(["S0"])}
    erp.stock("S0", 1_000)
    hub = await TestHub(erp, shops).start()
    started: list[tuple[str, int]] = []
    admission = Admission(hub.hub, lambda flow, order: started.append((flow, order)), room=ROOM)
    hub.hub.start_flow = admission.start
    yield shops, hub, admission, started
    await hub.close()


async def sold(hub: TestHub, shop: WorldShop, count: int) -> list[int]:
    """The hub's ids of so many new orders."""
    before = {i for (i,) in hub.ask("SELECT id FROM store_saleorder")}
    for _ in range(count):
        shop.sell({"S0": 1})
    for channel in hub.hub.channels():
        await orders.sweep(hub.hub, channel)
    return [i for (i,) in hub.ask("SELECT id FROM store_saleorder ORDER BY id") if i not in before]


async def ran(hub: TestHub, ids: list[int]) -> None:
    await hub.hub.db.write(lambda tx: tx.many("DELETE FROM store_flowdue WHERE order_id = %s", [(i,) for i in ids]))


async def test_only_so_many_run_and_the_oldest_first(world):
    shops, hub, admission, started = world
    ids = await sold(hub, shops["alpi"], 10)
    assert [order for _, order in started] == ids[:ROOM]
    for first in range(0, 10, ROOM):
        started.clear()
        await admission.resume()
        assert [order for _, order in started] == ids[first : first + ROOM]
        await ran(hub, ids[: first + ROOM])
    assert await admission.resume() == 0


async def test_a_new_order_does_not_overtake_those_that_wait(world):
    shops, hub, admission, started = world
    old = await sold(hub, shops["alpi"], 2 * ROOM)
    await admission.resume()
    started.clear()
    new = await sold(hub, shops["alpi"], 1)
    assert started == []
    await ran(hub, old)
    await admission.resume()
    assert [order for _, order in started] == new


async def test_where_nothing_waits_a_new_order_starts_at_once(world):
    shops, hub, admission, started = world
    await ran(hub, await sold(hub, shops["alpi"], 2 * ROOM))
    await admission.resume()
    started.clear()
    assert started == [] and [order for order in await sold(hub, shops["alpi"], 1)] == [order for _, order in started]


async def test_the_backlog_of_one_channel_leaves_room_for_another(world):
    shops, hub, admission, started = world
    full = await sold(hub, shops["alpi"], 2 * ROOM)
    await admission.resume()
    few = await sold(hub, shops["mare"], 2)
    started.clear()
    await admission.resume()
    assert [order for _, order in started] == full[:ROOM] + few
