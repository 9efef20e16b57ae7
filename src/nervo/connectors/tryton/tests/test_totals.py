"""Tryton's total must be what the customer paid, wherever a net amount exists that gives it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nervo.connectors.tryton.totals import Amounts, fitted, residual, unit_price
from nervo.model.money import rounded

RATE = Decimal("0.22")


def tryton_total(nets: list[Decimal], rate: Decimal) -> Decimal:
    base = sum(nets, Decimal(0))
    return base + rounded(base * rate, "EUR")


def amounts(gross: str) -> Amounts:
    return Amounts(rounded(Decimal(gross) / (1 + RATE), "EUR"), Decimal(gross), RATE)


@pytest.mark.fault(48)
def test_three_lines_that_round_apart_are_brought_together():
    parts = [amounts("9.99"), amounts("9.99"), amounts("9.99"), amounts("4.90")]
    assert tryton_total([p.net for p in parts], RATE) != Decimal("34.87")
    assert tryton_total(fitted(parts, "EUR"), RATE) == Decimal("34.87")


@pytest.mark.fault(48)
def test_a_total_that_no_net_gives_leaves_a_cent_to_a_line_without_tax():
    parts = [amounts("29.97")]
    nets = fitted(parts, "EUR")
    assert nets == [Decimal("24.57")]
    assert tryton_total(nets, RATE) + residual(parts, nets, "EUR") == Decimal("29.97")


@given(st.lists(st.tuples(st.integers(1, 50_000), st.sampled_from(["0.22", "0.10", "0"])), min_size=1, max_size=12))
def test_the_sale_with_its_residual_is_what_the_customer_paid(lines: list[tuple[int, str]]):
    parts = [
        Amounts(rounded(Decimal(c).scaleb(-2) / (1 + Decimal(r)), "EUR"), Decimal(c).scaleb(-2), Decimal(r))
        for c, r in lines
    ]
    nets = fitted(parts, "EUR")
    of_rate = [[n for n, p in zip(nets, parts, strict=True) if p.rate == rate] for rate in {p.rate for p in parts}]
    made = sum(
        (tryton_total(group, rate) for group, rate in zip(of_rate, {p.rate for p in parts}, strict=True)), Decimal(0)
    )
    assert made + residual(parts, nets, "EUR") == sum((p.gross for p in parts), Decimal(0))


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=12))
def test_the_total_is_never_more_than_a_cent_away_and_exact_where_it_can_be(cents: list[int]):
    parts = [amounts(str(Decimal(c).scaleb(-2))) for c in cents]
    gross = sum((p.gross for p in parts), Decimal(0))
    total = tryton_total(fitted(parts, "EUR"), RATE)
    near = [gross / (1 + RATE) + Decimal(step) / 100 for step in (-2, -1, 0, 1, 2)]
    reachable = any(tryton_total([rounded(net, "EUR")], RATE) == gross for net in near)
    # With many lines the nets' own rounding may be further off than the few cents that are moved.
    if len(parts) <= 6:
        assert (total == gross) is reachable


@given(st.integers(1, 99), st.integers(1, 1_000_000))
def test_the_unit_price_times_the_quantity_is_the_net(quantity: int, cents: int):
    net = Decimal(cents).scaleb(-2)
    assert rounded(unit_price(net, Decimal(quantity), 4) * quantity, "EUR") == net
