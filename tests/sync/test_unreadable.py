"""An answer that nobody can read: a developer sees it, nothing waits for a person, what was written is looked up, nothing is done twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nervo.errors import Misunderstood
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import refresh
from nervo.sync import orders
from tests.hub import TestHub

PAGE = Misunderstood("writing", "HTTP 302")
OPEN = "SELECT code, key FROM store_problem WHERE state = 'open'"


@pytest.fixture
def shop() -> WorldShop:
    return WorldShop(["SHIRT-M"])


def erp_with_stock(*, unique: bool = True) -> WorldErp:
    erp = WorldErp(unique=unique)
    erp.stock("SHIRT-M", 10)
    return erp


async def hub_of(erp: WorldErp, shop: WorldShop) -> TestHub:
    return await TestHub(erp, {"web": shop}).start()


@pytest.mark.parametrize("effect", [True, False])
async def test_stock_whose_answer_nobody_could_read_is_read_back_and_right_in_the_end(
    store: str, shop: WorldShop, effect: bool
) -> None:
    erp = erp_with_stock()
    hub = await hub_of(erp, shop)
    (shop.faults.fail_after if effect else shop.faults.fail)("put_stock", PAGE)
    erp.stock("SHIRT-M", 7)
    await hub.settle()
    assert shop.shown["SHIRT-M"] == 7 and hub.ask(OPEN) == []
    assert hub.ask("SELECT state FROM store_problem WHERE code = 'misunderstood'") == [("resolved",)]
    assert shop.history.count(("SHIRT-M", 7)) == 1
    await hub.close()


@pytest.mark.parametrize("effect", [True, False])
async def test_a_product_whose_answer_nobody_could_read_is_looked_up_and_there_once(
    store: str, shop: WorldShop, effect: bool
) -> None:
    erp = erp_with_stock()
    erp.stock("MUG", 4)
    (shop.faults.fail_after if effect else shop.faults.fail)("put_product", PAGE)
    hub = await hub_of(erp, shop)
    assert "MUG" in shop.pages and shop.shown["MUG"] == 4 and hub.ask(OPEN) == []
    await hub.close()


@pytest.mark.parametrize(
    "operation", ["find_customer", "create_customer", "find_order", "create_order", "confirm_order"]
)
@pytest.mark.parametrize("unique", [True, False])
async def test_an_order_goes_on_after_an_answer_of_the_erp_that_nobody_could_read_and_is_there_once(
    store: str, shop: WorldShop, operation: str, unique: bool
) -> None:
    erp = erp_with_stock(unique=unique)
    hub = await hub_of(erp, shop)
    fail = erp.faults.fail if operation.startswith("find") else erp.faults.fail_after
    fail(operation, PAGE)
    shop.sell({"SHIRT-M": 2})
    await hub.settle()
    (order,) = erp.orders.values()
    assert order.state is ErpOrderState.CONFIRMED and len(erp.book) == len(erp.customer_book) == 1
    assert erp.figure("SHIRT-M") == Decimal(8) and shop.shown["SHIRT-M"] == 8
    assert hub.ask(OPEN) == [] and hub.ask("SELECT state FROM store_saleorder") == [("in_erp",)]
    await hub.close()


async def test_it_is_shown_for_as_long_as_it_lasts(store: str, shop: WorldShop) -> None:
    erp = erp_with_stock()
    hub = await hub_of(erp, shop)
    erp.faults.down = PAGE
    shop.sell({"SHIRT-M": 2})
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    for _ in range(1_000):
        if hub.ask(OPEN):
            break
        hub.clock.advance(1.0)
        await hub.hub.db.write(lambda tx: None)
    assert hub.ask(OPEN) == [("misunderstood", "1")]
    assert hub.ask("SELECT state FROM store_saleorder") == [("received",)]
    erp.faults.down = None
    await hub.settle()
    assert hub.ask(OPEN) == [] and len(erp.book) == 1
    await hub.close()


async def test_an_order_that_could_not_be_read_once_is_no_problem_any_more_when_it_could(
    store: str, shop: WorldShop
) -> None:
    hub = await hub_of(erp_with_stock(), shop)
    number = shop.sell({"SHIRT-M": 1})
    await hub.settle()
    shop.faults.fail("order", PAGE)
    await hub.hub.db.write(lambda tx: refresh.want(tx, "web", "order", [number], "webhook", hub.hub.now_ms()))
    await orders.read_hinted(hub.hub, hub.hub.channels()[0])
    assert hub.ask(OPEN) == [("unreadable_order", number)]
    hub.clock.advance(60)
    await hub.settle()
    assert hub.ask(OPEN) == []
    await hub.close()


async def test_an_amount_that_is_none_is_an_answer_that_nobody_can_read(store: str, shop: WorldShop) -> None:
    """A signalling NaN, a number of a thousand digits: reckoning with them raises ArithmeticError, which is nobody else's fault."""
    hub = await hub_of(erp_with_stock(), shop)

    async def order(external_id: str) -> None:
        Decimal("1E+999") % Decimal("0.01")

    shop.order = order  # type: ignore[assignment, method-assign]
    with pytest.raises(Misunderstood, match="InvalidOperation"):
        await hub.hub.remotes["web"].call("order", "1")
    await hub.close()
