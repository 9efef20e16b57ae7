"""How long a change of stock takes, read from the two ledgers."""

from nervo.staging.people import Change
from nervo.staging.reckoning import propagation
from nervo.staging.trading import World, trading_world

SKU = "CAF-MOK-250G"


def changed(at: float, woo: int) -> Change:
    return Change(at, SKU, {"woocommerce": woo, "shopify": 1})


async def measured(
    changes: list[Change], shown: list[tuple[float, int]], outages: tuple[tuple[float, float], ...] = ()
):  # type: ignore[no-untyped-def]
    async with trading_world() as world:
        told: World = world
        for shop in told.shops.values():
            shop.history.clear()
        told.outages.extend(outages)
        told.shops["shopify"].history.append((0.0, SKU, 1))
        told.shops["woocommerce"].history.extend((at, SKU, n) for at, n in shown)
        times, missing = propagation(told, changes)
        return [round(t) for t in times], missing


async def test_it_is_the_time_until_the_shop_shows_it() -> None:
    assert await measured([changed(1.0, 7)], [(0.5, 9), (1.25, 7)]) == ([250], 0)


async def test_a_later_state_contains_the_earlier_change() -> None:
    assert await measured([changed(1.0, 7), changed(2.0, 8)], [(0.5, 9), (2.5, 8)]) == ([500, 1500], 0)


async def test_a_change_that_never_arrives_is_missing() -> None:
    assert await measured([changed(1.0, 7)], [(0.5, 9), (1.1, 6)]) == ([], 1)


async def test_a_count_that_was_taken_back_at_once_need_not_be_told() -> None:
    assert await measured([changed(1.0, 7), changed(1.1, 9)], [(0.5, 9)]) == ([], 0)


async def test_what_crosses_an_outage_of_the_erp_is_not_measured() -> None:
    assert await measured([changed(1.0, 7)], [(0.5, 9), (5.0, 7)], outages=((2.0, 4.0),)) == ([], 0)
