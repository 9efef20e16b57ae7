"""Each toxic on each edge of the running hub: an order and a change of stock come through it once and right."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from nervo.staging.reckoning import shown_at
from nervo.staging.trading import MAIN
from tests.prove.network.edges import AFTER, NEVER, comes_through, through, traded, until
from tests.prove.network.ground import HOOKS, Line
from tests.prove.network.toxics import Kind, Toxic

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    url = f"sqlite:///{tmp_path_factory.mktemp('network') / 'nervo.sqlite3'}"
    async with traded(url, unique_keys=True) as made:
        yield made


@pytest.mark.fault(21)
@through("erp", only=AFTER)
async def test_an_order_that_the_erp_took_without_being_able_to_say_so_is_there_once(
    here: Line, edge: str, face: Toxic
) -> None:
    await comes_through(here, edge, face)


@pytest.mark.fault(22)
@through("erp", only=[Kind.LATE])
async def test_an_order_that_the_erp_took_late_is_there_once(here: Line, edge: str, face: Toxic) -> None:
    await comes_through(here, edge, face)


@pytest.mark.fault(34)
@through("woocommerce", "shopify", only={*AFTER, Kind.LATE})
async def test_a_figure_whose_arrival_nobody_confirmed_is_right_in_the_end(here: Line, edge: str, face: Toxic) -> None:
    await comes_through(here, edge, face)


@pytest.mark.fault(36)
@through("woocommerce", "shopify", only=[Kind.THROTTLE])
async def test_a_channel_that_wants_no_calls_gets_its_figure_later(here: Line, edge: str, face: Toxic) -> None:
    await comes_through(here, edge, face)


@pytest.mark.fault(1)
@through(HOOKS, only=[Kind.DUPLICATE])
async def test_a_webhook_that_the_network_repeats_brings_one_order(here: Line, edge: str, face: Toxic) -> None:
    await comes_through(here, edge, face)


@pytest.mark.fault(5)
@through(HOOKS, only=NEVER)
async def test_an_order_whose_webhook_never_came_is_found(here: Line, edge: str, face: Toxic) -> None:
    await comes_through(here, edge, face)


@through("erp", "woocommerce", "shopify", but={*AFTER, Kind.LATE})
async def test_an_order_and_a_figure_come_through_what_had_no_effect_or_only_slows(
    here: Line, edge: str, face: Toxic
) -> None:
    await comes_through(here, edge, face)


@through(HOOKS, but={*NEVER, Kind.DUPLICATE, Kind.CLOSE_KEPT})  # one order's webhooks come on a connection each
async def test_an_order_comes_through_a_spoilt_webhook(here: Line, edge: str, face: Toxic) -> None:
    await comes_through(here, edge, face)


@pytest.mark.parametrize(("sick", "well"), [("woocommerce", "shopify"), ("shopify", "woocommerce")])
@pytest.mark.parametrize("kind", [Kind.STALL, Kind.RESET, Kind.THROTTLE])
async def test_the_other_channel_gets_its_figure_while_one_lets_nothing_through(
    here: Line, sick: str, well: str, kind: Kind
) -> None:
    world, sku, dead = here.world, here.world.restocked[0], here.world.shops[sick]
    with here.edges[sick].under(Toxic(kind)):
        before, shown, passed = world.erp.figure(sku, MAIN), dead.quantity(sku), here.edges[sick].passed
        world.erp.set_stock(sku, MAIN, int(before) % 60 + 7)

        async def waits() -> list[str]:
            there, right = world.shops[well].quantity(sku), shown_at(world, well, sku, 0)
            return [f"{well} shows {there} instead of {right}"] if there != right else []

        await until(waits)
        assert dead.quantity(sku) == shown and here.edges[sick].passed == passed

    async def behind() -> list[str]:
        there, right = dead.quantity(sku), shown_at(world, sick, sku, 0)
        return [f"{sick} shows {there} instead of {right}"] if there != right else []

    await until(behind)
