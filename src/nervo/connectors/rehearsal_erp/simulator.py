"""The rehearsal ERP in memory behind HTTP, and the verbs of a rehearsal's people."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from nervo.connectors.rehearsal_erp import wire
from nervo.connectors.rehearsal_erp.books import VAT, Books, Refused, newest
from nervo.connectors.rehearsal_erp.client import NEEDED_RIGHTS, ROOT
from nervo.connectors.rehearsal_erp.sales import Sale, Sales, decoded
from nervo.kit.clock import Clock
from nervo.kit.simulator import Simulator as Base

T = TypeVar("T")
D = TypeVar("D", bound=wire.Document)
Answers = Callable[[web.Request], Awaitable[Any]]

MOST_ROWS = 500
LONGEST_BELL_S = 30.0
GROSS_LIST, NET_LIST = "PUBBLICO", "INGROSSO"


class Simulator(Base):
    """One company with its warehouses; the first is the default. `books` and `sales` are its ledger."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        latency_s: float = 0.0,
        warehouses: Sequence[str] = ("MI", "RM"),
        company: str = "Bottega Italiana S.r.l.",
        token: str = "rehearsal-erp-token",
    ) -> None:
        super().__init__(clock, latency_s=latency_s)
        self.company, self.token = company, token
        self._rung = asyncio.Event()
        self.books = Books(self.clock, self._ring, warehouses, "EUR")
        self.sales = Sales(self.books)

    @property
    def unique_keys(self) -> bool:
        return self.sales.unique_keys

    @unique_keys.setter
    def unique_keys(self, value: bool) -> None:
        self.sales.unique_keys = value

    @property
    def history(self) -> list[tuple[float, str, Decimal]]:
        return self.books.history

    def settings(self) -> dict[str, str]:
        return {
            "url": self.url,
            "token": self.token,
            "unique_keys": str(self.unique_keys).lower(),
            "late_application_s": "1",
        }

    def add_product(
        self,
        code: str,
        name: str,
        variants: Iterable[tuple[str, str | None, Decimal, int]],
        *,
        options: Mapping[str, Mapping[str, str]] | None = None,
        **fields: Any,
    ) -> None:
        """An article with its variants (sku, gtin, public price with VAT, quantity in the default warehouse)."""
        offered = list(variants)
        tax_class, weight_g = fields.pop("tax_class", "ordinaria"), fields.pop("weight_g", None)
        rows = [
            wire.Variant(sku=s, gtin=g, options=dict((options or {}).get(s, {})), weight_g=weight_g)
            for s, g, _, _ in offered
        ]
        self.books.put_product(wire.Product(
            code=code, name=name, tax_class=tax_class, vat_rate=VAT[tax_class], variants=rows, revision=0,
            changed_at=self.clock.now(), **fields,
        ))  # fmt: skip
        for sku, _, price, quantity in offered:
            self.set_price(sku, GROSS_LIST, price)
            self.set_stock(sku, self.books.warehouses[0], quantity)

    def rename(self, code: str, name: str) -> None:
        """The office corrects an article's name."""
        self.books.put_product(msgspec.structs.replace(self.books.products[code], name=name))

    def set_stock(self, sku: str, warehouse: str, quantity: int | Decimal) -> None:
        """An inventory count: so many available (counting confirmed orders) from now on."""
        reserved = self.books.allocated.get((sku, warehouse), Decimal(0))
        self.books.count(sku, warehouse, Decimal(quantity) + reserved)

    def set_price(self, sku: str, price_list: str, amount: Decimal, **rest: Any) -> None:
        """A price of a list; `min_quantity` for a quantity break. Lists other than INGROSSO are with VAT."""
        self.books.put_price(sku, price_list, Decimal(amount), vat_included=price_list != NET_LIST, **rest)

    def figure(self, sku: str, warehouse: str = "") -> Decimal:
        return self.books.figure(sku, warehouse) if warehouse else self.books.total(sku)

    def orders(self) -> list[dict[str, Any]]:
        """The order book, oldest first."""
        return [
            {
                "id": s.id, "key": s.doc.reference, "number": s.number, "state": s.state, "total": s.doc.total, "currency": s.doc.currency,
                "lines": [(line.sku, line.quantity, line.gross) for line in s.doc.lines], "customer": s.doc.customer,
                "email": self.sales.customers[s.doc.customer][0].email,
                "payments": [(p.key, p.amount) for p in s.payments.values()], "paid": s.paid, "warehouse": s.warehouse,
                "shipments": [(p.carrier, p.tracking_number) for p in s.shipments],
            }
            for s in self.sales.orders.values()
        ]  # fmt: skip

    def ship(self, order_key: str, tracking_number: str, carrier: str, lines: Mapping[str, int] | None = None) -> None:
        """The warehouse sends a confirmed order, or a part of it."""
        part = {sku: Decimal(quantity) for sku, quantity in lines.items()} if lines else None
        self.sales.ship(self._sale(order_key), tracking_number, carrier, part)

    def cancel(self, order_key: str) -> None:
        """The office cancels an order."""
        self.sales.cancel(self._sale(order_key))

    def set_raw_status(self, order_key: str, text: str) -> None:
        """A customisation gives the order a state of its own."""
        self.sales.mark(self._sale(order_key), text)

    def garble(self, order_key: str) -> None:
        """A customisation spoils the order: it has no number."""
        sale = self._sale(order_key)
        sale.garbled = True
        self.sales.mark(sale, sale.state)

    def garble_product(self, code: str) -> None:
        """A customisation spoils the product: it has no name."""
        product = self.books.products[code]
        product.name = cast(str, None)
        self.books.put_product(product)

    def garble_price(self, sku: str, price_list: str) -> None:
        """The same with a price: it has no currency."""
        for row in self.books.prices[sku, price_list].values():
            row.currency, row.revision = cast(str, None), self.books.next()

    def _sale(self, order_key: str) -> Sale:
        found = self.sales.with_reference(order_key)
        if not found:
            raise KeyError(order_key)
        return found[0]

    def routes(self) -> list[web.RouteDef]:
        answers: dict[tuple[str, str], Answers] = {
            ("GET", "/company"): self._company,
            ("GET", "/products"): self._products,
            ("GET", "/prices"): self._prices,
            ("GET", "/stock/moves"): self._moves,
            ("GET", "/stock"): self._stock,
            ("POST", "/stock/query"): self._query,
            ("GET", "/customers"): self._customers,
            ("POST", "/customers"): self._new_customer,
            ("GET", "/orders"): self._orders,
            ("POST", "/orders"): self._new_order,
            ("GET", "/orders/changes"): self._changes,
            ("GET", "/orders/{id}"): self._order,
            ("POST", "/orders/{id}/{verb}"): self._act,
            ("GET", "/bell"): self._bell,
        }
        return [web.route(method, ROOT + path, self._guarded(answer)) for (method, path), answer in answers.items()]

    def _guarded(self, handler: Answers) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                result = await handler(request)
            except Refused as no:
                return _refusal(no)
            return web.Response(body=msgspec.json.encode(result), content_type="application/json")

        return answer

    def rate_limited(self) -> web.Response:
        refusal = _refusal(Refused(429, "too_many_requests", "slow down"))
        refusal.headers["Retry-After"] = "1"
        return refusal

    def unauthorised(self) -> web.Response:
        return _refusal(Refused(401, "bad_token", "unknown or revoked token"))

    def _admit(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise Refused(401, "bad_token", "unknown or revoked token")
        if request.method == "POST" and request.content_type != "application/json":
            raise Refused(415, "not_json", request.content_type)

    async def _company(self, request: web.Request) -> wire.Company:
        return wire.Company(
            code="BI", name=self.company, version="1.4", currency=self.books.currency, prices_include_vat=True,
            rights=list(NEEDED_RIGHTS), warehouses=list(self.books.warehouses),
        )  # fmt: skip

    async def _products(self, request: web.Request) -> wire.Feed[wire.Product]:
        after = _after(request, self.books.products.values(), lambda p: p.revision)
        return self._page(request, after, self.books.products_after(after), lambda p: p.revision)

    async def _prices(self, request: web.Request) -> wire.Feed[wire.Price]:
        after = _after(request, (p for g in self.books.prices.values() for p in g.values()), lambda p: p.revision)
        groups = self._page(request, after, self.books.prices_after(after), newest)
        rows = [row for group in groups.rows for row in group]
        return wire.Feed(rows=rows, last=groups.last, at=groups.at, more=groups.more)

    async def _moves(self, request: web.Request) -> wire.Feed[wire.Move]:
        if request.query.get("after") == "latest":
            return wire.Feed(rows=[], last=self.books.sequence, at=self.clock.now(), more=False)
        after = _after(request, self.books.moves, lambda m: m.number, lambda m: m.at)
        return self._page(request, after, self.books.moves_after(after), lambda m: m.number)

    async def _changes(self, request: web.Request) -> wire.Feed[wire.Order]:
        rows = [s.row() for s in self.sales.orders.values()]
        after = _after(request, rows, lambda o: o.change)
        changed = [s.row() for s in self.sales.changed_after(after)]
        return self._page(request, after, changed, lambda o: o.change)

    async def _stock(self, request: web.Request) -> wire.Figures:
        after, limit = request.query.get("after", ""), _limit(request)
        skus = sorted(s for s in self.books.product_of if s > after)
        rows = [row for sku in skus[:limit] for row in self.books.figures(sku)]
        return wire.Figures(rows=rows, next=skus[limit - 1] if len(skus) > limit else None)

    async def _query(self, request: web.Request) -> wire.Figures:
        asked = await _document(request, wire.Query)
        if len(asked.skus) > MOST_ROWS:
            raise Refused(413, "too_many_skus", f"at most {MOST_ROWS}")
        return wire.Figures(rows=[row for sku in asked.skus for row in self.books.figures(sku)])

    async def _customers(self, request: web.Request) -> wire.Customers:
        by = dict(request.query)
        if len(by) != 1 or next(iter(by)) not in ("reference", "vat_number", "tax_code", "email"):
            raise Refused(422, "bad_query", "one of reference, vat_number, tax_code, email")
        return wire.Customers(rows=self.sales.find(*next(iter(by.items()))))

    async def _new_customer(self, request: web.Request) -> wire.Customer:
        return self.sales.customer(await _document(request, wire.NewCustomer))

    async def _orders(self, request: web.Request) -> wire.Orders:
        if "reference" not in request.query:
            raise Refused(422, "bad_query", "reference is required")
        return wire.Orders(rows=[s.row() for s in self.sales.with_reference(request.query["reference"])])

    async def _new_order(self, request: web.Request) -> wire.Order:
        return self.sales.create(await _document(request, wire.NewOrder)).row()

    async def _order(self, request: web.Request) -> wire.Order:
        return self.sales.get(request.match_info["id"]).row()

    async def _act(self, request: web.Request) -> wire.Order:
        sale = self.sales.get(request.match_info["id"])
        match request.match_info["verb"]:
            case "confirm":
                return self.sales.confirm(sale).row()
            case "cancel":
                return self.sales.cancel(sale).row()
            case "payments":
                return self.sales.pay(sale, await _document(request, wire.NewPayment)).row()
        raise Refused(404, "not_found", request.path)

    async def _bell(self, request: web.Request) -> wire.Bell:
        """Answers as soon as anything has changed after the mark, or when the wait is over."""
        after, wait_s = _whole(request, "after", 0), min(LONGEST_BELL_S, float(_whole(request, "wait_s", 25)))
        if self.books.sequence <= after:
            try:
                async with asyncio.timeout(wait_s):
                    await self._rung.wait()
            except TimeoutError:
                pass
        return wire.Bell(mark=self.books.sequence, rung=self.books.sequence > after or wait_s == 0)

    def _ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()

    def _page(self, request: web.Request, after: int, rows: list[T], place: Any) -> wire.Feed[T]:
        limit = _limit(request)
        page = rows[:limit]
        return wire.Feed(
            rows=page, last=place(page[-1]) if page else after, at=self.clock.now(), more=len(rows) > limit
        )


async def _document(request: web.Request, kind: type[D]) -> D:
    found = decoded(await request.read(), kind)
    assert isinstance(found, kind)
    return found


def _refusal(no: Refused) -> web.Response:
    body = msgspec.json.encode(wire.Refusal(error=wire.Fault(code=no.code, message=no.message, id=no.id)))
    return web.Response(status=no.status, body=body, content_type="application/json")


def _after(request: web.Request, rows: Iterable[T], place: Any, at: Any = lambda row: row.changed_at) -> int:
    """The place to read after: a number, or the last one before a time."""
    if "since" not in request.query:
        return _whole(request, "after", 0)
    try:
        since = datetime.fromisoformat(request.query["since"])
    except ValueError as error:
        raise Refused(422, "bad_query", "since is an ISO time") from error
    return max((place(row) for row in rows if at(row) < since), default=0)


def _limit(request: web.Request) -> int:
    return max(1, min(MOST_ROWS, _whole(request, "limit", 100)))


def _whole(request: web.Request, name: str, default: int) -> int:
    given = request.query.get(name, str(default))
    if not given.isdigit():
        raise Refused(422, "bad_query", f"{name} is a whole number")
    return int(given)
