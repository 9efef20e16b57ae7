"""Orders on their way to the ERP: late, refused, changed, cancelled meanwhile, for days; judged by the ERP's own books."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import Unavailable
from nervo.flows.catalogue import resume
from nervo.model.orders import OrderStatus
from nervo.model.parties import Party
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import orders
from nervo.sync.kinds import StockKind
from nervo.sync.publish import Publisher
from tests.hub import TestHub

LATE_S, DAY_S, HALF_HOUR_S = 120.0, 86_400.0, 1_800.0
AT_ONCE = 16


async def hub_of(erp: WorldErp, **shops: WorldShop) -> TestHub:
    erp.stock("A", 100)
    return await TestHub(erp, shops or {"shop": WorldShop(["A"])}).start()


def problems(hub: TestHub) -> list[tuple[object, ...]]:
    return hub.ask("SELECT code, connection, key FROM store_problem WHERE state = 'open' ORDER BY code")


@pytest.mark.fault(21, 22)
@pytest.mark.parametrize("unique", [True, False], ids=["an ERP with unique keys", "an ERP that can only be searched"])
@pytest.mark.parametrize("after_s", [1.0, 90.0])
async def test_an_order_that_the_erp_creates_after_it_was_given_up_is_found_and_not_written_again(
    store, unique, after_s
):
    erp, shop = WorldErp(unique=unique), WorldShop(["A"])
    erp.capabilities = replace(erp.capabilities, late_application_s=LATE_S)
    hub = await hub_of(erp, shop=shop)
    erp.lands_after_s.append(after_s)
    shop.sell({"A": 2})
    for _ in range(4):
        await hub.settle()
    hub.clock.advance(2 * LATE_S)
    await hub.settle()
    assert (len(erp.book), [o.state for o in erp.orders.values()]) == (1, [ErpOrderState.CONFIRMED])
    assert (list(erp.payments.values()), shop.shown["A"], problems(hub)) == ([Decimal("20.00")], 98, [])
    await hub.close()


async def knock(hub: TestHub) -> None:
    """The flows that are needed try for a while."""
    await hub.lease()
    await resume(hub.hub)
    for _ in range(30):
        await asyncio.sleep(0.001)


@pytest.mark.fault(23)
async def test_a_day_without_the_erp_loses_no_order_oversells_nothing_and_is_told(store):
    erp, shop, other = WorldErp(), WorldShop(["A"]), WorldShop(["A"])
    hub = await hub_of(erp, shop=shop, other=other)
    erp.faults.down = Unavailable("calling the ERP", "connection refused")
    start, sold = hub.clock.monotonic(), 0
    while hub.clock.monotonic() - start < DAY_S:
        await hub.lease()
        shop.sell({"A": 1})
        sold += await orders.sweep(hub.hub, hub.hub.config.connections["shop"])
        await hub.engine.drop()
        await hub.lease()
        await Publisher(hub.hub, hub.hub.config.connections["other"], StockKind()).drain()
        assert other.shown["A"] == 100 - sold
        await hub.watch.connections()
        hub.clock.advance(HALF_HOUR_S)
        await knock(hub)
    assert erp.calls["find_customer"] > sold
    assert (sold, erp.book) == (len(shop.sold), [])
    assert hub.ask("SELECT count(*) FROM store_flowdue") == [(sold,)]
    assert problems(hub) == [("unavailable", "erp", "erp")]
    erp.faults.down, up = None, hub.clock.monotonic()
    await hub.settle()
    assert hub.clock.monotonic() - up < DAY_S / 3
    numbers = [int(key.split("-")[1]) for key in erp.book]
    assert sorted(numbers) == list(range(1, sold + 1))
    assert max(abs(place - number) for place, number in enumerate(numbers, 1)) <= AT_ONCE
    assert erp.figure("A") == shop.shown["A"] == other.shown["A"] == 100 - sold
    await hub.watch.connections()
    assert problems(hub) == []
    await hub.close()


class Pricing(WorldErp):
    """An ERP that prices by its own list: when it writes, or when it confirms."""

    def __init__(self, when: str, **changes: object) -> None:
        super().__init__()
        self.when, self.changes = when, changes

    async def create_order(self, draft):
        written = await super().create_order(draft)
        return self._priced(written.erp_id) if self.when == "create" else written

    async def confirm_order(self, erp_id):
        confirmed = await super().confirm_order(erp_id)
        return self._priced(erp_id) if self.when == "confirm" else confirmed

    def _priced(self, erp_id):
        self.orders[erp_id] = replace(self.orders[erp_id], **self.changes)
        return self.orders[erp_id]


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    "change", [{"total_gross": Decimal("10.01")}, {"total_gross": Decimal(0)}, {"currency": "USD"}]
)
async def test_an_order_that_the_erp_prices_otherwise_is_held_as_a_draft_until_a_person_accepts_it(store, change):
    erp, shop = Pricing("create", **change), WorldShop(["A"])
    hub = await hub_of(erp, shop=shop)
    number = shop.sell({"A": 1})
    await hub.settle()
    assert [o.state for o in erp.orders.values()] == [ErpOrderState.DRAFT]
    assert (problems(hub), erp.payments) == ([("erp_total_differs", "shop", number)], {})
    assert shop.shown["A"] == 99
    assert (await hub.command("order.approve", order_id=1))[0] == "done"
    await hub.settle()
    assert ([o.state for o in erp.orders.values()], len(erp.book)) == ([ErpOrderState.CONFIRMED], 1)
    assert problems(hub) == []
    await hub.close()


@pytest.mark.fault(26)
async def test_an_order_that_the_erp_prices_anew_while_confirming_is_named(store):
    erp, shop = Pricing("confirm", total_gross=Decimal("9.90")), WorldShop(["A"])
    hub = await hub_of(erp, shop=shop)
    number = shop.sell({"A": 1})
    await hub.settle()
    assert problems(hub) == [("erp_changed_total", "shop", number)]
    assert hub.ask("SELECT said, money FROM store_problem") == [("9.90 EUR", "10.00 EUR")]
    await hub.close()


@pytest.mark.fault(26)
async def test_the_same_total_written_with_other_decimals_is_the_same(store):
    erp, shop = Pricing("confirm", total_gross=Decimal("10.0000")), WorldShop(["A"])
    hub = await hub_of(erp, shop=shop)
    shop.sell({"A": 1})
    await hub.settle()
    assert problems(hub) == []
    await hub.close()


@pytest.mark.fault(29)
async def test_customers_are_told_apart_by_what_identifies_them_and_never_by_name(store):
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await hub_of(erp, shop=shop)
    parties = [
        Party("Mario Rossi", "mario@example.com"),
        Party("Mario Rossi", "rossi@example.com"),
        Party("Mario Rossi", ""),
        Party("Mario Rossi", ""),
        Party("M. Rossi", "mario@example.com"),
    ]
    for party in parties:
        number = shop.sell({"A": 1})
        shop.sold[number] = replace(shop.sold[number], customer=party)
    for _ in range(3):
        await hub.settle()
    assert len(erp.book) == len(parties)
    assert sorted(erp.customer_book) == ["", "", "mario@example.com", "rossi@example.com"]
    ids = [c for (c,) in hub.ask("SELECT erp_customer FROM store_saleorder ORDER BY id")]
    assert (ids[0], len(set(ids))) == (ids[4], 4)
    await hub.close()


class Slow(WorldErp):
    """An ERP that thinks about an order until it is told to go on."""

    def __init__(self, *, unique: bool) -> None:
        super().__init__(unique=unique)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def create_order(self, draft):
        self.asked.set()
        await self.go_on.wait()
        return await super().create_order(draft)


@pytest.mark.fault(30)
@pytest.mark.parametrize("unique", [True, False])
async def test_a_cancellation_that_comes_while_the_erp_creates_the_order_is_applied_after_it(store, unique):
    erp, shop = Slow(unique=unique), WorldShop(["A"])
    hub = await hub_of(erp, shop=shop)
    channel = hub.hub.config.connections["shop"]
    number = shop.sell({"A": 4})
    await orders.sweep(hub.hub, channel)
    async with asyncio.timeout(10):
        await erp.asked.wait()
    shop.change(number, status=OrderStatus.CANCELLED)
    await orders.sweep(hub.hub, channel)
    assert erp.calls["cancel_order"] == 0
    erp.go_on.set()
    await hub.settle()
    assert (len(erp.book), [o.state for o in erp.orders.values()]) == (1, [ErpOrderState.CANCELLED])
    assert (erp.calls["cancel_order"], shop.shown["A"], erp.figure("A")) == (1, 100, 100)
    assert hub.ask("SELECT state FROM store_saleorder") == [("cancelled",)]
    assert hub.ask("SELECT count(*) FROM store_hold WHERE released_tick IS NULL") == [(0,)]
    await hub.close()
