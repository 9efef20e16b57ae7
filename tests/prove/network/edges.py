"""One order and one change of stock under one toxic, looked at from the simulators' books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from nervo.staging.reckoning import shown_at
from nervo.staging.trading import MAIN, Placed
from nervo.store.database import Database
from tests.hub import use_database
from tests.prove.network.campaign import left_open, stocked
from tests.prove.network.ground import HOOKS, Line, line
from tests.prove.network.plan import FACES, kinds
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


def through(*edges: str, only: Iterable[Kind] = Kind, but: Iterable[Kind] = ()) -> pytest.MarkDecorator:
    """A test for every face of these toxics on these edges."""
    wanted = set(only) - set(but)
    cells = [
        pytest.param(edge, face, id="-".join(filter(None, [edge, kind, str(face.status or face.retry_after or "")])))
        for edge in edges
        for kind in kinds(edge)
        if kind in wanted and not (edge == "shopify" and kind in ONLY_READS)  # all of its requests are POSTs
        for face in FACES[kind]
    ]
    return pytest.mark.parametrize(("edge", "face"), cells)


@asynccontextmanager
async def traded(database_url: str, *, unique_keys: bool) -> AsyncIterator[Line]:
    """A hub whose shops are stocked. `unique_keys`: the ERP refuses a second order under one key."""
    await asyncio.to_thread(use_database, database_url)
    db = Database()
    async with line(db, 5, unique_keys=unique_keys, sweep_s=2) as made:
        await stocked(made)
        yield made
    await asyncio.to_thread(db.close)


@contextmanager
def under(here: Line, edge: str, face: Toxic) -> Iterator[None]:
    """The toxic for the next request that it is for."""
    match = "" if face.kind is Kind.CLOSE_KEPT else (READS if face.kind in ONLY_READS else WRITES)[edge]
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


async def comes_through(here: Line, edge: str, face: Toxic) -> None:
    """One order and one change of stock under the toxic: in all books once and right."""
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
