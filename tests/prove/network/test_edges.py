"""Each toxic on each edge of the running hub: one order and one change of stock through it, and all books are right in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from nervo.staging.reckoning import shown_at
from nervo.staging.trading import MAIN, Placed
from nervo.store.database import Database
from tests.hub import use_database
from tests.prove.network.campaign import left_open, stocked
from tests.prove.network.ground import HOOKS, Line, line
from tests.prove.network.plan import EDGES, FACES, kinds
from tests.prove.network.toxics import Kind, Toxic

PATIENCE_S = 45.0
# The request that a toxic is for: the writes that matter; where only reads can show it, a read.
WRITES = {
    "erp": "POST /api/v1/orders ",
    "woocommerce": "POST /wp-json/wc/v3/products",
    "shopify": "PutStock",
    HOOKS: "",
}
READS = {"erp": "GET /api/v1/", "woocommerce": "GET /wp-json/wc/v3/orders", "shopify": "", HOOKS: ""}
ONLY_READS = {Kind.DUPLICATE, Kind.STALE}
AFTER = {Kind.NO_ANSWER, Kind.RESET_AFTER, Kind.LOST_REPLY, Kind.GATEWAY, Kind.TRUNCATE, Kind.CUT_CHUNKED, Kind.GARBAGE}
NEVER = {Kind.STALL, Kind.RESET, Kind.STORM, Kind.THROTTLE, Kind.REDIRECT}
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


def row(edge: str, kind: Kind) -> int:
    """The row of docs/faults.md that a toxic on an edge shows; 0 where there is none."""
    match edge:
        case "erp":
            return 21 if kind in AFTER else 22 if kind is Kind.LATE else 0
        case "hooks":
            return 1 if kind is Kind.DUPLICATE else 5 if kind in NEVER else 0
    return 36 if kind is Kind.THROTTLE else 34 if kind in AFTER | {Kind.LATE} else 0


def cells() -> list[Any]:
    """Every face of every toxic that an edge can show; those of the ERP's also where it takes a second order under one key."""
    found = []
    for unique, edge in [(True, edge) for edge in EDGES] + [(False, "erp")]:
        for kind in kinds(edge):
            if edge == "shopify" and kind in ONLY_READS:
                continue  # all of its requests are POSTs
            if not unique and kind not in AFTER | {Kind.LATE}:
                continue  # what had no effect cannot have it twice
            for face in FACES[kind]:
                names = [edge if unique else "searchable", kind, str(face.status or face.retry_after or "")]
                marks = [pytest.mark.fault(number)] if (number := row(edge, kind)) else []
                found.append(pytest.param(unique, edge, face, id="-".join(filter(None, names)), marks=marks))
    return found


@pytest.fixture(scope="module")
def unique(request: pytest.FixtureRequest) -> bool:
    """Whether the ERP refuses a second order under one key."""
    return bool(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory, unique: bool) -> AsyncIterator[Line]:
    await asyncio.to_thread(use_database, f"sqlite:///{tmp_path_factory.mktemp('network') / 'nervo.sqlite3'}")
    db = Database()
    async with line(db, 5, unique_keys=unique, sweep_s=2) as made:
        await stocked(made)
        yield made
    await asyncio.to_thread(db.close)


@contextmanager
def under(here: Line, edge: str, face: Toxic) -> Iterator[None]:
    """The toxic for the next request that it is for."""
    match = (READS if face.kind in ONLY_READS else WRITES)[edge]
    toxic = Toxic(face.kind, match, 1.0, 1, face.seconds, face.jitter_s, face.size, face.status, face.retry_after)
    with here.edges[edge].under(toxic):
        yield


def buy(here: Line, shop: str) -> Placed:
    """A customer buys one piece and has paid."""
    world, customer = here.world, here.world.chance.choice(here.world.customers)
    sku = world.chance.choice([s for s in world.bought if world.shops[shop].quantity(s) > 3])
    id = world.shops[shop].place_order(
        [(sku, 1)], email=customer.email, paid=True, fiscal=customer.fiscal, address=customer.address
    )
    world.placed.append(Placed(shop, str(id), customer.email, ((sku, 1),)))
    world.paid.add((shop, str(id)))
    return world.placed[-1]


async def until(wrong: Callable[[], Awaitable[list[str]]]) -> None:
    """Until nothing is wrong any more."""
    said = ["nothing was looked at"]
    try:
        async with asyncio.timeout(PATIENCE_S):
            while said := await wrong():
                await asyncio.sleep(0.03)
    except TimeoutError:
        raise AssertionError(said) from None


@pytest.mark.parametrize(("unique", "edge", "face"), cells(), indirect=["unique"])
async def test_an_order_and_a_change_of_stock_come_through_it_once_and_right(
    here: Line, edge: str, face: Toxic
) -> None:
    world, proxy = here.world, here.edges[edge]
    before = proxy.applied[face.kind]
    with under(here, edge, face):
        placed = buy(here, edge if edge in world.shops else "woocommerce")
        sku = world.chance.choice(world.restocked)
        world.erp.set_stock(sku, MAIN, int(world.erp.figure(sku, MAIN)) % 60 + 7)
        skus = (sku, placed.lines[0][0])

        async def wrong() -> list[str]:
            return (
                [f"{face.kind} not applied"] if proxy.applied[face.kind] == before else await amiss(here, placed, skus)
            )

        await until(wrong)


@pytest.mark.fault(22)
@pytest.mark.parametrize("unique", [False], ids=["searchable"], indirect=True)
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


@pytest.mark.parametrize("unique", [True], ids=["erp"], indirect=True)
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


async def amiss(here: Line, placed: Placed, skus: tuple[str, ...]) -> list[str]:
    """What is not yet as it has to be, from the simulators' books and our open problems."""
    if any(proxy.under_way for proxy in here.edges.values()):
        return ["a late request is still under way"]
    rows = [r for r in here.world.erp.orders() if r["key"] == placed.key]
    said = [f"{len(rows)} orders in the ERP"] if len(rows) != 1 else []
    for r in rows:
        if r["state"] != "confirmed" or r["paid"] != r["total"]:
            said.append(f"{r['state']}, paid {r['paid']} of {r['total']}")
    for name, shop in here.world.shops.items():
        shown = {sku: (shop.quantity(sku), shown_at(here.world, name, sku, 0)) for sku in skus}
        said += [
            f"{name} shows {there} of {sku} instead of {right}"
            for sku, (there, right) in shown.items()
            if there != right
        ]
    return said or [f"open {problem}" for problem in await here.db.read(left_open)]
