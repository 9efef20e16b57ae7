"""A strict little Vendure for the tests of sales and shelves: it knows our documents alone, and refuses what the real one refuses."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from nervo.connectors.vendure import queries
from nervo.connectors.vendure.connector import Vendure
from nervo.connectors.vendure.settings import Settings
from nervo.kit.http import ToolBox
from nervo.kit.secrets import Secret
from nervo.kit.simulator import Simulator

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOKEN = "session-0123456789abcdef"


class Refused(Exception):
    """errors[0]: a code and Vendure's words."""


class Floor(Simulator):
    """Variants and orders in memory behind /admin-api."""

    def __init__(self) -> None:
        super().__init__()
        self.variants: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.handlers: dict[str, Callable[..., dict[str, Any]]] = {
            queries.LOGIN: lambda user, password: {"login": {"__typename": "CurrentUser", "id": "1"}},
            queries.ABOUT: self.about, queries.VARIANTS: self.list_variants, queries.UPDATE_VARIANTS: self.update_variants,
            queries.ORDERS: self.list_orders, queries.ORDER_BY_ID: lambda id: {"order": self.orders.get(id)},
            queries.FULFIL: self.fulfil, queries.MOVE_FULFILMENT: self.move, queries.CANCEL: self.cancel,
        }  # fmt: skip

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/admin-api", self.ask)]

    async def ask(self, request: web.Request) -> web.Response:
        call = await request.json()
        handler = self.handlers[call["query"]]
        self.asked.append(handler.__name__)
        try:
            return web.json_response({"data": handler(**call["variables"])}, headers={"vendure-auth-token": TOKEN})
        except Refused as refused:
            code, message = refused.args
            return web.json_response({"errors": [{"message": message, "extensions": {"code": code}}], "data": None})

    def about(self) -> dict[str, Any]:
        channel = {"id": "1", "code": "it", "token": "it-token", "defaultCurrencyCode": "EUR", "defaultLanguageCode": "it",
                   "pricesIncludeTax": True}  # fmt: skip
        settings = {"outOfStockThreshold": 0, "trackInventory": True}
        return {
            "activeChannel": channel,
            "globalSettings": settings,
            "me": {"channels": [{"permissions": ["SuperAdmin"]}]},
        }

    def add(self, id: str, sku: str, on_hand: int, allocated: int = 0, cents: int = 1000) -> None:
        self.variants[id] = {
            "id": id, "sku": sku, "name": sku, "product": {"id": "1"}, "trackInventory": "TRUE", "outOfStockThreshold": 0,
            "useGlobalOutOfStockThreshold": True, "prices": [{"currencyCode": "EUR", "price": cents}],
            "stockLevels": [{"stockLocationId": "1", "stockOnHand": on_hand, "stockAllocated": allocated}],
        }  # fmt: skip

    def list_variants(self, options: dict[str, Any]) -> dict[str, Any]:
        wanted = options.get("filter", {})
        rows = [v for v in self.variants.values() if all(v[f] in rule["in"] for f, rule in wanted.items())]
        return {"productVariants": {"items": page(rows, options), "totalItems": len(rows)}}

    def update_variants(self, input: list[dict[str, Any]]) -> dict[str, Any]:
        """All or nothing."""
        if unknown := [change["id"] for change in input if change["id"] not in self.variants]:
            raise Refused("ENTITY_NOT_FOUND", f"No ProductVariant with the id {unknown[0]} could be found")
        for change in input:
            row = self.variants[change["id"]]
            for level in change.get("stockLevels", []):
                row["stockLevels"][0] |= level
            row["prices"] = change.get("prices", row["prices"])
        return {"updateProductVariants": [self.variants[change["id"]] for change in input]}

    def place(self, id: str, *, at_s: int, placed: bool = True, state: str = "PaymentSettled", **lines: int) -> None:
        at = (NOON + timedelta(seconds=at_s)).isoformat()
        self.orders[id] = {
            "id": id, "code": f"CODE{id}", "state": state, "createdAt": at, "updatedAt": at, "orderPlacedAt": at if placed else None,
            "currencyCode": "EUR", "total": 0, "totalWithTax": 0, "surcharges": [], "shippingLines": [], "payments": [], "fulfillments": [],
            "lines": [order_line(f"{id}{n}", sku, quantity) for n, (sku, quantity) in enumerate(lines.items())],
        }  # fmt: skip

    def list_orders(self, options: dict[str, Any]) -> dict[str, Any]:
        """`after` compares whole milliseconds; the order of equal times is by id only where it is asked for."""
        after = options["filter"].get("updatedAt", {}).get("after")
        rows = [
            o
            for o in self.orders.values()
            if o["orderPlacedAt"] and (not after or moment(o["updatedAt"]) > moment(after))
        ]
        rows.sort(key=lambda o: (moment(o["updatedAt"]), int(o["id"])), reverse=options["sort"]["updatedAt"] == "DESC")
        return {"orders": {"items": page(rows, options)}}

    def fulfil(self, input: dict[str, Any]) -> dict[str, Any]:
        order = next(
            o for o in self.orders.values() if any(x["id"] == input["lines"][0]["orderLineId"] for x in o["lines"])
        )
        taken = {x["id"]: x["quantity"] for x in order["lines"]}
        for made in order["fulfillments"]:
            for line in made["lines"]:
                taken[line["orderLineId"]] -= line["quantity"]
        if any(line["quantity"] > taken[line["orderLineId"]] for line in input["lines"]):
            return {
                "addFulfillmentToOrder": {"errorCode": "ITEMS_ALREADY_FULFILLED_ERROR", "message": "Already fulfilled"}
            }
        given = {a["name"]: a["value"] for a in input["handler"]["arguments"]}
        made = {"id": f"{order['id']}9{len(order['fulfillments'])}", "state": "Pending", "method": given["method"],
                "trackingCode": given["trackingCode"], "updatedAt": order["updatedAt"], "lines": input["lines"]}  # fmt: skip
        order["fulfillments"].append(made)
        return {"addFulfillmentToOrder": made}

    def move(self, id: str, state: str) -> dict[str, Any]:
        made = next(f for o in self.orders.values() for f in o["fulfillments"] if f["id"] == id)
        if made["state"] != "Pending":
            refusal = {
                "errorCode": "FULFILLMENT_STATE_TRANSITION_ERROR",
                "message": "no",
                "transitionError": f"from {made['state']}",
            }
            return {"transitionFulfillmentToState": refusal}
        made["state"] = state
        return {"transitionFulfillmentToState": made}

    def cancel(self, input: dict[str, Any]) -> dict[str, Any]:
        order = self.orders[input["orderId"]]
        order["state"] = "Cancelled"
        for line in order["lines"]:
            line["quantity"] = 0
        return {"cancelOrder": {"id": order["id"]}}


def order_line(id: str, sku: str, quantity: int) -> dict[str, Any]:
    amounts = {"taxRate": 22, "linePriceWithTax": 0, "proratedLinePrice": 0, "proratedLinePriceWithTax": 0}
    variant = {"sku": sku, "name": sku}
    return {"id": id, "quantity": quantity, "orderPlacedQuantity": quantity, **amounts, "productVariant": variant}


def page(rows: list[dict[str, Any]], options: dict[str, Any]) -> list[dict[str, Any]]:
    if options.get("take", 0) > 1000:
        raise Refused("USER_INPUT_ERROR", "Cannot take more than 1000 results from a list query")
    return rows[options.get("skip", 0) :][: options.get("take", 1000)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    floor = Floor()
    async with floor.serve():
        yield floor


@pytest.fixture
async def shop(floor: Floor) -> AsyncIterator[Vendure]:
    shop = Vendure(Settings(floor.url, "hub", Secret("password-1")), ToolBox())
    yield shop
    await shop.close()
