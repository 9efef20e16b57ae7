"""Money: exact in every currency, against fractions; nothing on the way is a float."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nervo.model import money
from nervo.model.catalog import Product, Variant
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, sum_of_parts
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.prices import Price
from nervo.model.returns import Refund, ReturnLine
from nervo.rules.config import ConnectionConfig, PriceRule
from nervo.store import facts
from nervo.store.codec import parse, text
from nervo.sync import project
from nervo.sync.orders import doubt_about
from tests.properties.depot import order
from tests.properties.ground import fresh, ground
from tests.properties.profile import counted, examples

CURRENCIES = sorted({*money._EXPONENTS, "EUR", "USD", "CHF", "XXX"})
CURRENCY = st.sampled_from(CURRENCIES)
MINOR = st.integers(-(10**12), 10**12)
RATES = [Decimal(rate) for rate in ("0", "0.04", "0.05", "0.1", "0.22", "0.077", "0.255")]


def half_up(amount: Fraction, unit: Fraction) -> Fraction:
    """To whole units, half away from zero."""
    whole = math.floor(abs(amount) / unit + Fraction(1, 2)) * unit
    return whole if amount >= 0 else -whole


def unit_of(currency: str) -> Fraction:
    return Fraction(1, 10 ** money.exponent(currency))


def floats_in(value: Any, path: str = "") -> list[str]:
    """Where a value has a float in it, at any depth."""
    if isinstance(value, float):
        return [path]
    if is_dataclass(value):
        return [p for f in fields(value) for p in floats_in(getattr(value, f.name), f"{path}.{f.name}")]
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in floats_in(v, f"{path}.{k}")]
    if isinstance(value, list | tuple):
        return [p for i, v in enumerate(value) for p in floats_in(v, f"{path}[{i}]")]
    return []


@pytest.mark.fault(48)
@given(tenths=MINOR, finer=st.sampled_from(["0", "0", "1e-9", "-1e-9"]).map(Decimal), currency=CURRENCY)
@examples(100)
@counted
def test_an_amount_is_rounded_half_away_from_zero_to_the_currencys_unit(tenths, finer, currency):
    """Tenths of the unit, so that halves are many; and a hair beside them."""
    amount = money.from_minor(tenths, currency) / 10 + finer
    assert Fraction(money.rounded(amount, currency)) == half_up(Fraction(amount), unit_of(currency))


@given(minor=MINOR, currency=CURRENCY, finer=st.integers(1, 9))
@examples(100)
@counted
def test_minor_units_and_amounts_are_two_names_of_the_same(minor, currency, finer):
    amount = money.from_minor(minor, currency)
    assert (money.to_minor(amount, currency), Fraction(amount)) == (minor, minor * unit_of(currency))
    with pytest.raises(ValueError):
        money.to_minor(amount + Decimal(finer) * money.quantum(currency) / 10, currency)


@given(minor=MINOR, currency=CURRENCY, weights=st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=12))
@examples(150)
@counted
def test_shares_add_up_and_none_is_a_whole_unit_off(minor, currency, weights):
    amount, unit, whole = money.from_minor(minor, currency), unit_of(currency), Fraction(sum(weights))
    shares = money.split(amount, weights, currency)
    assert sum(shares) == amount
    assert all((Fraction(share) / unit).denominator == 1 for share in shares)
    if whole:
        exact = [Fraction(amount) * Fraction(w) / whole for w in weights]
        assert all(abs(Fraction(s) - e) < unit for s, e in zip(shares, exact, strict=True))


@given(
    amounts=st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
    rate=st.one_of(st.none(), st.decimals(allow_nan=False, allow_infinity=False)),
    currency=CURRENCY,
)
@examples(100)
@counted
def test_an_order_is_kept_and_read_again_digit_by_digit(amounts, rate, currency):
    lines = tuple(OrderLine(str(i), "A", "A", a, a, a, a, rate, a) for i, a in enumerate(amounts))
    refund = Refund("r", amounts[0], currency, (ReturnLine("A", amounts[0]),))
    made = replace(
        order("1", []),
        currency=currency,
        lines=lines,
        total_gross=amounts[0],
        total_tax=amounts[-1],
        charges=(Charge(ChargeKind.FEE, "x", amounts[0], amounts[0], amounts[0], rate),),
        refunds=(refund,),
        payments=(Payment("p", "card", PaymentStatus.PAID, amounts[0], currency),),
    )
    again = parse(text(made), Order)
    assert (repr(again), floats_in(again)) == (repr(made), [])


PARTS = st.lists(
    st.tuples(st.integers(-3000, 90_000), st.integers(1, 9), st.sampled_from(RATES)), min_size=1, max_size=8
)


@pytest.mark.fault(48)
@given(
    parts=PARTS,
    shipping=st.integers(0, 3000),
    coupon=st.booleans(),
    off=st.sampled_from([0, 0, 1, -1, 500]),
    currency=CURRENCY,
)
@examples(100)
@counted
def test_an_order_adds_up_to_the_unit_or_is_held_with_both_sums(parts, shipping, coupon, off, currency):
    """Mixed rates, discounts spread over the lines, a coupon over all of it."""
    store = fresh()
    store.write(lambda tx: facts.put_products(tx, [Product("A", "A", (Variant("A"),))], 1))
    made = _sold(parts, shipping, coupon, off, currency)
    found = store.db.read_now(lambda tx: doubt_about(tx, made))
    assert (found is None) == (off == 0)
    if found:
        assert found.code == "total_differs"
        assert Decimal(found.values["total"]) - Decimal(found.values["parts"]) == money.from_minor(off, currency)


def _sold(parts: list, shipping: int, coupon: bool, off: int, currency: str) -> Order:
    grosses = [money.from_minor(minor, currency) for minor, _, _ in parts]
    nets = [money.rounded(g / (1 + rate), currency) for g, (_, _, rate) in zip(grosses, parts, strict=True)]
    lines = tuple(
        OrderLine(str(i), "A", "A", Decimal(n), net, gross - net, gross, rate)
        for i, (gross, net, (_, n, rate)) in enumerate(zip(grosses, nets, parts, strict=True))
    )
    sent = money.from_minor(shipping, currency)
    charges = [Charge(ChargeKind.SHIPPING, "Corriere", sent, Decimal(0), sent)]
    if coupon:
        all_ = -(sum(grosses) + sent)
        charges.append(Charge(ChargeKind.DISCOUNT, "100 %", all_, Decimal(0), all_))
    made = replace(order("1", []), currency=currency, lines=lines, charges=tuple(charges))
    return replace(made, total_gross=sum_of_parts(made) + money.from_minor(off, currency))


PRICE = st.builds(
    dict,
    minor=st.integers(1, 10**7), rate=st.one_of(st.none(), st.sampled_from(RATES)), gross=st.booleans(), with_tax=st.booleans(),
    percent=st.decimals(-50, 100, places=2), step=st.sampled_from(["0", "0.05", "0.1", "0.5", "1", "5"]).map(Decimal), currency=CURRENCY,
)  # fmt: skip


@pytest.mark.fault(48)
@given(case=PRICE)
@examples(150)
@counted
def test_a_projected_price_is_the_nearest_step_of_the_exact_amount(case):
    currency, amount = case["currency"], money.from_minor(case["minor"], case["currency"])
    price = Price(
        "A", "L", currency, **{"price_gross" if case["gross"] else "price_net": amount}, tax_rate=case["rate"]
    )
    store = fresh()
    store.write(lambda tx: facts.put_prices(tx, [price], 1))
    rule = PriceRule("L", case["percent"], case["step"], case["with_tax"])
    channel = ConnectionConfig("shop", "world", price=rule)
    shown = ground().db.read_now(lambda tx: project.prices(tx, channel, ["A"]))["A"]
    exact = _exact(Fraction(amount), case)
    assert (shown is None) == (exact is None)
    if shown and exact is not None:
        step = max(Fraction(case["step"]), unit_of(currency))
        raised = exact * (1 + Fraction(case["percent"]) / 100)
        told, compare_at, told_currency = shown.split("|")
        assert (Fraction(told), compare_at, told_currency) == (half_up(raised, step), "", currency)
        assert -Decimal(told).as_tuple().exponent == money.exponent(currency)


def _exact(amount: Fraction, case: dict[str, Any]) -> Fraction | None:
    """With or without tax, or None where nobody knows the rate."""
    if case["gross"] == case["with_tax"]:
        return amount
    if case["rate"] is None:
        return None
    factor = 1 + Fraction(case["rate"])
    return amount * factor if case["with_tax"] else amount / factor
