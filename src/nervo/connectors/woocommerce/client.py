"""WooCommerce's REST API: one function per call, and its refusals as our errors. No retry, no sleep.

Updates go by POST, which WooCommerce takes like PUT: the HTTP library repeats a PUT by itself when a kept connection drops.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from nervo.connectors.woocommerce import wire
from nervo.connectors.woocommerce.settings import Settings
from nervo.errors import (
    AuthFailed,
    BadInput,
    Misunderstood,
    NervoError,
    NotFound,
    RateLimited,
    Rejected,
)
from nervo.kit.http import Answer, Http, ToolBox
from nervo.kit.rows import decoded_rows

T = TypeVar("T")

BASE = "/wp-json/wc/v3/"
BATCH = 100
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRODUCT = (
    "id,sku,type,name,status,parent_id,regular_price,sale_price,on_sale,manage_stock,stock_quantity,"
    "global_unique_id,attributes,images,variations"
)
STATUS: dict[int, type[NervoError]] = {
    400: Rejected, 401: AuthFailed, 403: AuthFailed, 409: Rejected, 413: Rejected, 429: RateLimited,
}  # fmt: skip
# Codes that say more than their status. A 404 without one of the first is not "the order is gone": the API itself is.
CODES: dict[str, type[NervoError]] = {
    "woocommerce_rest_shop_order_invalid_id": NotFound, "woocommerce_rest_product_invalid_id": NotFound,
    "woocommerce_rest_product_variation_invalid_id": NotFound, "woocommerce_rest_invalid_product_id": NotFound,
    "woocommerce_rest_invalid_id": NotFound, "woocommerce_rest_shop_webhook_invalid_id": NotFound,
    "rest_invalid_json": Misunderstood, "rest_no_route": Misunderstood,
}  # fmt: skip
NO_ROUTE_FIX = "Check the shop's address, that WooCommerce is active and that permalinks are not plain."


class Client:
    """One shop. Raises BadInput for an address that would carry the key in the clear."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise BadInput("opening WooCommerce", settings.url, code="not_https", fix="Use the shop's https address.")
        self.settings = settings
        key, secret = settings.consumer_key.reveal(), settings.consumer_secret.reveal()
        known = (key, secret, settings.webhook_secret.reveal())
        basic = "Basic " + b64encode(f"{key}:{secret}".encode()).decode()
        self.http = Http(settings.url, tools, headers={"Authorization": basic}, known_secrets=(*known, basic))

    async def close(self) -> None:
        await self.http.close()

    async def system_status(self) -> wire.SystemStatus:
        return await self._get("system_status", wire.SystemStatus, _fields="environment,settings")

    async def setting(self, group: str, name: str) -> wire.Option:
        return await self._get(f"settings/{group}/{name}", wire.Option)

    async def tax_rates(self) -> list[wire.TaxRate]:
        return await self._get("taxes", list[wire.TaxRate], per_page="100")

    async def tax_classes(self) -> list[wire.TaxClass]:
        return await self._get("taxes/classes", list[wire.TaxClass])

    async def products(self, **where: str) -> tuple[list[wire.Product], int]:
        """A page of products and how many pages there are. Only a query by SKU finds variations too."""
        return await self._page("products", wire.Product, _fields=PRODUCT, per_page="100", **where)

    async def variations(self, parent: int | str, **where: str) -> tuple[list[wire.Product], int]:
        path = f"products/{parent}/variations"
        return await self._page(path, wire.Product, _fields=PRODUCT, per_page="100", orderby="id", order="asc", **where)

    async def update_batch(self, parent: str, items: Sequence[Mapping[str, Any]]) -> list[wire.Written]:
        """Up to 100 products or, with a parent, its variations; one answer an item in the same order.

        No `_fields`: WooCommerce 10.0.2 answers `[]` to a batch with it.
        """
        path = f"products/{parent}/variations/batch" if parent else "products/batch"
        found = (await self._send("POST", path, {"update": items}, wire.Batch)).update
        if [item["id"] for item in items] != [row.id for row in found]:
            raise Misunderstood(
                f"writing {len(items)} items to WooCommerce", f"{len(found)} answers, or in another order"
            )
        return found

    async def can_write(self) -> None:
        """A batch of nothing: refused like any write where the key may only read."""
        await self._send("POST", "products/batch", {"update": []}, msgspec.Raw)

    async def create_product(self, values: Mapping[str, Any]) -> wire.Product:
        return await self._send("POST", "products", values, wire.Product)

    async def update_product(self, id: int | str, values: Mapping[str, Any]) -> wire.Product:
        return await self._send("POST", f"products/{id}", values, wire.Product)

    async def create_variation(self, parent: int | str, values: Mapping[str, Any]) -> wire.Product:
        return await self._send("POST", f"products/{parent}/variations", values, wire.Product)

    async def update_variation(self, parent: int | str, id: int | str, values: Mapping[str, Any]) -> wire.Product:
        return await self._send("POST", f"products/{parent}/variations/{id}", values, wire.Product)

    async def categories(self, name: str, parent: int) -> list[wire.Category]:
        where = {"search": name, "parent": str(parent), "per_page": "100"}
        return await self._get("products/categories", list[wire.Category], **where)

    async def create_category(self, name: str, parent: int) -> wire.Category:
        return await self._send("POST", "products/categories", {"name": name, "parent": parent}, wire.Category)

    async def orders(self, **where: str) -> list[wire.Order | wire.Place]:
        found = await self._get("orders", list[msgspec.Raw], orderby="modified", dates_are_gmt="true", **where)
        return decoded_rows(found, wire.Order, wire.Place, "reading orders from WooCommerce")

    async def newest_places(self) -> list[wire.Place]:
        where = {"orderby": "modified", "order": "desc", "per_page": "100", "_fields": "id,date_modified_gmt"}
        return await self._get("orders", list[wire.Place], **where)

    async def order(self, id: str) -> wire.Order:
        return await self._get(f"orders/{id}", wire.Order)

    async def update_order(self, id: str, values: Mapping[str, Any]) -> wire.Order:
        return await self._send("POST", f"orders/{id}", values, wire.Order)

    async def refunds(self, order: int) -> list[wire.Refund]:
        return await self._get(f"orders/{order}/refunds", list[wire.Refund], per_page="100")

    async def notes(self, order: str) -> list[wire.Note]:
        return await self._get(f"orders/{order}/notes", list[wire.Note])

    async def add_note(self, order: str, note: str, *, to_customer: bool) -> wire.Note:
        return await self._send(
            "POST", f"orders/{order}/notes", {"note": note, "customer_note": to_customer}, wire.Note
        )

    async def webhooks(self) -> list[wire.Webhook]:
        return await self._get("webhooks", list[wire.Webhook], per_page="100")

    async def create_webhook(self, values: Mapping[str, Any]) -> wire.Webhook:
        return await self._send("POST", "webhooks", values, wire.Webhook)

    async def update_webhook(self, id: int, values: Mapping[str, Any]) -> wire.Webhook:
        return await self._send("POST", f"webhooks/{id}", values, wire.Webhook)

    async def _get(self, path: str, type: type[T], **params: str) -> T:
        doing = f"reading {path} from WooCommerce"
        return _decoded(await self._judged("GET", path, doing, params=params), type, doing)

    async def _page(self, path: str, type: type[T], **params: str) -> tuple[list[T], int]:
        """Pages are counted, never followed: the Link header repeats keys that were sent in the query."""
        doing = f"reading {path} from WooCommerce"
        answer = await self._judged("GET", path, doing, params=params)
        pages = answer.headers.get("x-wp-totalpages", "")
        return _decoded(answer, list[type], doing), int(pages) if pages.isdigit() else 1  # type: ignore[valid-type]

    async def _send(self, method: str, path: str, values: Mapping[str, Any], type: type[T]) -> T:
        doing = f"writing {path} to WooCommerce"
        return _decoded(await self._judged(method, path, doing, json=values), type, doing)

    async def _judged(self, method: str, path: str, doing: str, **rest: Any) -> Answer:
        answer = await self.http.call(method, BASE + path, **rest)
        if answer.status >= 400:
            raise _refusal(answer, doing)
        if answer.status >= 300:
            raise Misunderstood(
                doing, f"HTTP {answer.status} to {answer.headers.get('location', '')}", fix=NO_ROUTE_FIX
            )
        return answer


def _refusal(answer: Answer, doing: str) -> NervoError:
    try:
        problem = msgspec.json.decode(answer.body, type=wire.Problem)
    except (msgspec.ValidationError, msgspec.DecodeError):
        problem = wire.Problem()
    failed = answer.given_up if answer.status >= 500 else Misunderstood
    kind = CODES.get(problem.code) or STATUS.get(answer.status) or failed
    said = problem.message or f"HTTP {answer.status}"
    if kind is RateLimited:
        wait = answer.headers.get("retry-after", "")
        return RateLimited(doing, said, retry_after_s=float(wait) if wait.isdigit() else None)
    code = problem.code if kind is Rejected and problem.code else None
    return kind(doing, said, code=code, fix=NO_ROUTE_FIX if answer.status == 404 and kind is Misunderstood else "",
                status=answer.status, vendor_code=problem.code)  # fmt: skip


def _decoded(answer: Answer, type: type[T], doing: str) -> T:
    try:
        return msgspec.json.decode(answer.body, type=type)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Misunderstood(doing, f"{error}: {answer.body[:200]!r}", status=answer.status) from error
