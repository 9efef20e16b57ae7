"""Customers and a warehouse for the real peers: orders placed through Vendure's Shop API, goods shipped in Tryton by JSON-RPC.

They stand for people outside the hub, so they use neither its connectors nor its store.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import aiohttp


class PeerRefused(RuntimeError):
    """A peer said no; the message is its own."""


ADD = """mutation Add($id: ID!, $quantity: Int!) { addItemToOrder(productVariantId: $id, quantity: $quantity) {
  __typename ... on Order { id code } ... on ErrorResult { errorCode message } } }"""
CUSTOMER = """mutation Who($input: CreateCustomerInput!) { setCustomerForOrder(input: $input) {
  __typename ... on Order { id } ... on ErrorResult { errorCode message } } }"""
ADDRESS = """mutation Where($input: CreateAddressInput!) { setOrderShippingAddress(input: $input) {
  __typename ... on Order { id } ... on ErrorResult { errorCode message } } }"""
METHODS = "query Methods { eligibleShippingMethods { id code } }"
METHOD = """mutation How($ids: [ID!]!) { setOrderShippingMethod(shippingMethodId: $ids) {
  __typename ... on Order { id } ... on ErrorResult { errorCode message } } }"""
TO_PAYMENT = """mutation Next { transitionOrderToState(state: "ArrangingPayment") {
  __typename ... on Order { id } ... on OrderStateTransitionError { errorCode message transitionError } } }"""
PAY = """mutation Pay($input: PaymentInput!) { addPaymentToOrder(input: $input) {
  __typename ... on Order { id code state totalWithTax } ... on ErrorResult { errorCode message } } }"""
VARIANTS = """query Variants($skus: [String!]!) {
  productVariants(options: { filter: { sku: { in: $skus } }, take: 1000 }) { items { id sku } } }"""
ORDERS = """query Orders { orders(options: { filter: { orderPlacedAt: { isNull: false } }, sort: { id: ASC }, take: 1000 }) {
  items { id code state totalWithTax customer { emailAddress } payments { state amount } lines { id quantity }
    fulfillments { state method trackingCode lines { orderLineId quantity } } } } }"""
SHELF = """query Shelf($skip: Int!, $filter: ProductVariantFilterParameter) {
  productVariants(options: { filter: $filter, sort: { id: ASC }, take: 500, skip: $skip }) {
  items { sku enabled prices { currencyCode price } stockLevels { stockOnHand stockAllocated } product { enabled name } } } }"""
CANCEL = """mutation Cancel($input: CancelOrderInput!) { cancelOrder(input: $input) {
  __typename ... on Order { id state } ... on ErrorResult { errorCode message } } }"""
LOGIN = (
    """mutation In($user: String!, $password: String!) { login(username: $user, password: $password) { __typename } }"""
)


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as the shop confirmed it to the customer; the total in cents."""

    id: str
    code: str
    total_cents: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A SKU as the shop has it: pieces that can be bought, price with tax in cents, whether it is on sale."""

    saleable: int
    cents: int
    on_sale: bool


@dataclass(slots=True)
class VendureCustomers:
    """People who buy at a Vendure, each in a session of their own."""

    url: str
    http: aiohttp.ClientSession
    user: str = "superadmin"
    password: str = "superadmin"
    _variants: dict[str, str] = field(default_factory=dict)
    _admin: str = ""

    async def place(
        self, lines: Mapping[str, int], *, email: str = "anna@example.it", first: str = "Anna", last: str = "Verdi"
    ) -> Placed:
        """Cart, address, shipping, payment. Raises PeerRefused with Vendure's words, also when there is too little stock."""
        ids = await self._ids(lines)
        token = ""
        for sku, quantity in lines.items():
            _, token = await self._shop(ADD, token, id=ids[sku], quantity=quantity)
        who = {"emailAddress": email, "firstName": first, "lastName": last}
        await self._shop(CUSTOMER, token, input=who)
        address = {"fullName": f"{first} {last}", "streetLine1": "Via Garibaldi 5", "city": "Torino", "postalCode": "10122",
                   "province": "TO", "countryCode": "IT", "phoneNumber": "+390115551234"}  # fmt: skip
        await self._shop(ADDRESS, token, input=address)
        methods, _ = await self._shop(METHODS, token)
        await self._shop(METHOD, token, ids=[methods[0]["id"]])
        await self._shop(TO_PAYMENT, token)
        paid, _ = await self._shop(PAY, token, input={"method": "test-payment", "metadata": {}})
        return Placed(paid["id"], paid["code"], paid["totalWithTax"])

    async def orders(self) -> list[dict[str, Any]]:
        """All placed orders with their fulfilments, as the administrator sees them."""
        found: list[dict[str, Any]] = (await self._administer(ORDERS))["items"]
        return found

    async def shelf(self, sku: str = "") -> dict[str, Shown]:
        """What the shop would sell now: every SKU, or this one, with its price and what of it can still be bought."""
        found: dict[str, Shown] = {}
        only = {"sku": {"eq": sku}} if sku else {}
        while rows := (await self._administer(SHELF, skip=len(found), filter=only))["items"]:
            for row in rows:
                prices = [p["price"] for p in row["prices"] if p["currencyCode"] == "EUR"]
                saleable = sum(level["stockOnHand"] - level["stockAllocated"] for level in row["stockLevels"])
                found[row["sku"]] = Shown(
                    saleable, prices[0] if prices else 0, row["enabled"] and row["product"]["enabled"]
                )
        return found

    async def cancel(self, order_id: str) -> None:
        """The shop's clerk cancels an order whole."""
        values = {"orderId": order_id, "reason": "Il cliente ha cambiato idea", "cancelShipping": True}
        await self._administer(CANCEL, input=values)

    async def _ids(self, skus: Mapping[str, int]) -> dict[str, str]:
        if missing := [sku for sku in skus if sku not in self._variants]:
            found = (await self._administer(VARIANTS, skus=missing))["items"]
            self._variants |= {row["sku"]: row["id"] for row in found}
        if absent := [sku for sku in skus if sku not in self._variants]:
            raise PeerRefused(f"the shop does not have {', '.join(absent)}")
        return self._variants

    async def _administer(self, query: str, **variables: Any) -> Any:
        if not self._admin:
            _, self._admin = await self._call("admin-api", LOGIN, "", {"user": self.user, "password": self.password})
        answer, _ = await self._call("admin-api", query, self._admin, variables)
        return answer

    async def _shop(self, query: str, session: str, **variables: Any) -> tuple[Any, str]:
        answer, token = await self._call("shop-api", query, session, variables)
        return answer, token or session

    async def _call(self, api: str, query: str, session: str, variables: Mapping[str, Any]) -> tuple[Any, str]:
        headers = {"Authorization": f"Bearer {session}"} if session else {}
        body = {"query": query, "variables": dict(variables)}
        async with self.http.post(f"{self.url}/{api}", json=body, headers=headers) as response:
            reply = await response.json()
            if reply.get("errors"):
                raise PeerRefused(reply["errors"][0]["message"])
            answer = next(iter(reply["data"].values()))
            if isinstance(answer, dict) and answer.get("errorCode"):
                raise PeerRefused(f"{answer['errorCode']}: {answer.get('transitionError') or answer['message']}")
            return answer, response.headers.get("vendure-auth-token", "")


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as Tryton's books have it. `reference` is the shop's order number; `reserved` says whether it still takes goods."""

    number: str
    reference: str
    web_id: str
    state: str
    total: Decimal
    party: int
    emails: tuple[str, ...]
    paid: Decimal
    reserved: bool


def _sale(row: Mapping[str, Any]) -> Sale:
    paid = [Decimal(p["amount"]["decimal"]) for p in row["payments."] if p["state"] == "succeeded"]
    party = int(row["party."]["id"])
    contacts = (row["party."] or {}).get("contact_mechanisms.") or []
    return Sale(
        row["number"] or "", row["reference"] or "", row["web_id"], row["state"], Decimal(row["total_amount"]["decimal"]),
        party, tuple(c["value"] for c in contacts if c["type"] == "email"), sum(paid, Decimal(0)),
        any(move["state"] != "cancelled" for move in row["moves."]),
    )  # fmt: skip


@dataclass(slots=True)
class TrytonWarehouse:
    """The people at the ERP: they pick, pack and ship sales, cancel them, correct stock."""

    url: str
    http: aiohttp.ClientSession
    database: str = "erp"
    user: str = "hub"
    password: str = "hub-password-1"
    company: int = 1
    _session: str = ""

    async def ship(self, web_id: str, tracking: str, carrier_note: str = "") -> list[str]:
        """Assigns, picks, packs and ships the sale's open shipments, each with a tracking number; their numbers."""
        shipments = await self._shipments(web_id)
        for n, shipment in enumerate(shipments):
            reference = tracking if n == 0 else f"{tracking}-{n + 1}"
            if shipment["state"] == "waiting":
                await self.call("model.stock.shipment.out.assign_try", [shipment["id"]])
            await self.call(
                "model.stock.shipment.out.write",
                [shipment["id"]],
                {"shipping_reference": reference, "reference": carrier_note or None},
            )
            for step in ("pick", "pack", "do"):
                await self.press("stock.shipment.out", step, shipment["id"])
        return [shipment["number"] for shipment in shipments]

    async def set_stock(self, sku: str, quantity: int, warehouse: int) -> None:
        """An inventory that counts so many pieces."""
        (product,) = await self.call("model.product.product.search", [["code", "=", sku]], 0, 1, None)
        (place,) = await self.call("model.stock.location.read", [warehouse], ["storage_location"])
        today = await self.call("model.ir.date.today")
        lines = [["create", [{"product": product, "quantity": quantity}]]]
        values = {
            "location": place["storage_location"],
            "company": self.company,
            "date": today,
            "empty_quantity": "keep",
            "lines": lines,
        }
        ids = await self.call("model.stock.inventory.create", [values])
        await self.call("model.stock.inventory.confirm", ids)

    async def raise_price(self, code: str, factor: Decimal) -> None:
        """A product's list price, times so much."""
        rows = await self.call("model.product.template.search_read", [["code", "=", code]], 0, 1, None, ["list_price"])
        net = (Decimal(rows[0]["list_price"]["decimal"]) * factor).quantize(Decimal("0.0001"))
        price = {"__class__": "Decimal", "decimal": str(net)}
        await self.call("model.product.template.write", [rows[0]["id"]], {"list_price": price})

    async def on_sale(self, warehouse: int) -> dict[str, tuple[Decimal, int]]:
        """SKU → (gross price to the cent, pieces that confirmed sales have not taken), of everything that can be sold."""
        today = await self.call("model.ir.date.today")
        context = {"locations": [warehouse], "with_childs": True, "stock_date_end": today}
        rates = await self._rates()
        rows = await self.call(
            "model.product.product.search_read", [["type", "=", "goods"]], 0, None, None,
            ["code", "list_price_used", "forecast_quantity", "template.account_category"], within=context,
        )  # fmt: skip
        found = {}
        for row in rows:
            gross = Decimal(row["list_price_used"]["decimal"]) * (1 + rates[row["template."]["account_category"]])
            found[row["code"]] = (gross.quantize(Decimal("0.01"), ROUND_HALF_UP), int(row["forecast_quantity"]))
        return found

    async def confirmed(self) -> list[str]:
        """The references of the web sales that are confirmed."""
        domain = [["web_id", "!=", None], ["state", "in", ["processing", "done"]]]
        rows = await self.call("model.sale.sale.search_read", domain, 0, None, None, ["reference"])
        return [row["reference"] for row in rows]

    async def book(self) -> list[Sale]:
        """Every web sale with its customer and what was paid on it."""
        fields = ["number", "reference", "web_id", "state", "total_amount", "party.contact_mechanisms.value",
                  "party.contact_mechanisms.type", "payments.state", "payments.amount", "moves.state", "party.id"]  # fmt: skip
        rows = await self.call(
            "model.sale.sale.search_read", [["web_id", "!=", None]], 0, None, [["id", "ASC"]], fields
        )
        return [_sale(row) for row in rows]

    async def _rates(self) -> dict[int, Decimal]:
        """Accounting category → the rate of its only customer tax."""
        domain, fields = [["accounting", "=", True]], ["customer_taxes.rate"]
        rows = await self.call("model.product.category.search_read", domain, 0, None, None, fields)
        return {
            row["id"]: Decimal(row["customer_taxes."][0]["rate"]["decimal"]) for row in rows if row["customer_taxes."]
        }

    async def press(self, model: str, button: str, *ids: int) -> None:
        """Presses a button; a warning is answered with yes once."""
        try:
            await self.call(f"model.{model}.{button}", list(ids))
        except _Warned as warned:
            await self.call("model.res.user.warning.skip", warned.args[0], False)
            await self.call(f"model.{model}.{button}", list(ids))

    async def call(self, method: str, *params: Any, within: Mapping[str, Any] | None = None) -> Any:
        """One JSON-RPC call with the company in its context, and what else it is called within."""
        if not self._session:
            uid, token, *_ = await self._post("common.db.login", [self.user, {"password": self.password}, "en"])
            self._session = base64.b64encode(f"{self.user}:{uid}:{token}".encode()).decode()
        return await self._post(method, [*params, {"company": self.company, **(within or {})}])

    async def _shipments(self, web_id: str) -> list[dict[str, Any]]:
        sale = await self._sale(web_id, ["shipments.state", "shipments.number"])
        return [shipment for shipment in sale["shipments."] if shipment["state"] not in ("done", "cancelled")]

    async def _sale(self, web_id: str, fields: list[str]) -> dict[str, Any]:
        found: list[dict[str, Any]] = await self.call(
            "model.sale.sale.search_read", [["web_id", "=", web_id]], 0, 1, None, fields
        )
        if not found:
            raise PeerRefused(f"Tryton has no sale {web_id}")
        return found[0]

    async def _post(self, method: str, params: list[Any]) -> Any:
        headers = {"Authorization": f"Session {self._session}"} if self._session else {}
        body = {"id": 1, "method": method, "params": params}
        async with self.http.post(f"{self.url}/{self.database}/rpc/", json=body, headers=headers) as response:
            if response.status != 200:
                raise PeerRefused(f"{method}: HTTP {response.status}")
            reply = await response.json()
        if "error" in reply:
            name, detail = (*reply["error"], "")[:2]
            if name == "UserWarning":
                raise _Warned(detail[0])
            raise PeerRefused(f"{method}: {name} {detail[0] if isinstance(detail, list) else detail}")
        return reply["result"]


class _Warned(Exception):
    """Tryton asks whether it may go on; the argument is the warning's name."""
