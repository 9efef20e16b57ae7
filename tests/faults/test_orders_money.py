"""Amounts in currencies without cents or with mils, and finer than their currency: to the unit in the ERP, or held."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.staging.world import WorldErp, WorldShop
from tests.hub import TestHub


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    ("currency", "unit", "problem"),
    [
        ("JPY", "1990", ""),
        ("JPY", "1990.00", ""),
        ("KWD", "1.995", ""),
        ("EUR", "0.01", ""),
        ("EUR", "0.10", ""),
        ("JPY", "1990.5", "unreadable_order"),
        ("EUR", "9.995", "unreadable_order"),
        ("KWD", "1.9955", "unreadable_order"),
    ],
)
async def test_an_order_is_in_the_erp_to_the_unit_of_its_currency_or_held(store, currency, unit, problem):
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}).start()
    number = shop.sell({"A": 3}, unit=unit)
    shop.sold[number] = replace(shop.sold[number], currency=currency)
    await hub.settle()
    assert [code for (code,) in hub.ask("SELECT code FROM store_problem")] == ([problem] if problem else [])
    total = Decimal(unit) * 3
    written = [(o.total_gross, o.currency, o.paid) for o in erp.orders.values()]
    assert written == ([] if problem else [(total, currency, total)])
    await hub.close()
