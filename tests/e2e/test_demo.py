"""`nervo demo --check`, short: the line's guarantees hold, and each of them is really looked at."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nervo.bootstrap.demo import rehearsal
from nervo.bootstrap.vault import open_vault
from nervo.cli.demo import doorstep
from nervo.staging.reckoning import Result
from nervo.staging.trading import World
from nervo.store.database import Database

Undo = Callable[[], Any]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'nervo.sqlite3'}"


def lose_an_order(world: World) -> Undo:
    book = world.erp.sales.orders
    cancelled = {p.key for p in world.placed if (p.shop, p.id) in world.cancelled}
    id = next(id for id, row in book.items() if row.doc.reference not in cancelled)
    row = book.pop(id)
    return lambda: book.update({id: row})


def write_an_order_twice(world: World) -> Undo:
    book = world.erp.sales.orders
    book["twice"] = next(iter(book.values()))
    return lambda: book.pop("twice")


def count_one_piece_more(world: World) -> Undo:
    stock, place = world.erp.books.on_hand, (world.bought[0], "MI")
    stock[place] += 1
    return lambda: stock.update({place: stock[place] - 1})


def book_a_cent_less(world: World) -> Undo:
    row = next(r for r in world.erp.sales.orders.values() if r.payments)
    payment = next(iter(row.payments.values()))
    payment.amount -= Decimal("0.01")
    return lambda: setattr(payment, "amount", payment.amount + Decimal("0.01"))


def forget_a_parcel(world: World) -> Undo:
    row = next(r for r in world.erp.sales.orders.values() if r.shipments)
    gone = row.shipments.pop()
    return lambda: row.shipments.append(gone)


def raise_a_price(world: World) -> Undo:
    row = next(iter(world.erp.books.prices[world.bought[0], "PUBBLICO"].values()))
    row.amount += 1
    return lambda: setattr(row, "amount", row.amount - 1)


def sell_to_somebody_else(world: World) -> Undo:
    doc = next(iter(world.erp.sales.orders.values())).doc
    right = doc.customer
    doc.customer = next(id for id in world.erp.sales.customers if id != right)
    return lambda: setattr(doc, "customer", right)


BREAKS: dict[Callable[[World], Undo], Callable[[Result], bool]] = {
    lose_an_order: lambda r: r.lost == 1,
    write_an_order_twice: lambda r: r.duplicates == 1,
    count_one_piece_more: lambda r: r.diverged >= 1,
    book_a_cent_less: lambda r: any("paid" in c for c in r.complaints),
    forget_a_parcel: lambda r: any("shipped" in c for c in r.complaints),
    sell_to_somebody_else: lambda r: any("sold to" in c for c in r.complaints),
    raise_a_price: lambda r: any("instead of" in c for c in r.complaints),
}


@pytest.mark.slow
async def test_the_short_check_holds_and_notices_every_broken_guarantee(store: str, tmp_path: Path) -> None:
    db, vault = Database(), open_vault(tmp_path / "secret.key")
    async with rehearsal(db, vault, doorstep, orders=60, seed=7, most_s=40) as done:
        result = await done.rest()
        assert result.good, (result.line(), result.complaints)
        assert result.orders == 60 and result.held >= 1
        assert done.world.outages and result.p50_ms > 0
        for spoil, noticed in BREAKS.items():
            undo = spoil(done.world)
            spoiled = await done.reckon()
            undo()
            assert noticed(spoiled) and not spoiled.good, (spoil.__name__, spoiled)
        assert (await done.reckon()).good
    db.close()
