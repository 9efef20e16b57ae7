"""I21: whatever a platform answers is understood, or said not to be; nothing is dropped on the way and nothing stops the rest."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nervo.errors import NervoError
from nervo.kit.clock import ManualClock
from nervo.model.catalog import Product, Variant
from nervo.model.orders import Order, OrderStatus
from nervo.ports.erp import ErpOrderState
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import facts, operations
from nervo.sync import orders, project, source
from nervo.sync.remote import Remote
from tests.hub import TestHub
from tests.properties import damage
from tests.properties.ground import fresh, ground
from tests.properties.profile import counted, examples
from tests.properties.tape import ERPS, SHOPS, Tape, tape

SKUS = ["MUG-1", "SHIRT-S", "SHIRT-M", "SHIRT-L"]
# Where a row stands in its list: a change of these is a change of which row it is, or of whether it is one.
PLACES = {"id", "date_modified_gmt", "updatedAt", "node", "cursor", "orderPlacedAt", "status"}


async def read(played: Any, operation: str, args: tuple[Any, ...]) -> Any:
    """Through the only caller of connectors. A NervoError says who acts; anything else is a bug of ours."""
    try:
        return await Remote("x", played, ManualClock(), writable=False).call(operation, *args)
    except NervoError as error:
        return error


def answers(kept: Tape) -> st.SearchStrategy[tuple[str, int]]:
    return st.sampled_from([(op, i) for op, said in kept.said.items() for i in range(len(said))])


@pytest.mark.parametrize("name", [*SHOPS, *ERPS])
@given(data=st.data())
@examples(40)
@counted
def test_fields_that_nobody_knows_and_another_order_of_fields_change_nothing(name: str, data: st.DataObject) -> None:
    kept = tape(name)
    operation, index = data.draw(answers(kept))
    body = damage.extended(kept.said[operation][index][1], data.draw)
    args = kept.reads[operation]
    before = ground().run(read(kept.play(), operation, args))
    after = ground().run(read(kept.play(operation, index, body), operation, args))
    assert not isinstance(before, NervoError)
    assert after == before


@pytest.mark.parametrize("name", [*SHOPS, *ERPS])
@given(data=st.data())
@examples(150)
@counted
def test_every_answer_is_understood_or_said_not_to_be(name: str, data: st.DataObject) -> None:
    kept = tape(name)
    operation, index = data.draw(answers(kept))
    ground().run(
        read(kept.play(operation, index, damaged(kept, operation, index, data)[0]), operation, kept.reads[operation])
    )


def damaged(kept: Tape, operation: str, index: int, data: st.DataObject) -> tuple[Any, list[damage.Path]]:
    body, places = kept.said[operation][index][1], []
    for _ in range(data.draw(st.integers(1, 2))):
        found = list(damage.paths(body))
        if not found:
            break
        places.append(data.draw(st.sampled_from(found)))
        body = damage.changed(body, places[-1], data.draw(st.sampled_from([damage.GONE, damage.TWICE, *damage.ODD])))
    return body, places


def hub_of(port: Any, *, erp: bool = False) -> TestHub:
    """A hub whose shop, or ERP, is the connector that is played."""
    store = fresh()
    hub = TestHub(WorldErp(), {"shop": WorldShop(SKUS)})
    name = "erp" if erp else "shop"
    hub.hub.remotes[name] = Remote(name, port, hub.clock, writable=False)
    hub.hub.start_flow = lambda *flow: None
    store.write(lambda tx: facts.put_products(tx, [Product(s, s, (Variant(s),)) for s in SKUS], 1))
    return hub


@pytest.mark.parametrize("name", SHOPS)
@given(data=st.data())
@examples(60)
@counted
def test_no_order_is_dropped_because_another_or_itself_is_strange(name: str, data: st.DataObject) -> None:
    """Each order of the page is kept, or asked for alone; the page's other orders are kept as ever."""
    kept = tape(name)
    index = data.draw(st.sampled_from(range(len(kept.said["orders"]))))
    body, places = damaged(kept, "orders", index, data)
    hub = hub_of(kept.play("orders", index, body))
    hub.hub.db.write_now(
        lambda tx: operations.set_cursor(tx, "shop", "orders", replace(kept.start, at=kept.start.at), 0)
    )
    try:
        ground().run(orders.sweep(hub.hub, hub.hub.channels()[0]))
    except NervoError:
        return  # the connection says what is wrong, and the cursor stays where it was
    there = {r[0] for r in hub.ask("SELECT external_id FROM store_saleorder")}
    there |= {r[0] for r in hub.ask("SELECT key FROM store_refresh WHERE connection = 'shop' AND entity = 'order'")}
    if all(inside_an_order(place) for place in places):
        assert there >= set(kept.ids)


def inside_an_order(place: damage.Path) -> bool:
    """Not the list itself, nor what says which order it is."""
    numbers = [i for i, key in enumerate(place) if isinstance(key, int)]
    return bool(numbers) and len(place) > numbers[0] + 1 and place[numbers[0] + 1] not in PLACES


@pytest.mark.parametrize("name", ERPS)
@given(data=st.data())
@examples(60)
@counted
def test_what_a_strange_erp_said_stops_no_projection(name: str, data: st.DataObject) -> None:
    kept = tape(name)
    operation = data.draw(st.sampled_from(["products", "prices", "stock_snapshot", "changed_orders"]))
    index = data.draw(st.sampled_from(range(len(kept.said[operation]))))
    hub = hub_of(kept.play(operation, index, damaged(kept, operation, index, data)[0]), erp=True)
    for work in (source.catalogue, source.snapshot):
        with suppress(NervoError):
            ground().run(work(hub.hub))
    channel = hub.hub.channels()[0]
    tables = ("stockfact", "pricefact", "variantfact")
    known = sorted({sku for table in tables for (sku,) in hub.ask(f"SELECT sku FROM store_{table}")})
    for of in (project.stock, project.prices):
        assert set(hub.hub.db.read_now(lambda tx, of=of: of(tx, channel, known))) == set(known)


STATUS = {
    "woocommerce": ["status"],
    "shopify": ["displayFinancialStatus", "displayFulfillmentStatus"],
    "vendure": ["state"],
}


@pytest.mark.parametrize("name", SHOPS)
@given(data=st.data(), word=st.from_regex(r"x-[A-Za-z_]{1,20}", fullmatch=True))
@examples(20)
@counted
def test_a_status_that_nobody_knows_is_unknown_and_kept(name: str, data: st.DataObject, word: str) -> None:
    kept, field = tape(name), data.draw(st.sampled_from(STATUS[name]))
    index, place = next(
        (i, p) for i, (_, body, _) in enumerate(kept.said["order"]) for p in damage.paths(body) if p[-1] == field
    )
    body = damage.changed(kept.said["order"][index][1], place, word)
    found = ground().run(read(kept.play("order", index, body), "order", kept.reads["order"]))
    assert isinstance(found, Order)
    assert word in found.raw_status
    assert found.status is OrderStatus.UNKNOWN


@given(word=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map("x-{}".format))
@examples(20)
@counted
def test_an_erp_order_in_a_state_that_nobody_knows_is_unknown_and_kept(word: str) -> None:
    kept = tape("rehearsal_erp")
    body = kept.said["read_order"][0][1]
    found = ground().run(
        read(kept.play("read_order", 0, damage.changed(body, ("state",), word)), "read_order", kept.reads["read_order"])
    )
    assert (found.state, found.raw_state) == (ErpOrderState.UNKNOWN, word)
