"""What the ERP says and what the channels are told: for a day without the channel, item by item, and never beyond belief."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import AuthFailed, Unavailable
from nervo.model.prices import Price
from nervo.ports.common import ItemOutcome, Outcome, Page
from nervo.rules.config import Guards, parse
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import publications
from nervo.sync import source
from nervo.sync.kinds import StockKind
from nervo.sync.publish import Publisher
from tests.hub import TestHub

SKUS = [f"S{i:02}" for i in range(50)]
DAY_S, HALF_HOUR_S = 86_400.0, 1_800.0


class Batches(WorldShop):
    """A shop that keeps every batch that it was sent, and may be too busy for some items."""

    def __init__(self, skus: list[str]) -> None:
        super().__init__(skus)
        self.batches: list[list[str]] = []
        self.busy: set[str] = set()

    async def put_stock(self, items):
        self.batches.append([item.sku for item in items])
        taken = await super().put_stock([item for item in items if item.sku not in self.busy])
        return (*taken, *(ItemOutcome(i.sku, Outcome.THROTTLED) for i in items if i.sku in self.busy))


async def hub_of(shop: WorldShop, guards: Guards | None = None) -> tuple[WorldErp, TestHub]:
    erp = WorldErp()
    for sku in SKUS:
        erp.stock(sku, 7)
    hub = await TestHub(erp, {"shop": shop}, guards=guards).start()
    shop.history.clear()
    return erp, hub


@pytest.fixture
async def world(store):
    shop = Batches(SKUS)
    erp, hub = await hub_of(shop)
    shop.batches.clear()
    yield erp, shop, hub
    await hub.close()


def problems(hub: TestHub) -> list[tuple[object, ...]]:
    return hub.ask("SELECT code, connection, key FROM store_problem WHERE state = 'open' ORDER BY code, key")


def figure(erp: WorldErp, sku: str, text: str) -> None:
    erp.on_hand[sku] = Decimal(text)
    erp.journal.append(sku)


@pytest.mark.fault(24)
async def test_of_fifty_items_the_one_that_was_put_off_is_sent_again_alone(world):
    erp, shop, hub = world
    shop.busy = {SKUS[6]}
    for sku in SKUS:
        erp.stock(sku, 3)
    await hub._round()
    assert (sorted(shop.batches[0]), shop.shown[SKUS[6]]) == (SKUS, 7)
    shop.busy = set()
    hub.clock.advance(1)
    await hub.settle()
    assert shop.batches[1:] == [[SKUS[6]]]
    assert set(shop.shown.values()) == {3}


@pytest.mark.fault(24)
async def test_of_fifty_items_the_one_that_was_refused_waits_for_a_person_and_is_then_sent_alone(world):
    erp, shop, hub = world
    shop.reject = {SKUS[6]}
    for sku in SKUS:
        erp.stock(sku, 3)
    for _ in range(3):
        await hub.settle()
        hub.clock.advance(600)
    assert (len(shop.batches), problems(hub)) == (1, [("item_rejected", "shop", SKUS[6])])
    shop.reject = set()
    await hub.command("publication.retry", channel="shop", kind="stock", key=SKUS[6])
    await hub.settle()
    assert (shop.batches[1:], problems(hub), set(shop.shown.values())) == ([[SKUS[6]]], [], {3})


DOWN = {"down": Unavailable("calling the shop", "503"), "revoked": AuthFailed("calling the shop", "token revoked")}


@pytest.mark.fault(41, 42)
@pytest.mark.parametrize("why", DOWN)
async def test_a_day_without_the_channel_keeps_one_row_a_sku_and_ends_in_one_write_a_sku_of_the_last_value(store, why):
    shop = WorldShop(SKUS)
    erp, hub = await hub_of(shop)
    publisher, rows = Publisher(hub.hub, hub.hub.channels()[0], StockKind()), ledger(hub)
    shop.faults.down = DOWN[why]
    shop.calls.clear()
    steps = int(DAY_S / HALF_HOUR_S)
    for step in range(steps):
        for n, sku in enumerate(SKUS):
            erp.stock(sku, (step * 7 + n) % 90 + 10)
        await turned(hub, publisher)
        assert ledger(hub) == rows
        hub.clock.advance(HALF_HOUR_S)
    assert problems(hub) == [("auth_failed" if why == "revoked" else "unavailable", "shop", "shop")]
    assert shop.calls["put_stock"] <= (1 if why == "revoked" else 3 * steps)
    assert shop.history == []
    shop.faults.down = None
    for _ in range(4):
        await turned(hub, publisher)
        hub.clock.advance(61)
    assert sorted(shop.history) == sorted((sku, int(erp.on_hand[sku])) for sku in SKUS)
    assert problems(hub) == []
    await hub.close()


async def turned(hub: TestHub, publisher: Publisher) -> None:
    """Every loop that concerns stock, once."""
    await hub.lease()
    await hub.watch.probe()
    await source.listen(hub.hub)
    await source.read_stock(hub.hub)
    await publisher.drain()
    await publisher.drain()
    await hub.watch.connections()


def ledger(hub: TestHub) -> int:
    ((rows,),) = hub.ask("SELECT count(*) FROM store_publication WHERE kind = 'stock'")
    return rows


@pytest.mark.fault(43)
async def test_a_stock_a_million_higher_waits_for_a_person_and_the_others_go_out(world):
    erp, shop, hub = world
    erp.stock("S00", 1_000_007)
    erp.stock("S01", 9_000)
    await hub.settle()
    assert (shop.shown["S00"], shop.shown["S01"]) == (7, 9_000)
    assert problems(hub) == [("stock_jump", "shop", "S00")]
    assert (await hub.command("guard.approve", channel="shop", kind="stock"))[0] == "done"
    await hub.settle()
    assert (shop.shown["S00"], problems(hub)) == (1_000_007, [])


@pytest.mark.fault(43)
async def test_a_stock_that_was_too_high_by_mistake_goes_out_by_itself_when_the_erp_is_right_again(world):
    erp, shop, hub = world
    erp.stock("S00", 1_000_007)
    await hub.settle()
    erp.stock("S00", 6)
    await hub.settle()
    assert (shop.shown["S00"], problems(hub)) == (6, [])


@pytest.mark.fault(43)
@pytest.mark.parametrize(("least", "times", "to", "held"), [(50, 2, 60, True), (50, 10, 60, False), (54, 2, 60, False)])
async def test_how_much_is_beyond_belief_is_for_the_company_to_say(store, least, times, to, held):
    config = parse(f"[guards]\nstock_jump_least = {least}\nstock_jump_times = {times}\n")
    shop = WorldShop(SKUS)
    erp, hub = await hub_of(shop, config.guards)
    erp.stock("S00", to)
    await hub.settle()
    assert (shop.shown["S00"], bool(problems(hub))) == (7 if held else to, held)
    await hub.close()


@pytest.mark.fault(45)
async def test_a_figure_below_zero_shows_none_and_is_named_for_as_long_as_the_erp_says_so(world):
    erp, shop, hub = world
    figure(erp, "S00", "-3")
    figure(erp, "S01", "7.9")
    await hub.settle()
    assert (shop.shown["S00"], shop.shown["S01"]) == (0, 7)
    assert problems(hub) == [("strange_figure", "erp", "S00@WH")]
    ((problem,),) = hub.ask("SELECT id FROM store_problem")
    await hub.command("problem.retry", problem_id=problem)
    assert problems(hub) == [("strange_figure", "erp", "S00@WH")]
    figure(erp, "S00", "4")
    await hub.settle()
    assert (shop.shown["S00"], problems(hub)) == (4, [])


@pytest.mark.fault(45, 57)
@pytest.mark.parametrize("nonsense", ["NaN", "Infinity", "-Infinity", "1E+400"])
async def test_a_figure_that_is_none_leaves_the_last_one_and_stops_no_other(world, nonsense):
    erp, shop, hub = world
    figure(erp, "S00", nonsense)
    figure(erp, "S01", "2")
    await hub.settle()
    assert (shop.shown["S00"], shop.shown["S01"]) == (7, 2)
    assert problems(hub) == [("strange_figure", "erp", "S00@WH")]
    figure(erp, "S00", "5")
    await hub.settle()
    assert (shop.shown["S00"], problems(hub)) == (5, [])


@pytest.mark.fault(43, 57)
@pytest.mark.parametrize("nonsense", ["NaN", "Infinity", "1E+400"])
async def test_a_price_that_is_none_leaves_the_last_one_and_stops_no_other(world, nonsense):
    erp, shop, hub = world
    told = [
        Price("S00", "Web", "EUR", price_gross=Decimal(nonsense)),
        Price("S01", "Web", "EUR", price_gross=Decimal("11.00")),
    ]

    async def feed(after):
        return Page(tuple(told), None, False)

    erp.prices = feed
    await source.catalogue(hub.hub)
    await hub.settle()
    assert (shop.price["S00"], shop.price["S01"]) == (Decimal("10.00"), Decimal("11.00"))
    assert problems(hub) == [("strange_figure", "erp", "S00@Web")]
    told[0] = replace(told[0], price_gross=Decimal("10.50"))
    await source.catalogue(hub.hub)
    await hub.settle()
    assert (shop.price["S00"], problems(hub)) == (Decimal("10.50"), [])


@pytest.mark.fault(33)
async def test_a_figure_that_was_read_earlier_and_arrives_later_is_dropped(world):
    erp, shop, hub = world
    answered = erp.stock_of

    async def slowly(skus):
        """While this answer is under way, the figure moves, and is read and published."""
        old = await answered(skus)
        erp.stock_of = answered
        erp.stock("S00", 2)
        await hub.settle()
        return old

    erp.stock_of = slowly
    erp.stock("S00", 5)
    await hub.settle()
    await hub.settle()
    assert shop.shown["S00"] == 2
    assert [value for sku, value in shop.history if sku == "S00"] == [2]


async def test_the_held_ledger_row_of_a_jump_is_one(world):
    erp, shop, hub = world
    for n in range(5):
        erp.stock("S00", 1_000_000 + n)
        await hub.settle()
    held = await hub.hub.db.read(lambda tx: publications.held(tx, "shop", "stock"))
    assert (held, len(hub.ask("SELECT 1 FROM store_problem")), shop.shown["S00"]) == (["S00"], 1, 7)
