"""Shopify in memory: the real path, token, cost bucket, idempotency and refusals; answers the connector's documents by hand."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from nervo.connectors.shopify import queries, sim_catalogue, sim_sales
from nervo.connectors.shopify.settings import API_VERSION
from nervo.connectors.shopify.sim_books import CURRENCY, LOCATION, Books, Order, SoldOut, Variant
from nervo.connectors.shopify.sim_catalogue import Answer, Refusal
from nervo.connectors.shopify.sim_webhooks import Webhooks
from nervo.kit import simulator
from nervo.kit.clock import Clock
from nervo.model.money import rounded
from nervo.model.parties import Address, FiscalData

SHOP = "nervo-prova.myshopify.com"
MOST_COST, MOST_INPUT = 1000.0, 250
DOCUMENTS = {
    queries.operation(text)[1]: text for name, text in vars(queries).items() if name.isupper() and not name.startswith("_")
}  # fmt: skip
IDEMPOTENT = ("PutStock", "Activate")
# Requested cost: a base, and so much for each of `first` or of the ids. What is charged depends on what came back.
COSTS = {
    "Listings": (3.0, 0.5),
    "ListingsById": (1.0, 0.5),
    "Orders": (4.0, 12.0),
    "Order": (40.0, 0.0),
    "ToShip": (60.0, 0.0),
}
SCOPES = {
    "Listings": "read_products", "ListingsById": "read_products", "PutStock": "write_inventory", "Activate": "write_inventory",
    "PutPrices": "write_products", "CreateProduct": "write_products", "UpdateProduct": "write_products", "Orders": "read_orders",
    "CreateVariants": "write_products", "UpdateVariants": "write_products", "Order": "read_orders", "Cancel": "write_orders",
    "Fulfil": "write_merchant_managed_fulfillment_orders", "ToShip": "read_merchant_managed_fulfillment_orders",
}  # fmt: skip


class _Call(msgspec.Struct):
    query: str
    variables: msgspec.Raw = msgspec.Raw(b"{}")
    operationName: str = ""


class Simulator(simulator.Simulator):
    """A shop with one location. `rate` points/s as the plan gives (Plus by default), twenty seconds of it at most.

    `cost_factor` makes calls dearer; `books` is what the shop has.
    """

    def __init__(self, clock: Clock | None = None, *, latency_s: float = 0.0, rate: float = 1000.0) -> None:
        super().__init__(clock, latency_s=latency_s)
        self.shop, self.client_id, self.client_secret = SHOP, "nervo-client", "shpss_simulated_secret"
        self.tokens = {"shpat_simulated_token"}
        self.scopes = {
            *("write_products", "write_inventory", "read_locations", "write_orders", "read_customers"),
            "write_merchant_managed_fulfillment_orders",
        }
        self.version, self.rate, self.cost_factor = API_VERSION, rate, 1.0
        self.books = Books(self.clock)
        self.webhook_sender = Webhooks(self.books, self.shop, self.client_secret)
        self.books.heard = self.webhook_sender.heard  # type: ignore[method-assign]
        self._points, self._points_at = rate * 20, self.clock.monotonic()
        self._done: dict[str, tuple[str, Answer]] = {}
        self._handlers = {
            "About": self._about,
            **sim_catalogue.handlers(self.books),
            **sim_sales.handlers(self.books),
            **self.webhook_sender.handlers(),
        }

    def settings(self) -> dict[str, str]:
        return {
            "shop": self.shop,
            "url": self.url,
            "token": next(iter(self.tokens), "shpat_revoked_token"),
            "client_secret": self.client_secret,
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/admin/api/{version}/graphql.json", self._graphql),
            web.post("/admin/oauth/access_token", self._grant),
        ]

    def rate_limited(self) -> web.Response:
        """The bucket is empty: HTTP 200 and an error with its cost."""
        return self._answer_of(_refusal("THROTTLED", "Throttled"), 100.0, None, 0.0)

    def unauthorised(self) -> web.Response:
        text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return web.json_response({"errors": text}, status=401)

    async def _grant(self, request: web.Request) -> web.Response:
        """A token of the client-credentials grant."""
        given = msgspec.json.decode(await request.read())
        wanted = {"client_id": self.client_id, "client_secret": self.client_secret, "grant_type": "client_credentials"}
        if given != wanted:
            return web.json_response({"error": "invalid_client"}, status=400)
        token = f"shpat_granted_{self.books.next_id()}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "scope": ",".join(sorted(self.scopes)), "expires_in": 86399})

    async def _graphql(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Shopify-Access-Token", "") not in self.tokens:
            return self.unauthorised()
        try:
            call = msgspec.json.decode(await request.read(), type=_Call)
            name = queries.operation(call.query)[1]
            variables = msgspec.json.decode(call.variables)
        except (msgspec.DecodeError, AssertionError):
            return web.json_response({"errors": {"query": "Required parameter missing or invalid"}}, status=400)
        requested = self._requested(name, variables)
        left = self._refilled()
        if requested > MOST_COST:
            message = f"Query cost is {requested:.0f}, which exceeds the single query max cost limit ({MOST_COST:.0f})."
            return self._answer_of(_refusal("MAX_COST_EXCEEDED", message), requested, None, left)
        if requested > left:
            return self._answer_of(_refusal("THROTTLED", "Throttled"), requested, None, left)
        answer = self._execute(name, call, variables)
        actual = min(requested, self._actual(name, answer))
        self._points -= actual
        return self._answer_of(answer, requested, actual, self._points)

    def _execute(self, name: str, call: _Call, variables: dict[str, Any]) -> Answer:
        try:
            self._checked(name, call.query, variables)
            if name in IDEMPOTENT:
                return self._once(name, call, variables)
            return {"data": self._handlers[name](variables)}
        except Refusal as refusal:
            return _refusal(refusal.code, refusal.message)

    def _checked(self, name: str, query: str, variables: dict[str, Any]) -> None:
        """What Shopify refuses before it does anything."""
        if name in IDEMPOTENT and not ("@idempotent" in query and str(variables.get("key", "")).strip()):
            raise Refusal(
                "BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided."
            )
        known = queries.put_prices(len(variables) // 2) if name == "PutPrices" else DOCUMENTS.get(name)
        if query != known:
            raise Refusal("undefinedField", f"This simulator knows the connector's documents only, not {name}")
        sizes = [len(v) for v in _lists(variables)]
        if max(sizes, default=0) > MOST_INPUT:
            message = f"The input array size of {max(sizes)} is greater than the maximum allowed of {MOST_INPUT}."
            raise Refusal("MAX_INPUT_SIZE_EXCEEDED", message)
        if variables.get("first", 1) > MOST_INPUT:
            raise Refusal("BAD_REQUEST", "first cannot exceed 250.")
        scope = SCOPES.get(name, "")
        if scope and not {scope, scope.replace("read_", "write_")} & self.scopes:
            raise Refusal("ACCESS_DENIED", f"Access denied for {name} field. Required access: `{scope}` access scope.")

    def _once(self, name: str, call: _Call, variables: dict[str, Any]) -> Answer:
        """The same key with the same parameters gives the first answer again; a refused key is spent."""
        key, print_ = f"{name}/{variables['key']}", hashlib.sha256(bytes(call.variables)).hexdigest()
        if key in self._done:
            before, answer = self._done[key]
            if before != print_:
                return _spent(name, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")
            if next(iter(answer["data"].values()))["userErrors"]:
                return _spent(name, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
            return answer
        answer = {"data": self._handlers[name](variables)}
        self._done[key] = print_, answer
        if len(self._done) > 20_000:
            del self._done[next(iter(self._done))]
        return answer

    def _about(self, v: dict[str, Any]) -> Answer:
        location = v.get("location") or LOCATION
        shop = {
            "name": "nervo prova", "myshopifyDomain": self.shop, "currencyCode": CURRENCY, "taxesIncluded": self.books.taxes_included,
        }  # fmt: skip
        found = self.books.locations.get(location)
        return {
            "shop": shop,
            "currentAppInstallation": {"accessScopes": [{"handle": s} for s in sorted(self.scopes)]},
            "location": {"id": location, "name": found, "isActive": True} if found else None,
        }

    def _requested(self, name: str, variables: dict[str, Any]) -> float:
        base, each = COSTS.get(name, (10.0, 0.0))
        many = variables.get("first") or len(variables.get("ids") or ())
        if name == "PutPrices":
            base = 10.0 * (len(variables) // 2)
        return math.ceil((base + each * many) * self.cost_factor)

    def _actual(self, name: str, answer: Answer) -> float:
        """Costs of what came back: fewer rows, fewer points."""
        base, each = COSTS.get(name, (10.0, 0.0))
        rows = [c["nodes"] for c in (answer.get("data") or {}).values() if isinstance(c, dict) and "nodes" in c]
        if name == "PutPrices":
            return 10.0 * len(answer.get("data") or ()) * self.cost_factor
        many = len(rows[0]) if rows else MOST_INPUT if name == "ListingsById" else 0
        return math.ceil((base + each * many) * self.cost_factor)

    def _refilled(self) -> float:
        now = self.clock.monotonic()
        self._points = min(self.rate * 20, self._points + (now - self._points_at) * self.rate)
        self._points_at = now
        return self._points

    def _answer_of(self, answer: Answer, requested: float, actual: float | None, left: float) -> web.Response:
        status = {"maximumAvailable": self.rate * 20, "currentlyAvailable": math.floor(left), "restoreRate": self.rate}
        cost = {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}
        body = msgspec.json.encode({**answer, "extensions": {"cost": cost}})
        return web.Response(body=body, content_type="application/json", headers={"X-Shopify-API-Version": self.version})

    # What happens in the shop itself.

    def add_product(
        self, code: str, name: str, variants: Sequence[tuple[str, str | None, Decimal, int | None]]
    ) -> None:
        """As if typed in by the merchant; a quantity of None is a variant that is not counted."""
        product = self.books.new_product(code.lower(), name)
        for sku, gtin, price, quantity in variants:
            options = {"Variante": sku} if len(variants) > 1 else {"Title": "Default Title"}
            row = self.books.new_variant(
                product, sku, price=Decimal(price), barcode=gtin, options=options, tracked=quantity is not None
            )
            row.available[LOCATION] = quantity or 0
        product.options = ["Variante"] if len(variants) > 1 else ["Title"]
        self.books.heard("products/create", product)

    def place_order(
        self, lines: Sequence[tuple[str, int]], *, email: str = "anna@example.com", paid: bool = True,
        shipping_gross: Decimal = Decimal("0"), fiscal: FiscalData | Mapping[str, str] | None = None, address: Address | None = None,
    ) -> str:  # fmt: skip
        """A checkout; what it takes is committed at once. Raises SoldOut with `books.oversell` False."""
        order = self.books.sell(list(lines), email, Decimal(shipping_gross), fiscal, address)
        if paid:
            self.books.take_money(order, "SALE", order.total())
        self.books.touch(order, "orders/create", *(["orders/paid"] if paid else []))
        return str(order.id)

    def set_raw_status(self, order_id: str, text: str) -> None:
        """A financial status that Shopify adds one day, before this connector knows it."""
        order = self.order(order_id)
        order.undocumented = text
        self.books.touch(order, "orders/updated")

    def garble(self, order_id: str) -> None:
        """An answer that breaks the schema: the order's currency is null."""
        order = self.order(order_id)
        order.garbled = True
        self.books.touch(order, "orders/updated")

    def pay(self, order_id: str) -> None:
        order = self.order(order_id)
        self.books.take_money(order, "SALE", order.total() - order.sum_of("SALE", "CAPTURE"))
        self.books.touch(order, "orders/paid", "orders/updated")

    def cancel(self, order_id: str) -> None:
        self.books.cancel(self.order(order_id), "CUSTOMER")

    def refund(self, order_id: str, amount: Decimal) -> None:
        order = self.order(order_id)
        self.books.take_money(order, "REFUND", rounded(Decimal(amount), CURRENCY))
        self.books.touch(order, "orders/updated")

    def quantity(self, sku: str) -> int | None:
        """What is available at the location; None where it is not counted."""
        variant = self._variant(sku)
        return variant.available.get(LOCATION) if variant.tracked else None

    def price(self, sku: str) -> Decimal:
        return self._variant(sku).price

    def edit_stock(self, sku: str, quantity: int) -> None:
        self.books.set_available(self._variant(sku), LOCATION, quantity)

    @property
    def history(self) -> list[tuple[float, str, int]]:
        return self.books.history

    def order(self, order_id: str) -> Order:
        """An order in the shop's own books."""
        return self.books.orders[f"gid://shopify/Order/{order_id}"]

    def order_ids(self) -> list[str]:
        return [str(order.id) for order in self.books.orders.values()]

    def fulfilments(self, order_id: str) -> list[dict[str, Any]]:
        order = self.order(order_id)
        return [
            {"carrier": s.company, "tracking_number": s.number, "lines": [(x.sku, n) for x, n in s.lines]}
            for s in order.shipments
        ]

    async def deliver(self) -> int:
        """Sends the webhooks that are due now."""
        return await self.webhook_sender.deliver()

    def _variant(self, sku: str) -> Variant:
        found = self.books.by_sku(sku)
        if found is None:
            raise KeyError(sku)
        return found


def _refusal(code: str, message: str) -> Answer:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


SPENT = {
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": "The same idempotency key cannot be used with different operation parameters.",
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": "A previous request with this idempotency key failed. Retry with a new idempotency key.",
}


def _spent(name: str, code: str) -> Answer:
    field = {"PutStock": "inventorySetQuantities", "Activate": "inventoryActivate"}[name]
    group = {"inventoryAdjustmentGroup": None} if name == "PutStock" else {}
    error = {"field": None, "message": SPENT[code]} | ({"code": code} if name == "PutStock" else {})
    return {"data": {field: {**group, "userErrors": [error]}}}


def _lists(value: Any) -> list[list[Any]]:
    """Every list in the variables."""
    if isinstance(value, list):
        return [value, *(found for item in value if isinstance(item, dict) for found in _lists(item))]
    return [found for item in value.values() for found in _lists(item)] if isinstance(value, dict) else []


__all__ = ["Simulator", "SoldOut"]
