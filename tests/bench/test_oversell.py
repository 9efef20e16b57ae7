"""The formula for oversold units against a simulator that sells unit by unit and does not know it."""

from __future__ import annotations

import pytest

from tests.bench.oversell_model import constant, cycle, drawn, expected, exponential, simulated

EQUAL = (10 / 3,) * 3
SETTINGS = [
    (EQUAL, (900.0,) * 3),
    (EQUAL, (60.0,) * 3),
    ((8.0, 1.5, 0.5), (900.0,) * 3),  # one big channel
    ((20.0, 20.0, 20.0), (5.0, 300.0, 900.0)),  # one fast, one slow
    ((12.0,) * 5, (300.0,) * 5),
    ((250.0,) * 4, (60.0,) * 4),
    ((500.0, 500.0), (1.0, 1.0)),
    ((10.0,), (900.0,)),
]


@pytest.mark.parametrize(("rates_h", "lateness_s"), SETTINGS)
def test_the_formula_says_what_is_oversold_when_every_update_takes_the_same_time(rates_h, lateness_s):
    runs = 1_500 if sum(rates_h) > 500 else 6_000
    found = simulated(rates_h, [constant(s) for s in lateness_s], max(lateness_s), runs=runs, seed=11)
    assert found.agrees(expected(rates_h, lateness_s)), (found, expected(rates_h, lateness_s))


def test_it_would_be_seen_if_the_formula_forgot_that_a_channel_knows_its_own_sales():
    found = simulated(EQUAL, [constant(900)] * 3, 900, runs=6_000, seed=11)
    assert not found.agrees(10 * 900 / 3600)


def test_one_channel_alone_oversells_nothing():
    assert simulated((100.0,), [constant(900)], 900, runs=200, seed=1).value == 0


def test_a_hub_that_works_in_cycles_is_late_by_half_a_cycle():
    found = simulated(EQUAL, [cycle(900)] * 3, 900, runs=6_000, seed=11)
    assert found.agrees(expected(EQUAL, (450.0,) * 3))


def test_a_random_delay_oversells_more_than_its_mean():
    found = simulated(EQUAL, [exponential(900)] * 3, 4_000, runs=6_000, seed=11)
    said = expected(EQUAL, (900.0,) * 3)
    assert found.value > said + 4 * found.error, (found, said)
    one_in_ten_is_late = [500] * 9 + [4_500]
    assert simulated(EQUAL, [drawn(one_in_ten_is_late)] * 3, 5_000, runs=6_000, seed=11).value > found.value


def test_what_a_channel_keeps_back_is_not_oversold():
    open_ = simulated(EQUAL, [constant(900)] * 3, 900, runs=4_000, seed=11)
    kept = simulated(EQUAL, [constant(900)] * 3, 900, runs=4_000, seed=11, kept=(0, 3, 3))
    assert kept.value < open_.value / 4
