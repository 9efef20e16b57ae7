"""A source's clock that is wrong for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nervo.staging.world import START, WorldErp, WorldShop
from tests.hub import TestHub


@pytest.fixture
def sides() -> tuple[WorldErp, WorldShop]:
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    return erp, shop


async def test_an_order_dated_next_year_hides_none_that_come_after_it(store, sides):
    erp, shop = sides
    hub = await TestHub(erp, {"shop": shop}).start()
    strange = shop.sell({"A": 1})
    shop.change(strange, updated_at=START + timedelta(days=365))
    await hub.settle()
    shop.sell({"A": 1})
    await hub.settle()
    assert len(erp.book) == 2
    await hub.close()


async def test_an_order_dated_next_year_before_our_start_makes_none_an_order_of_the_past(store, sides):
    erp, shop = sides
    strange = shop.sell({"A": 1})
    shop.change(strange, updated_at=START + timedelta(days=365), placed_at=START + timedelta(days=365))
    hub = await TestHub(erp, {"shop": shop}).start()
    number = shop.sell({"A": 1})
    moment = hub.clock.now() + timedelta(seconds=30)
    shop.change(number, updated_at=moment, placed_at=moment)
    await hub.settle()
    assert [key.split("-")[1] for key in erp.book][-1:] == [number]
    await hub.close()
