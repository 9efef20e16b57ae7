"""The rehearsal ERP's documents. Amounts and quantities are decimal text, times ISO 8601 with a zone; it refuses unknown fields."""

from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Document(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the ERP takes: a field that it does not know is refused."""


class Row(msgspec.Struct, kw_only=True):
    """What the ERP gives: fields that we do not read are left alone."""


class Company(Row, kw_only=True):
    code: str
    name: str
    version: str
    currency: str
    prices_include_vat: bool
    rights: list[str]
    warehouses: list[str]


class Variant(Row, kw_only=True):
    sku: str
    gtin: str | None = None
    options: dict[str, str] = {}
    weight_g: Decimal | None = None
    active: bool = True


class Code(Row, kw_only=True):
    """Which product a row is about, where the rest of it cannot be read."""

    code: str


class Listed(Row, kw_only=True):
    """Which price a row is about, where the rest of it cannot be read."""

    sku: str
    price_list: str


class Product(Row, kw_only=True):
    code: str
    name: str
    description: str = ""
    category_code: str = ""
    category: list[str] = []
    tax_class: str
    vat_rate: Decimal
    images: list[str] = []
    active: bool = True
    variants: list[Variant]
    revision: int
    changed_at: datetime


class Price(Row, kw_only=True):
    sku: str
    price_list: str
    currency: str
    amount: Decimal
    vat_included: bool
    vat_rate: Decimal
    min_quantity: Decimal
    compare_at: Decimal | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revision: int
    changed_at: datetime


class Move(Row, kw_only=True):
    """One row of the stock journal: the figure of this SKU may have moved here."""

    number: int
    sku: str
    warehouse: str
    kind: str
    at: datetime


class Figure(Row, kw_only=True):
    """`available` counts confirmed orders that have not left; `on_hand` is what lies on the shelf."""

    sku: str
    warehouse: str
    available: Decimal
    on_hand: Decimal


class Feed(Row, Generic[T], kw_only=True):
    """Rows after a place in a sequence; `last` is the place to go on from."""

    rows: list[T]
    last: int
    at: datetime
    more: bool


class Figures(Row, kw_only=True):
    rows: list[Figure]
    next: str | None = None


class Bell(Row, kw_only=True):
    mark: int
    rung: bool


class Shipment(Row, kw_only=True):
    id: str
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: list["ShippedLine"]


class ShippedLine(Row, kw_only=True):
    sku: str
    quantity: Decimal


class InvoiceRow(Row, kw_only=True):
    id: str
    kind: str
    number: str
    total: Decimal
    issued_on: date
    state: str


class Place(Row, kw_only=True):
    """Which order a row is about, where the rest of it cannot be read."""

    id: str


class Order(Row, kw_only=True):
    id: str
    number: str
    reference: str
    state: str
    total: Decimal
    currency: str
    paid: Decimal
    warehouse: str
    shipments: list[Shipment]
    invoices: list[InvoiceRow]
    change: int
    changed_at: datetime


class Orders(Row, kw_only=True):
    rows: list[Order]


class Customer(Row, kw_only=True):
    id: str
    reference: str
    name: str
    email: str = ""
    vat_number: str = ""
    tax_code: str = ""


class Customers(Row, kw_only=True):
    rows: list[Customer]


class Fault(Row, kw_only=True):
    """A refusal: a stable code, words, and the record that is in the way."""

    code: str
    message: str = ""
    id: str = ""


class Refusal(Row, kw_only=True):
    error: Fault


class NewAddress(Document, kw_only=True):
    name: str = ""
    company: str = ""
    street: str = ""
    street2: str = ""
    postal_code: str = ""
    city: str = ""
    province: str = ""
    country: str = ""
    phone: str = ""


class NewCustomer(Document, kw_only=True):
    reference: str
    name: str
    email: str = ""
    phone: str = ""
    company: str = ""
    vat_number: str = ""
    tax_code: str = ""
    sdi_code: str = ""
    pec: str = ""
    addresses: list[NewAddress] = []


class NewLine(Document, kw_only=True):
    """Goods. `vat_rate` None: the article's own rate."""

    sku: str
    title: str
    quantity: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal
    vat_rate: Decimal | None = None


class NewCharge(Document, kw_only=True):
    kind: str
    title: str
    net: Decimal
    vat: Decimal
    gross: Decimal
    vat_rate: Decimal | None = None


class NewOrder(Document, kw_only=True):
    reference: str
    customer: str
    channel_number: str
    date: datetime
    currency: str
    total: Decimal
    warehouse: str = ""
    lines: list[NewLine]
    charges: list[NewCharge] = []
    billing: NewAddress = msgspec.field(default_factory=NewAddress)
    shipping: NewAddress = msgspec.field(default_factory=NewAddress)
    note: str = ""


class NewPayment(Document, kw_only=True):
    key: str
    amount: Decimal
    currency: str
    method: str
    reference: str = ""
    paid_at: datetime | None = None


class Query(Document, kw_only=True):
    skus: list[str]
