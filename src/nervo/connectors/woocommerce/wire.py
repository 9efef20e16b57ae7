"""Only what we read of WooCommerce. Money is text; `*_gmt` times have no zone and are UTC."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec


class Problem(msgspec.Struct):
    """An error's body, and what stands under `error` for one item of a batch."""

    code: str = ""
    message: str = ""
    data: Any = None


class Environment(msgspec.Struct):
    version: str
    store_id: str | None = None
    home_url: str = ""


class StoreSettings(msgspec.Struct):
    currency: str


class SystemStatus(msgspec.Struct):
    environment: Environment
    settings: StoreSettings


class Option(msgspec.Struct):
    id: str
    value: Any


class TaxRate(msgspec.Struct):
    rate: str
    name: str = ""
    class_: str = msgspec.field(default="standard", name="class")


class TaxClass(msgspec.Struct):
    slug: str
    name: str


class Category(msgspec.Struct):
    id: int
    name: str
    parent: int


class Attribute(msgspec.Struct):
    """`id` 0: an attribute of this product only."""

    name: str
    id: int = 0
    options: list[str] = []
    option: str = ""
    visible: bool = True
    variation: bool = False


class Product(msgspec.Struct):
    """A product or, with `parent_id`, a variation. `manage_stock` is "parent" where a variation leaves it to its product."""

    id: int
    sku: str
    regular_price: str = ""
    sale_price: str = ""
    on_sale: bool = False
    manage_stock: bool | str = False
    stock_quantity: Decimal | None = None
    type: str = "variation"
    name: str = ""
    status: str = ""
    parent_id: int = 0
    global_unique_id: str = ""
    attributes: list[Attribute] = []
    images: list[Any] = []
    variations: list[int] = []


class Written(msgspec.Struct):
    """One item of a batch's answer: what it is now, or why not."""

    id: int | None = None
    sku: str = ""
    regular_price: str = ""
    sale_price: str = ""
    stock_quantity: Decimal | None = None
    error: Problem | None = None


class Batch(msgspec.Struct):
    update: list[Written] = []


class Address(msgspec.Struct):
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address_1: str = ""
    address_2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


class Meta(msgspec.Struct):
    key: str
    value: Any = None


class LineTax(msgspec.Struct):
    id: int
    total: str = ""


class Line(msgspec.Struct):
    """`price` is left out on purpose: a JSON number of six decimals."""

    id: int
    name: str
    quantity: Decimal
    subtotal: Decimal
    subtotal_tax: Decimal
    total: Decimal
    total_tax: Decimal
    sku: str | None = None
    taxes: list[LineTax] = []


class Extra(msgspec.Struct):
    """A shipping or a fee line."""

    id: int
    total: Decimal
    total_tax: Decimal
    method_title: str = ""
    method_id: str = ""
    name: str | None = None
    taxes: list[LineTax] = []


class TaxLine(msgspec.Struct):
    rate_id: int
    rate_percent: Decimal | None = None
    compound: bool = False


class RefundRef(msgspec.Struct):
    id: int
    total: Decimal
    reason: str | None = None


class RefundLine(msgspec.Struct):
    quantity: Decimal
    sku: str | None = None


class Refund(msgspec.Struct):
    id: int
    amount: Decimal
    date_created_gmt: datetime
    reason: str = ""
    line_items: list[RefundLine] = []


class Order(msgspec.Struct):
    id: int
    number: str
    status: str
    currency: str
    date_created_gmt: datetime
    date_modified_gmt: datetime
    total: Decimal
    total_tax: Decimal
    billing: Address
    shipping: Address
    line_items: list[Line]
    shipping_lines: list[Extra] = []
    fee_lines: list[Extra] = []
    tax_lines: list[TaxLine] = []
    refunds: list[RefundRef] = []
    meta_data: list[Meta] = []
    customer_id: int = 0
    customer_note: str = ""
    payment_method: str = ""
    transaction_id: str = ""
    date_paid_gmt: datetime | None = None
    date_completed_gmt: datetime | None = None


class Place(msgspec.Struct):
    """An order's place in the order of change."""

    id: int
    date_modified_gmt: datetime


class Note(msgspec.Struct):
    id: int
    note: str


class Webhook(msgspec.Struct):
    id: int
    name: str
    status: str
    topic: str
    delivery_url: str
