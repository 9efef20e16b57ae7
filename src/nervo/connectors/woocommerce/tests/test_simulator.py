"""The simulator does what WooCommerce 10.0.2 was seen to do."""

import base64
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest_asyncio

from nervo.connectors.woocommerce.simulator import Simulator

Raw = tuple[int, Any, Any]


def basic(key: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


class Caller:
    """Speaks HTTP with the simulator as anybody could."""

    def __init__(self, shop: Simulator, session: aiohttp.ClientSession) -> None:
        self.shop, self.session = shop, session
        self.auth = basic(shop.consumer_key, shop.consumer_secret)

    async def __call__(self, method: str, path: str, json: Any = None, **params: str) -> Raw:
        url = f"{self.shop.url}/wp-json/wc/v3/{path}"
        async with self.session.request(method, url, json=json, params=params, headers=self.auth) as r:
            return r.status, await r.json(), r.headers

    async def id_of(self, sku: str) -> int:
        return int((await self("GET", "products", sku=sku))[1][0]["id"])


@pytest_asyncio.fixture
async def call(shop: Simulator) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(shop, session)


def code_of(answer: Raw) -> tuple[int, str]:
    assert answer[1]["data"]["status"] == answer[0]
    return answer[0], answer[1]["code"]


async def test_every_refusal_of_a_key_is_a_401(call: Caller) -> None:
    call.auth = basic("ck_other", call.shop.consumer_secret)
    assert code_of(await call("GET", "products")) == (401, "woocommerce_rest_cannot_view")
    call.auth = {}
    assert code_of(await call("GET", "products")) == (401, "woocommerce_rest_cannot_view")
    call.auth = basic(call.shop.consumer_key, "cs_other")
    assert code_of(await call("GET", "products")) == (401, "woocommerce_rest_authentication_error")
    call.auth = basic(call.shop.consumer_key, call.shop.consumer_secret)
    call.shop.read_only = True
    assert (await call("GET", "products"))[0] == 200
    assert code_of(await call("POST", "products/batch", {})) == (401, "woocommerce_rest_authentication_error")


async def test_pages_have_totals_and_end_empty(call: Caller) -> None:
    status, rows, headers = await call("GET", "products", per_page="1", page="2", orderby="id", order="asc")
    assert (status, len(rows), headers["X-WP-Total"], headers["X-WP-TotalPages"]) == (200, 1, "2", "2")
    assert (await call("GET", "products", per_page="1", page="9"))[:2] == (200, [])
    assert code_of(await call("GET", "products", per_page="101")) == (400, "rest_invalid_param")


async def test_a_sku_finds_variations_which_no_list_of_products_shows(call: Caller) -> None:
    rows = (await call("GET", "products", sku="SHIRT-S,MUG-1,none"))[1]
    assert [(r["sku"], r["type"]) for r in rows] == [("SHIRT-S", "variation"), ("MUG-1", "simple")]
    assert {r["type"] for r in (await call("GET", "products"))[1]} == {"simple", "variable"}


async def test_a_price_with_a_comma_is_taken_and_stored_a_hundredfold(call: Caller) -> None:
    status, row, _ = await call("POST", "products", {"name": "X", "regular_price": "12,50"})
    assert (status, row["regular_price"]) == (201, "1250")
    refused = await call("POST", "products", {"name": "X", "regular_price": 12.5})
    assert code_of(refused) == (400, "rest_invalid_param")
    assert refused[1]["data"]["params"] == {"regular_price": "regular_price is not of type string."}


async def test_stock_is_a_whole_number_and_nothing_while_it_is_not_counted(call: Caller) -> None:
    mug = await call.id_of("MUG-1")
    assert code_of(await call("PUT", f"products/{mug}", {"stock_quantity": 3.5})) == (400, "rest_invalid_param")
    assert (await call("PUT", f"products/{mug}", {"manage_stock": False}))[1]["stock_quantity"] is None
    assert (await call("PUT", f"products/{mug}", {"stock_quantity": 4}))[1]["stock_quantity"] is None
    written = (await call("PUT", f"products/{mug}", {"manage_stock": True, "stock_quantity": 4}))[1]
    assert written["stock_quantity"] == 4
    assert [(sku, n) for _, sku, n in call.shop.history] == [("MUG-1", 4)]


async def test_a_sku_is_taken_once(call: Caller) -> None:
    refused = await call("POST", "products", {"name": "X", "sku": "mug-1"})
    assert code_of(refused) == (400, "product_invalid_sku")
    assert refused[1]["data"]["resource_id"] == await call.id_of("MUG-1")


async def test_a_batch_answers_each_item_in_order(call: Caller) -> None:
    mug, shirt = await call.id_of("MUG-1"), await call.id_of("SHIRT-S")
    items = [{"id": mug, "stock_quantity": 3}, {"id": 999_999}, {"sku": "MUG-1"}, {"id": shirt, "stock_quantity": 1}]
    batch = {"create": [{"sku": "MUG-1"}], "update": items, "delete": [888_888]}
    status, answer, _ = await call("POST", "products/batch", batch)
    assert status == 200
    assert [(r.get("id"), r.get("error", {}).get("data", {}).get("status")) for r in answer["update"]] == [
        (mug, None), (999_999, 400), (None, 400), (shirt, 404),
    ]  # fmt: skip
    assert (answer["create"][0]["id"], answer["create"][0]["error"]["code"]) == (0, "product_invalid_sku")
    assert answer["delete"][0]["error"]["data"]["status"] == 404
    assert call.shop.quantity("MUG-1") == 3


async def test_a_batch_holds_a_hundred_and_answers_nothing_with_fields(call: Caller) -> None:
    mug = await call.id_of("MUG-1")
    full = {"update": [{"id": mug}] * 100}
    assert (await call("POST", "products/batch", full, _fields="id"))[:2] == (200, [])
    over = {**full, "create": [{"name": "X"}]}
    assert code_of(await call("POST", "products/batch", over)) == (413, "woocommerce_rest_request_entity_too_large")


async def test_an_order_takes_stock_without_looking_but_not_while_it_is_pending(call: Caller) -> None:
    mug = await call.id_of("MUG-1")
    order = {"line_items": [{"product_id": mug, "quantity": 50}]}
    pending = (await call("POST", "orders", order))[1]
    assert (pending["status"], call.shop.quantity("MUG-1")) == ("pending", 7)
    paid = (await call("POST", "orders", {**order, "set_paid": True, "payment_method": "bacs"}))[1]
    assert (paid["status"], call.shop.quantity("MUG-1")) == ("processing", -43)
    assert (await call("PUT", f"orders/{paid['id']}", {"status": "cancelled"}))[0] == 200
    assert call.shop.quantity("MUG-1") == 7


async def test_cash_on_delivery_that_is_paid_is_completed(call: Caller) -> None:
    values = {"line_items": [{"sku": "MUG-1", "quantity": 1}], "set_paid": True, "payment_method": "cod"}
    assert (await call("POST", "orders", values))[1]["status"] == "completed"


async def test_a_line_with_an_unknown_product_is_taken(call: Caller) -> None:
    status, order, _ = await call("POST", "orders", {"line_items": [{"product_id": 999_999, "quantity": 1}]})
    line = order["line_items"][0]
    assert (status, line["product_id"], line["sku"], line["total"], order["total"]) == (201, 0, None, "0.00", "0.00")


async def test_lines_are_net_with_a_number_as_unit_price(call: Caller) -> None:
    order = (await call("POST", "orders", {"line_items": [{"sku": "MUG-1", "quantity": 2}]}))[1]
    line = order["line_items"][0]
    assert (line["total"], line["total_tax"], line["price"], order["total"]) == ("32.62", "7.18", 16.311475, "39.80")


async def test_only_the_statuses_of_the_shop_are_taken(call: Caller) -> None:
    order = (await call("POST", "orders", {}))[1]["id"]
    assert code_of(await call("PUT", f"orders/{order}", {"status": "shipped"})) == (400, "rest_invalid_param")
    assert code_of(await call("GET", "orders", status="shipped")) == (400, "rest_invalid_param")
    assert code_of(await call("GET", "orders/999999")) == (404, "woocommerce_rest_shop_order_invalid_id")
    assert code_of(await call("GET", "nothing")) == (404, "rest_no_route")


async def test_delete_puts_into_the_trash_and_answers_with_the_old_status(call: Caller) -> None:
    mug = await call.id_of("MUG-1")
    assert (await call("DELETE", f"products/{mug}"))[1]["status"] == "publish"
    assert (await call("GET", f"products/{mug}"))[1]["status"] == "trash"
    assert (await call("GET", "products", sku="MUG-1"))[1] == []
    assert (await call("DELETE", f"products/{mug}", force="true"))[0] == 200
    assert code_of(await call("GET", f"products/{mug}")) == (404, "woocommerce_rest_product_invalid_id")


async def test_a_full_refund_makes_the_order_refunded(call: Caller) -> None:
    id = call.shop.place_order([("MUG-1", 1)], email="a@example.it")
    call.shop.refund(id, Decimal("5.00"))
    order = (await call("GET", f"orders/{id}"))[1]
    assert (order["status"], order["refunds"][0]["total"]) == ("processing", "-5.00")
    status, _, _ = await call("POST", f"orders/{id}/refunds", {"amount": "99.00"})
    assert status == 400
    await call("POST", f"orders/{id}/refunds", {"amount": "14.90"})
    assert (await call("GET", f"orders/{id}"))[1]["status"] == "refunded"


async def test_modified_after_is_exclusive_and_the_trash_is_in_no_list(call: Caller, clock: Any) -> None:
    first = call.shop.place_order([("MUG-1", 1)], email="a@example.it")
    clock.advance(60)
    second = call.shop.place_order([("MUG-1", 1)], email="a@example.it")
    at = (await call("GET", f"orders/{first}"))[1]["date_modified_gmt"]
    assert [r["id"] for r in (await call("GET", "orders", modified_after=at, orderby="modified"))[1]] == [int(second)]
    await call("DELETE", f"orders/{second}")
    assert [r["id"] for r in (await call("GET", "orders"))[1]] == [int(first)]
    assert (await call("GET", f"orders/{second}"))[1]["status"] == "trash"
