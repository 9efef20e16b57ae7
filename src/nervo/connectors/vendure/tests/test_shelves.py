"""Stock that counts what is allocated once, prices in whole minor units, batches that name who is gone."""

from decimal import Decimal
from typing import Any

import pytest

from nervo.connectors.vendure.connector import Vendure
from nervo.errors import BadInput, Unsupported
from nervo.ports.common import Outcome
from nervo.ports.shop import PriceWrite, StockWrite


def stock(id: str, quantity: Any) -> StockWrite:
    return StockWrite(f"SKU-{id}", {"variant": id}, quantity)


def price(id: str, amount: str) -> PriceWrite:
    return PriceWrite(f"SKU-{id}", {"variant": id}, Decimal(amount), "EUR")


async def test_setting_stock_leaves_so_many_to_sell_beside_what_is_allocated(floor: Any, shop: Vendure):
    floor.add("1", "SKU-1", on_hand=50, allocated=3)
    (outcome,) = await shop.put_stock([stock("1", 7)])
    assert (outcome.outcome, outcome.observed) == (Outcome.DONE, "7")
    assert floor.variants["1"]["stockLevels"][0]["stockOnHand"] == 10


async def test_setting_stock_twice_is_setting_it_once(floor: Any, shop: Vendure):
    floor.add("1", "SKU-1", on_hand=50, allocated=3)
    for _ in range(2):
        await shop.put_stock([stock("1", 7)])
    assert floor.variants["1"]["stockLevels"][0]["stockOnHand"] == 10


async def test_one_that_is_gone_does_not_stop_the_others(floor: Any, shop: Vendure):
    floor.add("1", "SKU-1", on_hand=5)
    outcomes = {o.sku: o.outcome for o in await shop.put_stock([stock("1", 2), stock("9", 2)])}
    assert outcomes == {"SKU-1": Outcome.DONE, "SKU-9": Outcome.MISSING}
    outcomes = {o.sku: o.outcome for o in await shop.put_prices([price("1", "12.30"), price("9", "1.00")])}
    assert outcomes == {"SKU-1": Outcome.DONE, "SKU-9": Outcome.MISSING}
    assert floor.variants["1"]["prices"] == [{"currencyCode": "EUR", "price": 1230}]


@pytest.mark.parametrize("quantity", [-1, Decimal("1.5")])
async def test_a_negative_or_fractional_quantity_is_refused_before_any_call(floor: Any, shop: Vendure, quantity: Any):
    with pytest.raises(BadInput):
        await shop.put_stock([stock("1", quantity)])
    assert floor.asked == []


async def test_a_price_finer_than_a_cent_is_refused_and_nothing_changes(floor: Any, shop: Vendure):
    floor.add("1", "SKU-1", on_hand=5, cents=1000)
    with pytest.raises(BadInput):
        await shop.put_prices([price("1", "19.905")])
    assert floor.variants["1"]["prices"][0]["price"] == 1000


async def test_every_page_of_the_shelf_comes_once(floor: Any, shop: Vendure):
    for n in range(1, 1203):
        floor.add(str(n), f"SKU-{n}", on_hand=1)
    mark, seen = None, []
    for _ in range(10):
        rows, mark = await shop.listings(mark)
        seen += [row.sku for row in rows]
        if mark is None:
            break
    assert seen == [f"SKU-{n}" for n in range(1, 1203)]


@pytest.mark.fault(46)
async def test_what_is_taken_out_between_two_pages_hides_no_other(floor: Any, shop: Vendure):
    for n in range(1, 1203):
        floor.add(str(n), f"SKU-{n}", on_hand=1)
    rows, mark = await shop.listings(None)
    seen = [row.sku for row in rows]
    for n in range(1, 700):
        del floor.variants[str(n)]
    while mark:
        rows, mark = await shop.listings(mark)
        seen += [row.sku for row in rows]
    assert seen == [f"SKU-{n}" for n in [*range(1, 501), *range(700, 1203)]]


async def test_two_variants_with_one_sku_are_both_found(floor: Any, shop: Vendure):
    floor.add("1", "TWIN", on_hand=1)
    floor.add("2", "TWIN", on_hand=2)
    assert [row.quantity for row in await shop.find_listings(["TWIN", "GHOST"])] == [1, 2]


async def test_asking_for_nothing_calls_nobody(floor: Any, shop: Vendure):
    assert await shop.find_listings([]) == ()
    assert await shop.read_listings([]) == ()
    assert floor.asked == []


async def test_the_check_names_the_shop_and_its_kind_of_prices(shop: Vendure):
    identity = await shop.check()
    assert (identity.currency, identity.prices_include_tax, [c.ok for c in identity.checks]) == ("EUR", True, [True])


async def test_subscribing_points_to_the_plug_in(shop: Vendure):
    with pytest.raises(Unsupported):
        await shop.subscribe("https://nervo/hooks/vendure")
