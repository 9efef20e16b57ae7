"""A storm of 429: nothing leaves before the time they asked for, and then the goods that run out first; on WooCommerce's wire."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from aiohttp import web

from nervo.connectors.woocommerce.connector import connect
from nervo.connectors.woocommerce.settings import Settings
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.kit.clock import ManualClock
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.kit.simulator import Fault, FaultKind
from nervo.staging.world import WorldErp
from nervo.sync import source
from nervo.sync.kinds import StockKind
from nervo.sync.publish import Publisher
from tests.hub import TestHub

PLENTY, LOW = [f"A{i:03}" for i in range(240)], [f"Z{i}" for i in range(5)]
RETRY_AFTER_S = 30


@pytest.fixture
async def world(store):
    clock = ManualClock()
    erp, simulator = WorldErp(), Simulator(clock)
    async with simulator.serve():
        for sku in [*PLENTY, *LOW]:
            simulator.add_product(sku, sku, [(sku, None, Decimal("10.00"), 0)])
            erp.stock(sku, 90)
        port = connect(parse(Settings, simulator.settings()), ToolBox(clock))
        hub = TestHub(erp, {"shop": port}, clock=clock)
        connections = hub.hub.config.connections
        connections["shop"] = replace(connections["shop"], publishes=("stock",))
        await hub.start()
        simulator.seen.clear()
        yield erp, simulator, hub
        await hub.close()
        await port.close()


def batches(simulator: Simulator) -> list[tuple[int, set[int]]]:
    """(status, product ids) of every stock write that reached the shop."""
    sent = [seen for seen in simulator.seen if seen.path.endswith("products/batch")]
    return [(seen.status, {row["id"] for row in msgspec.json.decode(seen.body)["update"]}) for seen in sent]


async def turned(hub: TestHub) -> None:
    await hub.lease()
    await source.listen(hub.hub)
    while await source.read_stock(hub.hub):
        pass
    for _ in range(4):
        await Publisher(hub.hub, hub.hub.channels()[0], StockKind()).drain()


@pytest.mark.fault(36)
async def test_in_a_storm_of_429_they_are_asked_once_in_the_time_they_named_and_then_what_runs_out_goes_first(world):
    erp, simulator, hub = world
    simulator.rate_limited = lambda: web.Response(status=429, headers={"Retry-After": str(RETRY_AFTER_S)})
    simulator.faults.append(Fault(FaultKind.RATE_LIMITED, times=100_000))
    for sku in PLENTY:
        erp.stock(sku, 50)
    for _ in range(10 * RETRY_AFTER_S):
        await turned(hub)
        hub.clock.advance(1)
    refused = batches(simulator)
    assert 10 <= len(simulator.seen) <= 12
    assert {status for status, _ in refused} == {429}
    for sku in LOW:
        erp.stock(sku, 2)
    simulator.faults.clear()
    simulator.seen.clear()
    for _ in range(2 * RETRY_AFTER_S):
        await turned(hub)
        hub.clock.advance(1)
    first = batches(simulator)[0]
    assert first[0] == 200
    assert {simulator.catalogue.of_sku(sku)["id"] for sku in LOW} <= first[1]
    assert {simulator.quantity(sku) for sku in PLENTY} == {50}
    assert [simulator.quantity(sku) for sku in LOW] == [2] * len(LOW)
    assert sum(len(ids) for _, ids in batches(simulator)) == len(PLENTY) + len(LOW)
