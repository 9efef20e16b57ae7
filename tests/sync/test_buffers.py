"""Buffers: a channel that hears late of sales elsewhere closes early enough, by today's sales and measured delays; none keeps more."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nervo.rules.config import ConnectionConfig, StockRule
from nervo.rules.oversell import beyond, buffer
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync.availability import available
from nervo.sync.buffers import Buffers, Measured, kept_back
from tests.bench.oversell_model import constant, simulated
from tests.hub import TestHub

HOUR_MS = 3_600_000


def said(mean: Fraction, kept: int) -> float:
    """E[(X − kept)+], summed from the definition in exact fractions."""
    terms, probability = Fraction(0), Fraction(1)
    for k in range(1, kept + 400):
        probability = probability * mean / k
        terms += probability * max(0, k - kept)
        if k > kept + mean and probability < Fraction(1, 10**30):
            break
    return float(terms) * 2.718281828459045 ** -float(mean)


# The rule itself.


@given(st.integers(0, 60_000), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_what_is_sold_beyond_the_buffer_is_as_defined(thousandths, kept):
    mean = Fraction(thousandths, 1000)
    assert beyond(float(mean), kept) == pytest.approx(said(mean, kept), rel=1e-6, abs=1e-9)


@given(st.floats(0, 300), st.sampled_from((0.1, 0.01, 0.001)))
@settings(deadline=None)
def test_the_buffer_is_the_smallest_that_keeps_the_promise(mean, accepted):
    kept = buffer(mean, accepted)
    assert beyond(mean, kept) <= accepted
    assert kept == 0 or beyond(mean, kept - 1) > accepted


@pytest.mark.parametrize(
    ("mean", "kept"),
    [(0.005, (0, 0, 1)), (0.05, (0, 1, 2)), (0.1, (0, 1, 2)), (0.5, (2, 3, 4)), (1, (3, 4, 5)), (2.5, (5, 7, 9)), (5, (9, 11, 14))],
)  # fmt: skip
def test_the_buffers_of_the_model(mean, kept):
    assert tuple(buffer(mean, accepted) for accepted in (0.1, 0.01, 0.001)) == kept


def test_the_promise_holds_in_a_market_that_knows_no_formula():
    rates_h, late_s, accepted = (20.0, 20.0, 20.0), (2.0, 90.0, 90.0), 0.05
    kept = (0, *[buffer(sum(rates_h) * late / 3600, accepted) for late in late_s[1:]])
    lateness = [constant(late) for late in late_s]
    assert simulated(rates_h, lateness, 90, runs=4_000, seed=3).value > 5 * accepted
    assert simulated(rates_h, lateness, 90, runs=4_000, seed=3, kept=kept).value <= accepted


# Which channel keeps how much.


def channel(name: str, per_1000: int = 10, *warehouses: str) -> ConnectionConfig:
    rule = StockRule(warehouses=warehouses, oversell_per_1000=Decimal(per_1000))
    return ConnectionConfig(name, "world", "write", stock=rule)


def measured(rate: float, **late_s: float) -> Measured:
    """Each channel sells the same."""
    return Measured(
        {"S": dict.fromkeys(late_s, rate / len(late_s))}, dict.fromkeys(late_s, 0.0), late_s, dict.fromkeys(late_s, 1)
    )


NAMES = ("alpi", "mare", "web")


@given(
    st.floats(0, 1), st.fixed_dictionaries(dict.fromkeys(NAMES, st.floats(0, 900))),
    st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from((0, 1, 10, 100)))),
)  # fmt: skip
@settings(deadline=None)
def test_no_channel_keeps_more_than_the_formula_says_and_the_quickest_keeps_none(rate, late_s, accepted):
    channels = [channel(name, accepted[name]) for name in NAMES]
    kept = kept_back(channels, measured(rate, **late_s), {name: {"S"} for name in NAMES})
    assert (min(NAMES, key=lambda name: (late_s[name], name)), "S") not in kept
    for (name, _), units in kept.items():
        assert units == buffer(rate * late_s[name], accepted[name] / 1000) > 0
        assert accepted[name] > 0


def test_a_channel_that_alone_lists_a_sku_sells_its_last_units():
    channels, late = [channel("alpi"), channel("mare")], measured(1.0, alpi=1.0, mare=60.0)
    assert kept_back(channels, late, {"alpi": {"S"}, "mare": {"S"}}).keys() == {("mare", "S")}
    assert kept_back(channels, late, {"alpi": set(), "mare": {"S"}}) == {}


def test_channels_with_goods_of_their_own_keep_nothing_for_each_other():
    late = measured(1.0, alpi=1.0, mare=60.0)
    apart = [channel("alpi", 10, "TO"), channel("mare", 10, "MI")]
    assert kept_back(apart, late, {"alpi": {"S"}, "mare": {"S"}}) == {}


def test_a_channel_hears_of_the_others_after_their_capture_and_its_own_publishing():
    late = Measured({}, {"alpi": 30.0, "mare": 2.0, "web": 6.0}, {"alpi": 1.0}, {"alpi": 5, "mare": 30, "web": 10})
    assert late.lateness_s("alpi") == pytest.approx((2 * 30 + 6 * 10) / 40 + 1)


# In the hub.


@pytest.fixture
async def world(store):
    erp, shops = WorldErp(), {"quick": WorldShop(["S0", "S1"]), "slow": WorldShop(["S0", "S1"])}
    for sku in ("S0", "S1"):
        erp.stock(sku, 100)
    hub = await TestHub(erp, shops).start()
    for name in shops:
        accept(hub, name, 10)
    yield erp, shops, hub
    await hub.close()


def accept(hub: TestHub, name: str, per_1000: int) -> None:
    connections = hub.hub.config.connections
    connections[name] = replace(connections[name], stock=StockRule(oversell_per_1000=Decimal(per_1000)))


async def sold_in_the_last_hour(hub: TestHub, shop: WorldShop, units: int, *, late_s: dict[str, int]) -> None:
    """So many of S0, and how long the last changes took to each channel."""
    shop.sell({"S0": units})
    await hub.settle()
    placed = hub.hub.now_ms() - HOUR_MS // 2
    await hub.hub.db.write(
        lambda tx: tx.run("UPDATE store_saleorder SET placed_ms = %s, received_ms = %s", (placed, placed))
    )
    await reckoned(hub, late_s)


async def reckoned(hub: TestHub, late_s: dict[str, int]) -> None:
    """As if the last changes had taken so long."""

    def note(tx) -> None:
        for name, seconds in late_s.items():
            tx.run("UPDATE store_publication SET latency_ms = %s WHERE channel = %s", (seconds * 1000, name))

    await hub.hub.db.write(note)
    await Buffers(hub.hub).step()
    await hub.settle()


async def test_the_slow_channel_closes_early_and_the_quick_one_sells_the_last_units(world):
    erp, shops, hub = world
    await sold_in_the_last_hour(hub, shops["quick"], 60, late_s={"quick": 1, "slow": 60})
    kept = buffer(60 / 3600 * 60, 0.01)
    assert kept == 4
    assert shops["quick"].shown == {"S0": 40, "S1": 100}
    assert shops["slow"].shown == {"S0": 40 - kept, "S1": 100}
    erp.stock("S0", 60 + kept)
    await hub.settle()
    assert (shops["quick"].shown["S0"], shops["slow"].shown["S0"]) == (kept, 0)


async def test_when_sales_calm_down_what_was_kept_is_for_sale_again(world):
    _, shops, hub = world
    await sold_in_the_last_hour(hub, shops["quick"], 60, late_s={"quick": 1, "slow": 60})
    hub.clock.advance(8 * 86_400)
    await Buffers(hub.hub).step()
    await hub.settle()
    assert shops["slow"].shown["S0"] == 40
    assert hub.ask("SELECT count(*) FROM store_buffer") == [(0,)]


async def test_a_company_that_has_not_said_what_it_accepts_has_no_buffers(world):
    _, shops, hub = world
    for name in shops:
        accept(hub, name, 0)
    await sold_in_the_last_hour(hub, shops["quick"], 60, late_s={"quick": 1, "slow": 60})
    assert (Buffers(hub.hub).wanted, shops["slow"].shown["S0"]) == (False, 40)


async def test_reckoned_again_from_the_same_nothing_moves(world):
    _, shops, hub = world
    await sold_in_the_last_hour(hub, shops["quick"], 60, late_s={"quick": 1, "slow": 60})
    calls = shops["slow"].calls["put_stock"]
    await reckoned(hub, {"quick": 1, "slow": 60})
    assert shops["slow"].calls["put_stock"] == calls


def test_why_a_channel_shows_less_is_said():
    found = available("S", StockRule(), [("WH", "10", 1)], [], buffer=4)
    assert [(t.code, int(t.quantity)) for t in found.terms] == [("erp", 10), ("buffer", -4)]
    assert found.available_to_promise == 6


def test_a_safety_stock_counts_towards_the_buffer():
    for safety, buffer_, shown in ((3, 4, 6), (4, 4, 6), (5, 4, 5)):
        rule = StockRule(safety=Decimal(safety))
        assert available("S", rule, [("WH", "10", 1)], [], buffer=buffer_).available_to_promise == shown
