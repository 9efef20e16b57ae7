"""WooCommerce 10.0.2 in memory, behind its real paths. It answers as `../shared/contracts/recordings` show; see quirks.md."""

import base64
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
from aiohttp import web

from nervo.connectors.woocommerce import simulator_customers as customers
from nervo.connectors.woocommerce import simulator_shapes as shapes
from nervo.connectors.woocommerce.simulator_orders import Orders
from nervo.connectors.woocommerce.simulator_products import Catalogue
from nervo.connectors.woocommerce.simulator_queries import page_of, select_orders, select_products
from nervo.connectors.woocommerce.simulator_shapes import Refusal, Row
from nervo.connectors.woocommerce.simulator_webhooks import Webhooks
from nervo.kit.clock import Clock
from nervo.kit.simulator import Simulator as Base
from nervo.model.parties import Address, FiscalData

ID = r"{id:\d+}"
PARENT = r"{parent:\d+}"
Handler = Callable[[web.Request], Awaitable[Any]]


class Simulator(Base):
    """A shop with its own books. It takes Basic auth over http, which a real one ignores unless its proxy says https."""

    def __init__(
        self, clock: Clock | None = None, *, latency_s: float = 0.0,
        prices_include_tax: bool = True, tax_percent: Decimal = Decimal(22), currency: str = "EUR",
    ) -> None:  # fmt: skip
        super().__init__(clock, latency_s=latency_s)
        self.prices_include_tax, self.tax_percent, self.currency = prices_include_tax, tax_percent, currency
        self.consumer_key, self.consumer_secret, self.webhook_secret = (
            "ck_rehearsal_key",
            "cs_rehearsal_secret",
            "whsec_rehearsal",
        )
        self.read_only = False
        self.seen = deque(maxlen=500)  # an answer to a batch of 100 is 200 kB
        self.history: list[tuple[float, str, int]] = []
        self._ids = count(16)
        self.catalogue = Catalogue(self._now, self._next_id)
        self.orders = Orders(self.catalogue, tax_percent, prices_include_tax, currency)
        self.webhook_sender = Webhooks(self._now, self._body_of)
        self.catalogue.changed = self.orders.changed = self.webhook_sender.changed
        self.catalogue.stock_written = self._stock_written

    # What a person or a customer does at the shop

    def settings(self) -> dict[str, str]:
        """What a connector's settings need to reach this shop."""
        keys = {"consumer_key": self.consumer_key, "consumer_secret": self.consumer_secret}
        return {"url": self.url, **keys, "webhook_secret": self.webhook_secret}

    def add_product(self, code: str, name: str, variants: Sequence[tuple[str, str | None, Any, int]]) -> None:
        """One variant: a simple product; more: a variable one with a variation each."""
        fields = [
            {"sku": sku, "global_unique_id": gtin or "", "regular_price": str(price), "manage_stock": True, "stock_quantity": quantity}
            for sku, gtin, price, quantity in variants
        ]  # fmt: skip
        if len(fields) == 1:
            self.catalogue.create({"name": name, **fields[0]})
        else:
            options = [sku for sku, *_ in variants]
            choice = {"name": "variante", "visible": True, "variation": True, "options": options}
            parent_sku = "" if code in options else code
            parent = self.catalogue.create(
                {"name": name, "type": "variable", "sku": parent_sku, "attributes": [choice]}
            )
            for field in fields:
                own = {"attributes": [{"name": "variante", "option": field["sku"]}]}
                self.catalogue.create(field | own, parent["id"])
        del self.history[-len(fields) :]

    def place_order(
        self, lines: Sequence[tuple[str, int]], *, email: str, paid: bool = True, shipping_gross: Decimal = Decimal(0),
        fiscal: FiscalData | None = None, address: Address | None = None,
    ) -> str:  # fmt: skip
        """As the checkout does with a card; an unpaid one is pending, which takes no stock."""
        net, tax, _ = shapes.split_tax(Decimal(shipping_gross), self.tax_percent, True)
        shipping = [{"method_title": "Corriere", "total": f"{net}", "total_tax": f"{tax}"}]
        values = {
            "line_items": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
            "billing": {**customers.billing(address), "email": email},
            "shipping_lines": shipping if shipping_gross else [], "payment_method": "stripe", "payment_method_title": "Carta",
            "meta_data": customers.fiscal_meta(fiscal), "set_paid": paid,
        }  # fmt: skip
        row = self.orders.create(values)
        row |= {"created_via": "checkout", "transaction_id": f"ch_{row['id']}" if paid else ""}
        return str(row["id"])

    def spoil_total(self, order_id: str, by: Decimal) -> None:
        """A plug-in writes another total into an order."""
        row = self.orders.get(int(order_id))
        row["total"] = shapes.money(Decimal(row["total"]) + by)
        self.orders.touch(row)

    def set_raw_status(self, order_id: str, text: str) -> None:
        """A plug-in registers a status of its own and gives it to the order."""
        row = self.orders.get(int(order_id))
        row["status"] = text
        self.orders.touch(row)

    def garble(self, order_id: str) -> None:
        """A plug-in spoils the order's data: its billing address is a text."""
        row = self.orders.get(int(order_id))
        row["billing"] = "via Roma 1"
        self.orders.touch(row)

    def pay(self, order_id: str) -> None:
        row = self.orders.get(int(order_id))
        row["transaction_id"] = row["transaction_id"] or f"ch_{order_id}"
        self.orders.pay(row)
        self.orders.touch(row)

    def cancel(self, order_id: str) -> None:
        self.orders.update(int(order_id), {"status": "cancelled"})

    def refund(self, order_id: str, amount: Decimal) -> None:
        self.orders.refund(int(order_id), Decimal(amount))

    def quantity(self, sku: str) -> int | None:
        found: int | None = self._of_sku(sku)["stock_quantity"]
        return found

    def price(self, sku: str) -> Decimal:
        return Decimal(self._of_sku(sku)["price"])

    def edit_stock(self, sku: str, quantity: int) -> None:
        row = self._of_sku(sku)
        self.catalogue.update(row["id"], {"manage_stock": True, "stock_quantity": quantity}, row["parent_id"])
        self.history.pop()

    def order_ids(self) -> list[str]:
        return [str(id) for id in self.orders.rows]

    def fulfilments(self, order_id: str) -> list[dict[str, Any]]:
        """What the order's meta data says has left."""
        meta = {m["key"]: m["value"] for m in self.orders.get(int(order_id))["meta_data"]}
        found = meta.get("_nervo_fulfilments", [])
        named = [
            (f["carrier"], f["tracking_number"], [(x["sku"], int(x["quantity"])) for x in f["lines"]]) for f in found
        ]
        return [{"carrier": carrier, "tracking_number": number, "lines": lines} for carrier, number, lines in named]

    async def deliver(self) -> int:
        """Sends the webhooks that wait; how many."""
        return await self.webhook_sender.deliver()

    # HTTP

    def routes(self) -> list[web.RouteDef]:
        base, products, variations, orders = "/wp-json/wc/v3", "/products", f"/products/{PARENT}/variations", "/orders"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/system_status", self._status), ("GET", r"/settings/{group}/{name}", self._setting),
            ("GET", "/taxes", self._taxes), ("GET", "/taxes/classes", self._tax_classes),
            ("GET", f"{products}/categories", self._categories), ("POST", f"{products}/categories", self._add_category),
            ("GET", products, self._list_products), ("POST", products, self._create_product),
            ("GET", f"{products}/{ID}", self._get_product), ("PUT", f"{products}/{ID}", self._update_product),
            ("DELETE", f"{products}/{ID}", self._delete_product), ("POST", f"{products}/batch", self._batch),
            ("GET", variations, self._list_products), ("POST", variations, self._create_product),
            ("GET", f"{variations}/{ID}", self._get_product), ("PUT", f"{variations}/{ID}", self._update_product),
            ("POST", f"{variations}/batch", self._batch), ("DELETE", f"{variations}/{ID}", self._delete_product),
            ("GET", orders, self._list_orders), ("POST", orders, self._create_order), ("GET", f"{orders}/{ID}", self._get_order),
            ("PUT", f"{orders}/{ID}", self._update_order), ("DELETE", f"{orders}/{ID}", self._delete_order),
            ("GET", f"{orders}/{ID}/refunds", self._list_refunds), ("POST", f"{orders}/{ID}/refunds", self._create_refund),
            ("GET", f"{orders}/{ID}/notes", self._list_notes), ("POST", f"{orders}/{ID}/notes", self._create_note),
            ("GET", "/webhooks", self._list_webhooks), ("POST", "/webhooks", self._create_webhook),
            ("PUT", f"/webhooks/{ID}", self._update_webhook),
        ]  # fmt: skip
        self._authorization = (
            "Basic " + base64.b64encode(f"{self.consumer_key}:{self.consumer_secret}".encode()).decode()
        )
        table += [("POST", path, handler) for method, path, handler in table if method == "PUT"]
        found = [web.route(method, base + path, self._answering(handler)) for method, path, handler in table]
        return [*found, web.route("*", "/{rest:.*}", self._answering(self._no_route))]

    def unauthorised(self) -> web.Response:
        refusal = Refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        return _json(refusal.body(), 401)

    def _answering(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.catalogue.url = self.webhook_sender.url = self.url
            try:
                self._authorise(request)
                found = await handler(request)
            except Refusal as refusal:
                return _json(refusal.body(), refusal.status)
            if isinstance(found, web.Response):
                return found
            created = (
                request.method == "POST" and not request.path.endswith("/batch") and not request.path[-1].isdigit()
            )
            return _json(found, 201 if created else 200)

        return answer

    def _authorise(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        if given != self._authorization:
            if self._key_of(given) == self.consumer_key:
                raise Refusal(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")
            raise Refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if self.read_only and request.method != "GET":
            message = "The API key provided does not have write permissions."
            raise Refusal(401, "woocommerce_rest_authentication_error", message)

    def _key_of(self, given: str) -> str:
        try:
            return base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[0]
        except ValueError:
            return ""

    async def _no_route(self, request: web.Request) -> Any:
        raise Refusal(404, "rest_no_route", "No route was found matching the URL and request method.")

    async def _status(self, request: web.Request) -> Any:
        environment = {"home_url": self.url, "site_url": self.url, "store_id": "41549dd7-147c-4ba2-a15f-d22c844d9d30",
                       "version": "10.0.2", "wp_version": "6.8.3", "language": "it_IT"}  # fmt: skip
        settings = {"currency": self.currency, "currency_symbol": "€", "thousand_separator": ".", "decimal_separator": ",",
                    "number_of_decimals": 2, "HPOS_enabled": True}  # fmt: skip
        return {"environment": environment, "settings": settings}

    async def _setting(self, request: web.Request) -> Any:
        values = {"woocommerce_prices_include_tax": "yes" if self.prices_include_tax else "no",
                  "woocommerce_currency": self.currency, "woocommerce_weight_unit": "kg", "woocommerce_dimension_unit": "cm"}  # fmt: skip
        name = request.match_info["name"]
        if name not in values:
            raise Refusal(404, "rest_setting_setting_invalid", "Invalid setting.")
        return {"id": name, "value": values[name]}

    async def _taxes(self, request: web.Request) -> Any:
        return [{"id": 1, "country": "IT", "rate": f"{self.tax_percent:.4f}", "name": "IVA", "class": "standard"}]

    async def _tax_classes(self, request: web.Request) -> Any:
        return [{"slug": "standard", "name": "Standard rate"}, {"slug": "reduced-rate", "name": "Reduced rate"}]

    async def _categories(self, request: web.Request) -> Any:
        """Names stand with & as &amp;, and so they are searched."""
        search, parent = request.query.get("search", "").replace("&", "&amp;").lower(), request.query.get("parent")
        rows = self.catalogue.categories.values()
        return [r for r in rows if search in r["name"].lower() and parent in (None, str(r["parent"]))]

    async def _add_category(self, request: web.Request) -> Any:
        values = await _read(request)
        name, parent, id = values["name"].replace("&", "&amp;"), values.get("parent", 0), self._next_id()
        twin = [r for r in self.catalogue.categories.values() if (r["name"], r["parent"]) == (name, parent)]
        if twin:
            message = "A term with the name provided already exists with this parent."
            raise Refusal(400, "term_exists", message, resource_id=twin[0]["id"])
        self.catalogue.categories[id] = {"id": id, "name": name, "slug": name.lower(), "parent": parent}
        return self.catalogue.categories[id]

    async def _list_products(self, request: web.Request) -> Any:
        return page_of(request, select_products(self.catalogue, _parent(request), request.query))

    async def _get_product(self, request: web.Request) -> Any:
        return self.catalogue.get(_id(request), _parent(request))

    async def _create_product(self, request: web.Request) -> Any:
        values = await _read(request)
        shapes.validate(values, shapes.PRODUCT_STATUSES)
        return self.catalogue.create(values, _parent(request))

    async def _update_product(self, request: web.Request) -> Any:
        values = await _read(request)
        shapes.validate(values, shapes.PRODUCT_STATUSES)
        return self.catalogue.update(_id(request), values, _parent(request))

    async def _delete_product(self, request: web.Request) -> Any:
        return self.catalogue.delete(_id(request), _forced(request), _parent(request))

    async def _batch(self, request: web.Request) -> Any:
        """With _fields the items happen all the same and the body is empty."""
        answer = self.catalogue.batch(await _read(request), _parent(request))
        return [] if "_fields" in request.query or not answer else answer

    async def _list_orders(self, request: web.Request) -> Any:
        return page_of(request, select_orders(self.orders.rows.values(), request.query))

    async def _get_order(self, request: web.Request) -> Any:
        return self.orders.get(_id(request))

    async def _create_order(self, request: web.Request) -> Any:
        values = await _read(request)
        shapes.validate(values, shapes.ORDER_STATUSES)
        return self.orders.create(values)

    async def _update_order(self, request: web.Request) -> Any:
        values = await _read(request)
        shapes.validate(values, shapes.ORDER_STATUSES)
        return self.orders.update(_id(request), values)

    async def _delete_order(self, request: web.Request) -> Any:
        return self.orders.delete(_id(request), _forced(request))

    async def _list_refunds(self, request: web.Request) -> Any:
        self.orders.get(_id(request))
        return self.orders.refunds.get(_id(request), [])

    async def _create_refund(self, request: web.Request) -> Any:
        values = await _read(request)
        amount, items = Decimal(values.get("amount", "0")), values.get("line_items", ())
        return self.orders.refund(_id(request), amount, values.get("reason", ""), items)

    async def _list_notes(self, request: web.Request) -> Any:
        self.orders.get(_id(request))
        return self.orders.notes.get(_id(request), [])

    async def _create_note(self, request: web.Request) -> Any:
        values = await _read(request)
        return self.orders.add_note(_id(request), values["note"], bool(values.get("customer_note")))

    async def _list_webhooks(self, request: web.Request) -> Any:
        status = request.query.get("status", "all")
        return page_of(request, [r for r in self.webhook_sender.rows.values() if status in ("all", r["status"])])

    async def _create_webhook(self, request: web.Request) -> Any:
        return await self.webhook_sender.create(await _read(request))

    async def _update_webhook(self, request: web.Request) -> Any:
        return await self.webhook_sender.update(_id(request), await _read(request))

    def _now(self) -> str:
        return f"{self.clock.now():%Y-%m-%dT%H:%M:%S}"

    def _next_id(self) -> int:
        return next(self._ids)

    def _of_sku(self, sku: str) -> Row:
        row = self.catalogue.of_sku(sku)
        if row is None:
            raise KeyError(sku)
        return row

    def _stock_written(self, sku: str, quantity: int) -> None:
        self.history.append((self.clock.monotonic(), sku, quantity))

    def _body_of(self, resource: str, id: int) -> Row | None:
        return (self.orders.rows if resource == "order" else self.catalogue.rows).get(id)


async def _read(request: web.Request) -> Any:
    body = await request.read()
    try:
        return msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError as error:
        data = {"json_error_code": 4, "json_error_message": "Syntax error"}
        raise Refusal(400, "rest_invalid_json", "Invalid JSON body passed.", **data) from error


def _json(body: Any, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", charset="utf-8")


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _parent(request: web.Request) -> int:
    return int(request.match_info.get("parent", 0))


def _forced(request: web.Request) -> bool:
    return request.query.get("force", "") in ("true", "1")
