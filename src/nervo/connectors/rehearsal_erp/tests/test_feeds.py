"""What the rehearsal ERP tells of its changes."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest

from nervo.connectors.rehearsal_erp.connector import RehearsalErp
from nervo.connectors.rehearsal_erp.settings import Settings
from nervo.errors import AuthFailed, Misunderstood, RateLimited, Unavailable
from nervo.kit.http import Exchange, ToolBox
from nervo.kit.settings import parse
from nervo.kit.simulator import Fault, FaultKind
from nervo.ports.common import Cursor

from .conftest import Desk


async def test_the_catalogue_comes_whole_and_later_only_what_changed(desk: Desk) -> None:
    page = await desk.erp.products(None)
    assert [p.code for p in page.items] == ["SHIRT", "MUG"]
    assert page.items[0].tax_rate == Decimal("0.22") and page.items[0].variants[0].weight_g == 250
    desk.simulator.rename("SHIRT", "Camicia Oxford blu")
    later = await desk.erp.products(page.next)
    assert [p.name for p in later.items] == ["Camicia Oxford blu"]


async def test_every_product_comes_once_over_many_pages(desk: Desk) -> None:
    for n in range(7):
        desk.simulator.add_product(f"P{n}", f"Prodotto {n}", [(f"P{n}", None, Decimal("9.90"), 1)])
    erp = RehearsalErp(replace(desk.erp.client.settings, page=2), ToolBox())
    seen, cursor, more = [], None, True
    while more:
        page = await erp.products(cursor)
        seen, cursor, more = seen + [p.code for p in page.items], page.next, page.more
    assert sorted(seen) == sorted(["SHIRT", "MUG", *(f"P{n}" for n in range(7))])
    mark, skus = None, []
    while True:
        figures, mark = await erp.stock_snapshot(mark)
        skus += [f.sku for f in figures if f.warehouse == "MI"]
        if mark is None:
            break
    assert sorted(skus) == sorted(["SHIRT-M", "MUG", *(f"P{n}" for n in range(7))])
    await erp.close()


async def test_a_changed_price_comes_with_all_its_quantity_breaks(desk: Desk) -> None:
    desk.simulator.set_price("MUG", "INGROSSO", Decimal("8.00"))
    desk.simulator.set_price("MUG", "INGROSSO", Decimal("7.00"), min_quantity=12)
    cursor = (await desk.erp.prices(None)).next
    desk.simulator.set_price("MUG", "INGROSSO", Decimal("6.50"), min_quantity=12)
    found = (await desk.erp.prices(cursor)).items
    assert [(p.min_quantity, p.price_net, p.price_gross) for p in found] == [
        (1, Decimal("8.00"), None),
        (12, Decimal("6.50"), None),
    ]


async def test_the_stock_journal_starts_at_now_and_then_names_what_moved_once(desk: Desk) -> None:
    stands = await desk.erp.changed_stock(None)
    assert stands.items == ()
    assert (await desk.erp.changed_stock(stands.next)).next == stands.next
    desk.simulator.set_stock("MUG", "RM", 3)
    desk.simulator.set_stock("MUG", "RM", 4)
    assert (await desk.erp.changed_stock(stands.next)).items == ("MUG",)


async def test_a_rewound_cursor_reads_by_time(desk: Desk) -> None:
    page = await desk.erp.changed_stock(Cursor((await desk.erp.changed_stock(None)).next.at).rewound(3600))  # type: ignore[union-attr]
    assert set(page.items) == {"SHIRT-M", "MUG"}


async def test_figures_name_every_warehouse_and_leave_out_unknown_skus(desk: Desk) -> None:
    figures = await desk.erp.stock_of(["MUG", "GHOST"])
    assert [(f.sku, f.warehouse, f.quantity) for f in figures] == [("MUG", "MI", 5), ("MUG", "RM", 0)]


async def test_the_doorbell_rings_at_once_when_something_changes(desk: Desk) -> None:
    mark, changed = await desk.erp.doorbell("")
    assert changed
    waiting = asyncio.create_task(desk.erp.doorbell(mark))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    desk.simulator.set_stock("MUG", "MI", 9)
    later, changed = await asyncio.wait_for(waiting, 1)
    assert changed and int(later) > int(mark)


async def test_the_doorbell_says_when_nothing_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nervo.connectors.rehearsal_erp.connector.BELL_S", 1)
    mark, _ = await desk.erp.doorbell("")
    assert await desk.erp.doorbell(mark) == (mark, False)


@pytest.mark.parametrize(("kind", "error"), [
    (FaultKind.UNAVAILABLE, Unavailable), (FaultKind.RATE_LIMITED, RateLimited), (FaultKind.UNAUTHORISED, AuthFailed),
    (FaultKind.DROP, Unavailable), (FaultKind.GARBAGE, Misunderstood),
])  # fmt: skip
async def test_each_failure_says_who_acts(desk: Desk, kind: FaultKind, error: type[Exception]) -> None:
    # The client's library itself tries a dropped connection again once.
    desk.simulator.faults.append(Fault(kind, "/products", times=2))
    with pytest.raises(error):
        await desk.erp.products(None)


async def test_an_erp_that_is_down_is_unavailable(desk: Desk) -> None:
    desk.simulator.down = True
    with pytest.raises(Unavailable):
        await desk.erp.check()


async def test_the_token_never_shows(desk: Desk) -> None:
    kept: list[Exchange] = []
    settings = parse(Settings, {**desk.simulator.settings(), "token": "not-the-right-token"})
    erp = RehearsalErp(settings, ToolBox(keep=kept.append))
    with pytest.raises(AuthFailed) as refused:
        await erp.check()
    assert "not-the-right-token" not in str(refused.value) + repr(kept) + repr(settings)
    await erp.close()


async def test_the_server_refuses_what_it_does_not_know(desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {desk.simulator.token}"}
    async with aiohttp.ClientSession(desk.simulator.url, headers=headers) as session:
        async with session.post("/api/v1/stock/query", json={"skus": [], "colour": "red"}) as answer:
            assert answer.status == 422 and (await answer.json())["error"]["code"] == "bad_document"
        async with session.post(
            "/api/v1/stock/query", data=b"{", headers={"Content-Type": "application/json"}
        ) as answer:
            assert answer.status == 400
        async with session.get("/api/v1/products", params={"after": "x"}) as answer:
            assert answer.status == 422


async def test_it_says_who_it_is(desk: Desk) -> None:
    found = await desk.erp.check()
    assert (found.name, found.currency, found.prices_include_tax) == ("Bottega Italiana S.r.l.", "EUR", True)
    assert all(check.ok for check in found.checks)
