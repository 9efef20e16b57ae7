"""The simulator refuses what Shopify refuses."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from nervo.connectors.shopify import queries
from nervo.connectors.shopify.simulator import Simulator, SoldOut
from nervo.connectors.shopify.tests.conftest import World

LOCATION = "gid://shopify/Location/901"


async def ask(world: World, document: str, token: str = "shpat_simulated_token", **variables: Any) -> Any:
    """A bare request, as anybody could send it."""
    body = {"query": document, "operationName": queries.operation(document)[1], "variables": variables}
    url, headers = f"{world.simulator.url}/admin/api/2026-07/graphql.json", {"X-Shopify-Access-Token": token}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        return {"status": answer.status, **json.loads(await answer.read())}


def stock(world: World, quantity: int = 3, **changes: Any) -> dict[str, Any]:
    variant = world.simulator.books.by_sku("SKU-1")
    assert variant
    write = {
        "inventoryItemId": variant.item_gid,
        "locationId": LOCATION,
        "quantity": quantity,
        "changeFromQuantity": None,
    }
    return {"name": "available", "reason": "correction", "quantities": [write | changes]}


def codes(answer: Any) -> list[str]:
    if "errors" in answer:
        return [e["extensions"]["code"] for e in answer["errors"]]
    return [e["code"] for e in answer["data"]["inventorySetQuantities"]["userErrors"]]


async def test_a_wrong_token_is_401(world: World) -> None:
    assert (await ask(world, queries.NEWEST_ORDER, token="guess"))["status"] == 401


async def test_stock_without_the_idempotent_directive_is_refused(world: World) -> None:
    without = queries.PUT_STOCK.replace("@idempotent(key: $key) ", "")
    assert codes(await ask(world, without, input=stock(world), key="k")) == ["BAD_REQUEST"]
    assert codes(await ask(world, queries.PUT_STOCK, input=stock(world), key=" ")) == ["BAD_REQUEST"]
    assert world.simulator.quantity("SKU-1") == 5


async def test_stock_without_a_word_about_the_old_quantity_is_refused(world: World) -> None:
    given = stock(world)
    del given["quantities"][0]["changeFromQuantity"]
    assert codes(await ask(world, queries.PUT_STOCK, input=given, key="k")) == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"changeFromQuantity": 4}, "CHANGE_FROM_QUANTITY_STALE"),
        ({"quantity": -1}, "INVALID_QUANTITY_NEGATIVE"),
        ({"quantity": 1_000_000_001}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"inventoryItemId": "gid://shopify/InventoryItem/1"}, "INVALID_INVENTORY_ITEM"),
        ({"locationId": "gid://shopify/Location/1"}, "INVALID_LOCATION"),
    ],
)
async def test_a_quantity_that_shopify_refuses(world: World, changes: dict[str, Any], code: str) -> None:
    assert codes(await ask(world, queries.PUT_STOCK, input=stock(world, **changes), key="k")) == [code]
    assert world.simulator.quantity("SKU-1") == 5


async def test_an_unknown_name_reason_and_the_same_item_twice(world: World) -> None:
    given = {**stock(world), "name": "incoming", "reason": "because"}
    given["quantities"] *= 2
    expected = ["INVALID_NAME", "INVALID_REASON", "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"]
    assert codes(await ask(world, queries.PUT_STOCK, input=given, key="k")) == expected


async def test_a_key_with_other_parameters_a_spent_one_and_a_repeated_one(world: World) -> None:
    done = await ask(world, queries.PUT_STOCK, input=stock(world), key="a")
    again = await ask(world, queries.PUT_STOCK, input=stock(world), key="a")
    assert again["data"] == done["data"]
    assert len(world.simulator.history) == 1
    other = await ask(world, queries.PUT_STOCK, input=stock(world, 4), key="a")
    assert codes(other) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
    for expected in ("CHANGE_FROM_QUANTITY_STALE", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"):
        assert codes(await ask(world, queries.PUT_STOCK, input=stock(world, changeFromQuantity=99), key="b")) == [
            expected
        ]


async def test_more_than_250_of_anything_is_too_much(world: World) -> None:
    given = stock(world)
    given["quantities"] *= 251
    assert codes(await ask(world, queries.PUT_STOCK, input=given, key="k")) == ["MAX_INPUT_SIZE_EXCEEDED"]
    assert codes(await ask(world, queries.LISTINGS_BY_ID, ids=["x"] * 251, location=LOCATION)) == [
        "MAX_INPUT_SIZE_EXCEEDED"
    ]
    assert codes(await ask(world, queries.LISTINGS, first=251, location=LOCATION)) == ["BAD_REQUEST"]


async def test_the_bucket_empties_and_fills_again(world: World) -> None:
    world.simulator.rate, world.simulator._points = 10.0, 15.0
    assert "data" in await ask(world, queries.PUT_STOCK, input=stock(world), key="a")
    throttled = await ask(world, queries.PUT_STOCK, input=stock(world, 4), key="b")
    status = {"maximumAvailable": 200.0, "currentlyAvailable": 5, "restoreRate": 10.0}
    cost = {"requestedQueryCost": 10, "actualQueryCost": None, "throttleStatus": status}
    assert (codes(throttled), throttled["status"], throttled["extensions"]["cost"]) == (["THROTTLED"], 200, cost)
    world.clock.advance(1)
    assert "data" in await ask(world, queries.PUT_STOCK, input=stock(world, 4), key="b")


async def test_a_document_that_is_not_the_connectors_is_refused_and_rubbish_is_400(world: World) -> None:
    assert codes(await ask(world, "query Order { order(id: 1) { name } }")) == ["undefinedField"]
    url = f"{world.simulator.url}/admin/api/2026-07/graphql.json"
    headers = {"X-Shopify-Access-Token": "shpat_simulated_token"}
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{", headers=headers) as answer:
        assert answer.status == 400


async def test_fulfilling_what_is_not_left_is_refused(world: World) -> None:
    order = world.simulator.order(world.simulator.place_order([("SKU-1", 1)]))
    line = {"id": f"gid://shopify/FulfillmentOrderLineItem/{order.lines[0].id}", "quantity": 2}
    part = {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{order.id}", "fulfillmentOrderLineItems": [line]}
    for quantity, refused in ((2, True), (1, False), (1, True)):
        line["quantity"] = quantity
        answer = await ask(world, queries.FULFIL, fulfillment={"lineItemsByFulfillmentOrder": [part]})
        assert bool(answer["data"]["fulfillmentCreate"]["userErrors"]) is refused
    assert [len(f["lines"]) for f in world.simulator.fulfilments(str(order.id))] == [1]


async def test_a_cancelled_order_is_neither_cancelled_nor_fulfilled_again(world: World) -> None:
    id = world.simulator.place_order([("SKU-1", 1)])
    world.simulator.cancel(id)
    again = await ask(world, queries.CANCEL, id=f"gid://shopify/Order/{id}", reason="OTHER", note=None)
    assert again["data"]["orderCancel"]["orderCancelUserErrors"][0]["code"] == "INVALID"
    part = {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{id}"}
    late = await ask(world, queries.FULFIL, fulfillment={"lineItemsByFulfillmentOrder": [part]})
    assert late["data"]["fulfillmentCreate"]["userErrors"]


def test_orders_move_available_to_committed_and_shipping_takes_them_off() -> None:
    simulator = Simulator()
    simulator.add_product("P", "P", [("A", None, Decimal(1), 5)])
    order = simulator.order(simulator.place_order([("A", 2)]))
    variant = simulator.books.by_sku("A")
    assert variant
    assert (variant.available[LOCATION], variant.committed[LOCATION]) == (3, 2)
    simulator.books.ship(order, [(order.lines[0], 1)], "", "", "")
    simulator.cancel(str(order.id))
    assert (variant.available[LOCATION], variant.committed[LOCATION]) == (4, 0)


def test_a_checkout_of_a_shop_that_denies_overselling_refuses() -> None:
    simulator = Simulator()
    simulator.books.oversell = False
    simulator.add_product("P", "P", [("A", None, Decimal(1), 1)])
    with pytest.raises(SoldOut):
        simulator.place_order([("A", 2)])
    assert simulator.order_ids() == []


async def test_webhooks_leave_by_themselves_when_told_to(world: World) -> None:
    world.simulator.autodeliver_s = 0.01
    twice = asyncio.Event()
    sent = []

    async def send() -> int:
        sent.append(1)
        if len(sent) == 2:
            twice.set()
        return 0

    world.simulator.webhook_sender.deliver = send  # type: ignore[method-assign]
    async with world.simulator.serve(), asyncio.timeout(2):
        await twice.wait()
