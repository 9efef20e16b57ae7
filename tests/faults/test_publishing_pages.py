"""Pages that move while they are read: nothing is skipped, nothing comes twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nervo.connectors.woocommerce import sales
from nervo.connectors.woocommerce.connector import connect
from nervo.connectors.woocommerce.settings import Settings
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.kit.clock import ManualClock
from nervo.kit.http import ToolBox
from nervo.kit.paging import next_rows
from nervo.kit.settings import parse
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp
from tests.hub import TestHub

CHANGES = st.lists(st.tuples(st.sets(st.integers(0, 60)), st.integers(0, 8)), max_size=12)


async def _read(size: int, changes: list[tuple[set[int], int]]) -> tuple[list[int], set[int], set[int]]:
    """What was read of a list that changes between its pages; what was there all the time; what was ever there."""
    there = list(range(30))
    always, ever, found, mark, waiting = set(there), set(there), list[int](), None, iter(changes)

    async def read(offset: int) -> list[int]:
        return there[offset : offset + size]

    while True:
        rows, mark = await next_rows(read, lambda row: row, mark, size)
        found += rows
        if mark is None:
            return found, always, ever
        gone, more = next(waiting, (set(), 0))
        there = [row for row in there if row not in gone]
        there += range(max(ever) + 1, max(ever) + 1 + more)
        always, ever = always - gone, ever | set(there)


@pytest.mark.fault(46)
@given(size=st.integers(2, 9), changes=CHANGES)
@settings(max_examples=150, deadline=None)
def test_whatever_is_taken_out_or_added_between_pages_the_rest_comes_once(
    size: int, changes: list[tuple[set[int], int]]
) -> None:
    found, always, ever = asyncio.run(_read(size, changes))
    assert found == sorted(set(found))
    assert always <= set(found) <= ever


@pytest.mark.fault(46)
async def test_orders_that_change_between_the_pages_of_a_sweep_are_all_in_the_erp_as_they_ended(store, monkeypatch):
    monkeypatch.setattr(sales, "PAGE", 4)
    clock, erp = ManualClock(), WorldErp()
    simulator = Simulator(clock)
    async with simulator.serve():
        simulator.add_product("A", "Tazza", [("A", None, Decimal("10.00"), 50)])
        erp.stock("A", 50)
        port = connect(parse(Settings, simulator.settings()), ToolBox(clock))
        hub = TestHub(erp, {"shop": port}, clock=clock)
        shop = hub.hub.config.connections["shop"]
        hub.hub.config.connections["shop"] = replace(shop, publishes=("stock",))
        await hub.start()
        placed, read = [], port.orders
        for _ in range(15):
            clock.advance(2)
            placed.append(simulator.place_order([("A", 1)], email="anna@example.com"))
        moved = iter([0, 5, 11])

        async def drifting(after):
            """Behind every page, one that was read and one that was not are called off, and one more is sold."""
            page = await read(after)
            if page.items and (n := next(moved, None)) is not None:
                clock.advance(2)
                simulator.cancel(placed[n])
                simulator.cancel(placed[n + 2])
                placed.append(simulator.place_order([("A", 1)], email="anna@example.com"))
            return page

        port.orders = drifting
        for _ in range(3):
            await hub.settle()
        off = {placed[n] for n in (0, 2, 5, 7, 11, 13)}
        kept = dict(hub.ask("SELECT external_id, state FROM store_saleorder"))
        assert kept == {number: "cancelled" if number in off else "in_erp" for number in placed}
        live = {key.split("-")[1] for key, o in erp.orders.items() if o.state is ErpOrderState.CONFIRMED}
        assert (live, len(erp.book)) == (set(placed) - off, len(erp.orders))
        assert erp.figure("A") == simulator.quantity("A") == 50 - len(live)
        await hub.close()
        await port.close()
