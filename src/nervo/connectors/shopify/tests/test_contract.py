"""Documents, variables, answers and webhooks held against what Shopify publishes; skipped where that folder is absent."""

import gzip
import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from graphql import GraphQLEnumType, GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from graphql.validation import NoDeprecatedCustomRule, specified_rules

from nervo.connectors.shopify import connector, fiscal, mapping, queries, sales, shelves
from nervo.connectors.shopify.simulator import DOCUMENTS
from nervo.connectors.shopify.tests.answers import wrong_with
from nervo.connectors.shopify.tests.conftest import SHIRT, World
from nervo.model.fulfilment import Fulfilment, ShippedLine
from nervo.ports.common import Cursor

FOLDER = (
    next((p.parent for p in Path(__file__).parents if (p / "pyproject.toml").exists()), Path())
    / "shared/contracts/shopify"
)
pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(not FOLDER.exists(), reason="the vendor's contract is not beside the checkout"),
]


@cache
def schema() -> GraphQLSchema:
    sdl = gzip.decompress((FOLDER / "admin/admin_2026-07.nodoc.graphql.gz").read_bytes()).decode()
    return build_schema(sdl, assume_valid=True)


@pytest.mark.parametrize(
    "document", [*DOCUMENTS.values(), queries.put_prices(3)], ids=lambda d: queries.operation(d)[1]
)
def test_every_document_is_valid_and_uses_nothing_deprecated(document: str) -> None:
    assert validate(schema(), parse(document), [*specified_rules, NoDeprecatedCustomRule]) == []


def enum(name: str) -> set[str]:
    found = schema().type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return set(found.values)


def test_the_tables_know_every_status_and_nothing_that_shopify_does_not() -> None:
    assert set(mapping.PAYMENT) == enum("OrderDisplayFinancialStatus")
    assert set(mapping.FULFILMENT) == enum("OrderDisplayFulfillmentStatus")
    assert {kind for kind, _ in mapping.TRANSACTION} <= enum("OrderTransactionKind")
    assert {status for _, status in mapping.TRANSACTION} <= enum("OrderTransactionStatus")
    assert set(mapping.RESTOCKED) <= enum("RefundLineItemRestockType")
    assert set(fiscal.LOCALIZED) <= enum("LocalizedFieldKey")


def test_the_codes_and_names_that_are_sent_or_judged_exist() -> None:
    assert set(shelves.STOCK_CODES) <= enum("InventorySetQuantitiesUserErrorCode")
    assert set(shelves.PRICE_CODES) <= enum("ProductVariantsBulkUpdateUserErrorCode")
    assert set(sales.CANCEL_REASONS.values()) | {"OTHER"} <= enum("OrderCancelReason")
    assert set(sales.ALIVE) <= enum("FulfillmentStatus")
    assert set(sales.SHIPPABLE) <= enum("FulfillmentOrderStatus")
    assert set(connector.TOPICS) <= enum("WebhookSubscriptionTopic")


def test_the_access_scopes_that_are_asked_for_exist() -> None:
    found = json.loads(gzip.decompress((FOLDER / "admin/admin_2026-07.json.gz").read_bytes()))["offline_scopes"][
        "items"
    ]
    assert set(connector.SCOPES) <= {scope for item in found for scope in item["offlineScopes"]}


async def everything(world: World) -> None:
    """Every document at least once, with refusals among the answers."""
    shop, simulator = world.shop, world.simulator
    await shop.check()
    await shop.listings(None)
    await world.stock({"SKU-1": 7, "SKU-2": 8})
    await world.stock({"SKU-1": 9}, expected={"SKU-1": 1})
    listings = [await world.listing(f"SKU-{n}") for n in (1, 2)]
    await shop.put_prices([world.price(listings[0], "12.50", "15.00"), world.price(listings[1], "9.90")])
    made = {x.sku: x.remote for x in await shop.put_product(SHIRT, {}, "a")}
    await shop.put_product(SHIRT, made, "b")
    for variant in simulator.books.variants.values():
        variant.available.clear() if variant.sku == "CAM-M" else None
    await shop.put_product(SHIRT, made, "c")
    await shop.subscribe("https://hub.example/hooks/1")
    await shop.subscribe("https://hub.example/hooks/2")
    long = simulator.place_order([("SKU-1", 1)] * 60, email="anna@example.com", paid=False, fiscal={"pec": "a@pec.it"})
    short = simulator.place_order([("SKU-2", 2)], email="anna@example.com", shipping_gross=Decimal("5.90"))
    await shop.orders(None)
    await shop.orders(Cursor(world.clock.now()).rewound(60))
    await shop.fulfil(
        short, Fulfilment("1", (ShippedLine("SKU-2", Decimal(1)),), "BRT", "TRK-1", "https://brt.example/1"), "k"
    )
    simulator.refund(short, Decimal("5.00"))
    await shop.order(short)
    await shop.fulfil(long, Fulfilment("2", (), "GLS", "TRK-2"), "k")
    await shop.cancel_order(simulator.place_order([("SKU-3", 1)]), "inventory")


async def test_every_request_and_every_answer_fits_the_schema(world: World) -> None:
    await everything(world)
    called = set()
    for seen in world.simulator.seen:
        call, answer = json.loads(seen.body), json.loads(seen.response_body)
        operation = parse(call["query"]).definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        values = get_variable_values(schema(), operation.variable_definitions or (), call["variables"])
        assert not isinstance(values, list), values
        assert wrong_with(schema(), operation, answer["data"]) == []
        called.add(call["operationName"])
    assert called == {*DOCUMENTS, "PutPrices"}


@pytest.mark.parametrize("name", ["order_gross", "order_net_cancelled"])
def test_the_golden_orders_fit_the_schema(name: str) -> None:
    operation = parse(queries.ORDER).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    order = json.loads((Path(__file__).parent / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    assert wrong_with(schema(), operation, {"order": order}) == []
    order["confirmed"] = None
    del order["name"]
    assert wrong_with(schema(), operation, {"order": order}) == [
        "Order.order.name: missing",
        "Order.order.confirmed: null",
    ]


async def deliveries(world: World) -> dict[str, Any]:
    """What each topic's webhook said, as a hub received it."""
    received: dict[str, Any] = {}

    async def receive(request: web.Request) -> web.Response:
        received[request.headers["X-Shopify-Topic"]] = json.loads(await request.read())
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", receive)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await world.shop.subscribe(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    world.simulator.add_product("P9", "Nove", [("SKU-9", "8001234567890", Decimal(9), 9)])
    await world.shop.put_prices([world.price(await world.listing("SKU-9"), "8.00")])
    fiscal = {"vat_number": "01234567897"}
    paid = world.simulator.place_order([("SKU-1", 1), ("SKU-2", 2)], shipping_gross=Decimal("5.90"), fiscal=fiscal)
    world.simulator.cancel(paid)
    await world.simulator.deliver()
    await runner.cleanup()
    return received


async def test_every_webhook_fits_its_schema(world: World) -> None:
    from jsonschema import Draft202012Validator

    received = await deliveries(world)
    assert len(received) == 7
    for topic, body in received.items():
        found = json.loads((FOLDER / f"webhooks/schemas-2026-07/{topic}.json").read_text())
        if topic.startswith("products/"):
            found["properties"]["image"]["type"] = ["object", "null"]  # inferred from examples that all had a picture
        assert [f"{e.json_path}: {e.message}" for e in Draft202012Validator(found).iter_errors(body)] == [], topic
