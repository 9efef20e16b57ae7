"""Customers and a warehouse for the real peers: orders placed through Vendure's Shop API, goods shipped in Tryton by JSON-RPC.

They stand for people outside the hub, so they use neither its connectors nor its store.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
  items { id code state totalWithTax fulfillments { state method trackingCode lines { orderLineId quantity } } } } }"""
LOGIN = (
    """mutation In($user: String!, $password: String!) { login(username: $user, password: $password) { __typename } }"""
)


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as the shop confirmed it to the customer; the total in cents."""

    id: str
    code: str
    total_cents: int


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

    async def place_many(self, orders: Sequence[Mapping[str, int]], *, prefix: str = "cliente") -> list[Placed]:
        """One after the other, each by another customer."""
        return [
            await self.place(lines, email=f"{prefix}{n}@example.it", last=f"Verdi {n}")
            for n, lines in enumerate(orders, 1)
        ]

    async def orders(self) -> list[dict[str, Any]]:
        """All placed orders with their fulfilments, as the administrator sees them."""
        found: list[dict[str, Any]] = (await self._administer(ORDERS))["items"]
        return found

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

    async def sales(self, states: Sequence[str] = ("processing",)) -> list[dict[str, Any]]:
        """Web sales in these states: id, number, web_id, state, total."""
        domain = [["web_id", "!=", None], ["state", "in", list(states)]]
        found: list[dict[str, Any]] = await self.call(
            "model.sale.sale.search_read",
            domain,
            0,
            None,
            [["id", "ASC"]],
            ["number", "web_id", "state", "total_amount", "shipments"],
        )
        return found

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

    async def cancel_shipments(self, web_id: str) -> int:
        """Cancels the sale's open shipments, as a warehouse does that cannot deliver; how many."""
        shipments = await self._shipments(web_id)
        for shipment in shipments:
            await self.call("model.stock.shipment.out.cancel", [shipment["id"]])
        return len(shipments)

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

    async def post_invoices(self, web_id: str) -> int:
        """Posts the sale's draft invoices with today's date; how many."""
        sale = await self._sale(web_id, ["invoices.state"])
        drafts = [invoice["id"] for invoice in sale["invoices."] if invoice["state"] == "draft"]
        if drafts:
            today = await self.call("model.ir.date.today")
            await self.call("model.account.invoice.write", drafts, {"invoice_date": today})
            await self.press("account.invoice", "post", *drafts)
        return len(drafts)

    async def press(self, model: str, button: str, *ids: int) -> None:
        """Presses a button; a warning is answered with yes once."""
        try:
            await self.call(f"model.{model}.{button}", list(ids))
        except _Warned as warned:
            await self.call("model.res.user.warning.skip", warned.args[0], False)
            await self.call(f"model.{model}.{button}", list(ids))

    async def call(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call with the company in its context."""
        if not self._session:
            uid, token, *_ = await self._post("common.db.login", [self.user, {"password": self.password}, "en"])
            self._session = base64.b64encode(f"{self.user}:{uid}:{token}".encode()).decode()
        return await self._post(method, [*params, {"company": self.company}])

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
