"""A delivery that nobody can read becomes a problem and delays no other."""

from __future__ import annotations

from unittest.mock import AsyncMock

import pytest

from nervo.errors import BadInput
from nervo.model.catalog import Product, Variant
from nervo.ports.common import Cursor, Page
from nervo.ports.shop import Hint
from nervo.staging.world import START, WorldErp, WorldShop
from nervo.store import inbox, operations, refresh
from nervo.sync import command_problems
from nervo.sync.inbox import drain
from nervo.sync.source import _feed
from tests.hub import TestHub


def read(topic: str, headers: object, body: bytes) -> tuple[Hint, ...]:
    if body == b"bad":
        raise BadInput("reading a webhook", "no id in it")
    return (Hint("order", {b"one": "1"}[body]),)


@pytest.mark.fault(57)
async def test_poison_deliveries_become_problems_and_the_others_become_hints(store: str) -> None:
    hub = TestHub(WorldErp(), {"shop": WorldShop([])})
    bodies = {"shop": (b"bad", b"bug", b"one"), "gone": (b"one",)}
    rows = [(name, "orders", "", f"{body!r}", "{}", body, 1) for name, given in bodies.items() for body in given]
    await hub.hub.db.write(lambda tx: inbox.add(tx, rows))
    assert await drain(hub.hub, {"shop": read}) == 4
    assert await drain(hub.hub, {"shop": read}) == 0
    assert hub.ask("SELECT key FROM store_refresh WHERE connection = 'shop' AND entity = 'order'") == [("1",)]
    assert hub.ask("SELECT state, count(*) FROM store_inbox GROUP BY state ORDER BY state") == [
        ("done", 1),
        ("failed", 3),
    ]
    assert len(hub.ask("SELECT key FROM store_problem WHERE code = 'bad_webhook'")) == 3
    await hub.close()


@pytest.mark.fault(20, 57)
async def test_an_order_that_nobody_can_read_is_a_problem_and_the_sweep_goes_on_past_it(store: str) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}).start()
    bad, fine = shop.sell({"A": 1}), shop.sell({"A": 1})
    shop.garbled = {bad}
    await hub.settle()
    later = shop.sell({"A": 1})
    await hub.settle()
    assert [key.split("-")[1] for key in erp.book] == [fine, later]
    assert hub.ask("SELECT code, key, said FROM store_problem WHERE state = 'open'") == [
        ("unreadable_order", bad, "field billing is a text")
    ]
    shop.garbled = set()
    hub.clock.advance(120)
    await hub.settle()
    assert [key.split("-")[1] for key in erp.book] == [fine, later, bad]
    assert hub.ask("SELECT code FROM store_problem WHERE state = 'open'") == []
    await hub.close()


@pytest.mark.fault(20, 57)
@pytest.mark.parametrize("again", ["told of again", "found by the sweep"])
async def test_an_order_that_could_not_be_read_is_no_problem_any_more_however_it_is_read(
    store: str, again: str
) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}).start()
    bad = shop.sell({"A": 1})
    shop.garbled = {bad}
    await hub.settle()
    assert len(hub.ask("SELECT 1 FROM store_problem WHERE state = 'open'")) == 1
    shop.garbled = set()
    if again == "told of again":
        await hub.hub.db.write(lambda tx: refresh.want(tx, "shop", "order", [bad], "webhook", hub.hub.now_ms()))
    else:
        shop.change(bad)
    await hub.settle()
    assert hub.ask("SELECT code FROM store_problem WHERE state = 'open'") == []
    assert [key.split("-")[1] for key in erp.book] == [bad]
    await hub.close()


@pytest.mark.fault(20, 57)
async def test_a_held_order_that_could_not_be_read_once_is_held_for_its_own_reason_only(store: str) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await TestHub(erp, {"shop": shop}).start()
    odd = shop.sell({"UNKNOWN": 1})
    await hub.settle()
    opened = "SELECT code FROM store_problem WHERE state = 'open' ORDER BY code"
    for garbled, codes in (({odd}, ["unknown_sku", "unreadable_order"]), (set(), ["unknown_sku"])):
        shop.garbled = garbled
        await hub.hub.db.write(lambda tx: refresh.want(tx, "shop", "order", [odd], "webhook", hub.hub.now_ms()))
        await hub.settle()
        assert [row[0] for row in hub.ask(opened)] == codes
    await hub.close()


@pytest.mark.fault(20, 57)
async def test_an_article_that_nobody_can_read_is_a_problem_and_the_catalogue_goes_on_past_it(store: str) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    hub = await TestHub(erp, {"shop": shop}).start()
    pages = [Page((article("A"), article("C")), None, False, ("B",)), Page((article("B"),), None, False)]
    erp.products = AsyncMock(side_effect=pages)
    await _feed(hub.hub, "products")
    known = "SELECT code FROM store_productfact ORDER BY code"
    assert hub.ask(known) == [("A",), ("C",)]
    shown = "SELECT code, connection, subject, key FROM store_problem WHERE state = 'open'"
    assert hub.ask(shown) == [("unreadable_row", "erp", "product_row", "B")]
    ((id,),) = hub.ask("SELECT id FROM store_problem WHERE state = 'open'")
    await hub.hub.db.write(lambda tx: operations.set_cursor(tx, "erp", "products", Cursor(START), 0))
    await command_problems.retry(hub.hub, "anna", id)
    assert hub.ask("SELECT 1 FROM store_sourcecursor WHERE entity = 'products'") == hub.ask(shown) == []
    await _feed(hub.hub, "products")
    assert (hub.ask(known), hub.ask(shown)) == ([("A",), ("B",), ("C",)], [])
    await hub.close()


def article(code: str) -> Product:
    return Product(code, code, (Variant(code),))
