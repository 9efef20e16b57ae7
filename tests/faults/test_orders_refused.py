"""An ERP that refuses an order: a problem with what to do, asked once and not again until a person says so; over the real wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from nervo.connectors.rehearsal_erp.connector import RehearsalErp
from nervo.connectors.rehearsal_erp.settings import Settings
from nervo.connectors.rehearsal_erp.simulator import Simulator
from nervo.kit.clock import ManualClock
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.model.orders import Order
from nervo.model.parties import FiscalData, Party
from nervo.staging.world import WorldShop
from tests.hub import TestHub

VAT = Decimal("0.22")


@pytest.fixture
async def world(store):
    clock = ManualClock()
    simulator = Simulator(clock)
    async with simulator.serve():
        for sku in ("A", "B"):
            simulator.add_product(sku, f"Articolo {sku}", [(sku, None, Decimal("12.20"), 10)])
        port, shop = RehearsalErp(parse(Settings, simulator.settings()), ToolBox(clock)), WorldShop(["A", "B"])
        hub = await TestHub(port, {"shop": shop}, clock=clock).start()
        yield simulator, shop, hub
        await hub.close()
        await port.close()


def sold(shop: WorldShop, sku: str, *, net: Decimal = Decimal("10.00"), **changes: object) -> str:
    """An order of one piece at 12.20, 22 % VAT in it."""
    number = shop.sell({sku: 1}, unit="12.20")
    order: Order = shop.sold[number]
    (line,) = order.lines
    line = replace(line, total_net=net, total_tax=line.total_gross - net, tax_rate=VAT)
    shop.sold[number] = replace(order, lines=(line,), total_tax=line.total_tax, **changes)
    return number


def asked(simulator: Simulator, path: str) -> int:
    return sum(seen.method == "POST" and seen.path.endswith(path) for seen in simulator.seen)


def problems(hub: TestHub) -> list[tuple[object, ...]]:
    return hub.ask("SELECT code, key FROM store_problem WHERE state = 'open' ORDER BY key")


REFUSALS: dict[
    str, tuple[Callable[[Simulator], object], dict[str, object], str, Callable[[Simulator], object] | None]
] = {
    "unknown_sku": (
        lambda erp: erp.books.product_of.pop("A"),
        {},
        "/orders",
        lambda erp: erp.books.product_of.update(A=erp.books.products["A"]),
    ),
    "period_closed": (
        lambda erp: setattr(erp.sales, "closed_until", date(2026, 12, 31)),
        {},
        "/orders",
        lambda erp: setattr(erp.sales, "closed_until", None),
    ),
    "bad_vat": (lambda erp: None, {"net": Decimal("12.20")}, "/orders", None),
    "bad_vat_number": (
        lambda erp: None,
        {"customer": Party("Rossi", "r@example.com", fiscal=FiscalData(vat_number="IT00000000001"))},
        "/customers",
        None,
    ),
}


@pytest.mark.fault(25)
@pytest.mark.parametrize("code", REFUSALS)
async def test_a_refused_order_is_asked_for_once_and_told_with_what_to_do_and_the_others_go_on(world, code):
    simulator, shop, hub = world
    spoil, changes, path, mend = REFUSALS[code]
    bad = sold(shop, "A", **changes)
    spoil(simulator)
    for _ in range(8):
        await hub.settle()
        hub.clock.advance(3 * 3600)
    assert (asked(simulator, path), problems(hub)) == (1, [(code, bad)])
    ((fix, state),) = hub.ask("SELECT fix, (SELECT state FROM store_saleorder) FROM store_problem")
    assert "Retry" in str(fix) and state == "held"
    if mend:
        mend(simulator)
        assert (await hub.command("order.retry", order_id=1))[0] == "done"
        await hub.settle()
        assert ([row["state"] for row in simulator.orders()], problems(hub)) == (["confirmed"], [])
    fine = sold(shop, "B", customer=Party("Verdi", "verdi@example.com"))
    await hub.settle()
    assert simulator.orders()[-1]["key"].split("-")[1] == fine
