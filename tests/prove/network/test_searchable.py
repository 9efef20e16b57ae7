"""The same with an ERP that takes a second order under one key, as most do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.prove.network.edges import AFTER, WRITES, amiss, buy, comes_through, through, traded, until
from tests.prove.network.ground import Line
from tests.prove.network.toxics import Kind, Toxic

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    url = f"sqlite:///{tmp_path_factory.mktemp('network') / 'nervo.sqlite3'}"
    async with traded(url, unique_keys=False) as made:
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


@pytest.mark.fault(22)
@pytest.mark.parametrize("status", [502, 503, 504])
async def test_an_order_that_a_gateway_gave_up_and_the_erp_took_much_later_is_there_once(
    here: Line, status: int
) -> None:
    """503 too is what gateways say when the system behind them was too slow (Varnish, Fastly: "first byte timeout")."""
    erp = here.running.hub.erp()
    erp.port.capabilities = replace(erp.port.capabilities, late_application_s=5.0)
    with here.edges["erp"].under(Toxic(Kind.LATE, WRITES["erp"], times=1, seconds=4.0, status=status)):
        placed = buy(here, "woocommerce")
        before = here.edges["erp"].applied[Kind.LATE]

        async def wrong() -> list[str]:
            unseen = here.edges["erp"].applied[Kind.LATE] == before
            return ["not applied"] if unseen else await amiss(here, placed, (placed.lines[0][0],))

        await until(wrong)
