"""The objects of WooCommerce's REST API in their full shape, and how it refuses."""

from collections.abc import Mapping
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

Row = dict[str, Any]
CENT = Decimal("0.01")
ORDER_STATUSES = (
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
)
PRODUCT_STATUSES = ("draft", "pending", "private", "publish", "future", "auto-draft", "trash")
STOCK_STATUSES = ("instock", "outofstock", "onbackorder")
TEXTS = (
    "regular_price",
    "sale_price",
    "sku",
    "name",
    "description",
    "weight",
    "global_unique_id",
    "status",
    "transaction_id",
)


class Refusal(Exception):
    """A WP_Error: status, code and message, with what else stands under `data`."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.data = status, code, message, {"status": status, **data}

    def body(self) -> Row:
        return {"code": self.code, "message": self.message, "data": self.data}


def invalid(field: str, code: str, message: str) -> Refusal:
    """What the JSON schema of a route refuses before WooCommerce sees it."""
    detail = {"code": code, "message": message, "data": {"param": field} if code == "rest_invalid_type" else None}
    return Refusal(
        400, "rest_invalid_param", f"Invalid parameter(s): {field}", params={field: message}, details={field: detail}
    )


def validate(values: Mapping[str, Any], statuses: tuple[str, ...]) -> None:
    """Types and enums of one object. WooCommerce does this for single requests only, never for the items of a batch."""
    for field in TEXTS:
        if field in values and not isinstance(values[field], str):
            raise invalid(field, "rest_invalid_type", f"{field} is not of type string.")
    quantity = values.get("stock_quantity", 0)
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise invalid("stock_quantity", "rest_invalid_type", "stock_quantity is not of type integer.")
    for field, allowed in (("status", statuses), ("stock_status", STOCK_STATUSES)):
        if field in values and values[field] not in allowed:
            words = f"{', '.join(allowed[:-1])}, and {allowed[-1]}"
            raise invalid(field, "rest_not_in_enum", f"{field} is not one of {words}.")


def price(value: Any) -> str:
    """wc_format_decimal as seen: a comma is no decimal point but vanishes, so "12,50" becomes 1250."""
    return "".join(c for c in str(value) if c in "-.0123456789")


def money(amount: Decimal) -> str:
    return f"{amount.quantize(CENT, ROUND_HALF_UP):f}"


def split_tax(amount: Decimal, percent: Decimal, included: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Net, tax, and the net before rounding, of an amount that includes tax or not."""
    net = amount * 100 / (100 + percent) if included else amount
    tax = (net * percent / 100).quantize(CENT, ROUND_HALF_DOWN if included else ROUND_HALF_UP)
    return net.quantize(CENT, ROUND_HALF_UP), tax, net


def links(url: str, collection: str, id: int) -> Row:
    allow = {"targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}}
    return {"self": [{"href": f"{url}{collection}/{id}", **allow}], "collection": [{"href": f"{url}{collection}"}]}


def _sellable(id: int, now: str) -> Row:
    return {
        "id": id, "date_created": now, "date_created_gmt": now, "date_modified": now, "date_modified_gmt": now, "description": "",
        "permalink": "", "sku": "", "global_unique_id": "", "price": "", "regular_price": "", "sale_price": "", "date_on_sale_from": None,
        "date_on_sale_from_gmt": None, "date_on_sale_to": None, "date_on_sale_to_gmt": None, "on_sale": False, "status": "publish",
        "purchasable": True, "virtual": False, "downloadable": False, "downloads": [], "download_limit": -1, "download_expiry": -1,
        "tax_status": "taxable", "tax_class": "", "manage_stock": False, "stock_quantity": None, "stock_status": "instock",
        "backorders": "no", "backorders_allowed": False, "backordered": False, "low_stock_amount": None, "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""}, "shipping_class": "", "shipping_class_id": 0, "attributes": [],
        "menu_order": 0, "meta_data": [], "name": "",
    }  # fmt: skip


def product(id: int, now: str, url: str) -> Row:
    return _sellable(id, now) | {
        "slug": "", "type": "simple", "featured": False, "catalog_visibility": "visible", "short_description": "", "total_sales": 0,
        "external_url": "", "button_text": "", "sold_individually": False, "shipping_required": True, "shipping_taxable": True,
        "reviews_allowed": True, "average_rating": "0", "rating_count": 0, "upsell_ids": [], "cross_sell_ids": [], "parent_id": 0,
        "purchase_note": "", "categories": [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}], "brands": [], "tags": [],
        "images": [], "default_attributes": [], "variations": [], "grouped_products": [], "price_html": "", "related_ids": [],
        "has_options": False, "post_password": "", "permalink_template": f"{url}/product/%pagename%/", "generated_slug": "",
        "_links": links(url, "/wp-json/wc/v3/products", id),
    }  # fmt: skip


def variation(id: int, now: str, url: str, parent: int) -> Row:
    own = {"type": "variation", "tax_class": "parent", "image": None, "parent_id": parent}
    up = {"up": [{"href": f"{url}/wp-json/wc/v3/products/{parent}"}]}
    return _sellable(id, now) | own | {"_links": links(url, f"/wp-json/wc/v3/products/{parent}/variations", id) | up}


ADDRESS = dict.fromkeys(
    ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country", "phone"),
    "",
)


def order(id: int, now: str, url: str, currency: str, included: bool) -> Row:
    return {
        "id": id, "parent_id": 0, "status": "pending", "currency": currency, "version": "10.0.2", "prices_include_tax": included,
        "date_created": now, "date_modified": now, "discount_total": "0.00", "discount_tax": "0.00", "shipping_total": "0.00",
        "shipping_tax": "0.00", "cart_tax": "0.00", "total": "0.00", "total_tax": "0.00", "customer_id": 0,
        "order_key": f"wc_order_{id}", "billing": {**ADDRESS, "email": ""}, "shipping": {**ADDRESS}, "payment_method": "",
        "payment_method_title": "", "transaction_id": "", "customer_ip_address": "", "customer_user_agent": "", "created_via": "rest-api",
        "customer_note": "", "date_completed": None, "date_paid": None, "cart_hash": "", "number": str(id), "meta_data": [],
        "line_items": [], "tax_lines": [], "shipping_lines": [], "fee_lines": [], "coupon_lines": [], "refunds": [],
        "payment_url": f"{url}/checkout/order-pay/{id}/", "is_editable": True, "needs_payment": True, "needs_processing": True,
        "date_created_gmt": now, "date_modified_gmt": now, "date_completed_gmt": None, "date_paid_gmt": None, "currency_symbol": "€",
        "_links": links(url, "/wp-json/wc/v3/orders", id),
    }  # fmt: skip


def line(id: int, of: Row | None, parent: Row | None, quantity: int, taxed: tuple[Decimal, Decimal, Decimal]) -> Row:
    """A sold line. A product that is not there is taken all the same: id 0, no SKU, no money."""
    net, tax, exact = taxed
    unit = (exact / quantity).quantize(Decimal("0.000001")).normalize() if quantity else Decimal(0)
    return {
        "id": id, "name": f"{parent['name']} - {of['name']}" if of and parent else of["name"] if of else "",
        "product_id": parent["id"] if parent else of["id"] if of else 0, "variation_id": of["id"] if of and parent else 0,
        "quantity": quantity, "tax_class": "", "subtotal": money(net), "subtotal_tax": money(tax), "total": money(net),
        "total_tax": money(tax), "taxes": [{"id": 1, "total": money(tax), "subtotal": money(tax)}], "meta_data": [],
        "sku": of["sku"] if of else None, "price": msgspec.Raw(f"{unit:f}".encode()), "image": {"id": "", "src": ""},
        "parent_name": parent["name"] if parent else None,
    }  # fmt: skip


def shipping_line(id: int, title: str, net: Decimal, tax: Decimal) -> Row:
    return {
        "id": id, "method_title": title, "method_id": "flat_rate", "instance_id": "", "total": money(net), "total_tax": money(tax),
        "taxes": [{"id": 1, "total": money(tax), "subtotal": ""}], "tax_status": "taxable", "meta_data": [],
    }  # fmt: skip


def tax_line(id: int, percent: Decimal, goods: Decimal, shipping: Decimal) -> Row:
    return {
        "id": id, "rate_code": "IT-IVA-1", "rate_id": 1, "label": "IVA", "compound": False, "tax_total": money(goods),
        "shipping_tax_total": money(shipping), "rate_percent": msgspec.Raw(f"{percent:f}".encode()), "meta_data": [],
    }  # fmt: skip
