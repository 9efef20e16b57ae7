"""Money: shares of an amount."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nervo.model.money import split


@pytest.mark.parametrize(("amount", "shares"), [("0.01", ["0", "0.01", "0"]), ("-0.01", ["0", "-0.01", "0"])])
def test_what_weighs_nothing_gets_nothing_of_a_refund_either(amount, shares):
    weights = [Decimal(0), Decimal(1), Decimal(1)]
    assert split(Decimal(amount), weights, "EUR") == [Decimal(share) for share in shares]
