"""A process that is cut off in the middle of an order: the next one goes on from the milestones, with no second effect."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import orders
from tests.hub import TestHub

CUT = [
    ("fail", "create_order"),
    ("fail_after", "create_customer"),
    ("fail_after", "create_order"),
    ("fail_after", "confirm_order"),
    ("fail_after", "record_payment"),
]


@pytest.mark.fault(56)
@pytest.mark.parametrize(("moment", "step"), CUT, ids=[f"{moment}-{step}" for moment, step in CUT])
async def test_an_order_cut_off_goes_on_in_the_next_process(on_engine, moment, step):
    erp, shop = WorldErp(unique=False), WorldShop(["A"])
    erp.stock("A", 10)
    first = await TestHub(erp, {"shop": shop}, **on_engine).start()
    getattr(erp.faults, moment)(step, asyncio.CancelledError())
    shop.sell({"A": 2})
    await orders.sweep(first.hub, first.hub.channels()[0])
    await first.engine.idle()
    assert first.ask("SELECT flow FROM store_flowdue") == [("place_order",)]
    await first.close()

    second = await TestHub(erp, {"shop": shop}, clock=first.clock, **on_engine).start()
    ((key, written),) = erp.orders.items()
    assert (erp.book, written.state) == ([key], ErpOrderState.CONFIRMED)
    assert (len(erp.customer_book), list(erp.payments.values())) == (1, [Decimal("20.00")])
    assert second.ask("SELECT flow FROM store_flowdue") == []
    assert shop.shown["A"] == 8
    await second.close()
