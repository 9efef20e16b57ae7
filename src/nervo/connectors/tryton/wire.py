"""Only what we read of Tryton's records. A struct's fields are also the list of fields to ask for (`wanted`): a nested record
comes back under its name with a dot at the end, and is asked for with dotted names."""

import types
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Flag = bool | int  # SQLite answers 1 where PostgreSQL answers true


class WireDecimal(msgspec.Struct):
    """{"__class__": "Decimal", "decimal": "5.0000"}"""

    decimal: Decimal


class WireDate(msgspec.Struct):
    """{"__class__": "date", "year": 2026, …}"""

    year: int
    month: int
    day: int

    def date(self) -> date:
        return date(self.year, self.month, self.day)


class WireTime(WireDate):
    """{"__class__": "datetime", …}, in UTC without saying so."""

    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0

    def moment(self) -> datetime:
        return datetime(
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.microsecond, tzinfo=UTC
        )


def nested(name: str) -> Any:
    """A nested record that may be null."""
    return msgspec.field(name=f"{name}.", default=None)


def nested_many(name: str) -> Any:
    """Nested records."""
    return msgspec.field(name=f"{name}.", default_factory=list)


class Ref(msgspec.Struct):
    id: int


class Coded(msgspec.Struct):
    id: int
    code: str | None = None


class Named(msgspec.Struct):
    id: int
    name: str | None = None


class RecNamed(msgspec.Struct):
    id: int
    rec_name: str | None = None


class Tax(msgspec.Struct):
    id: int
    type: str
    rate: WireDecimal | None = None
    parent: int | None = None


class AccountCategory(msgspec.Struct):
    id: int
    name: str | None = None
    customer_taxes: list[Tax] = nested_many("customer_taxes")


class Identifier(msgspec.Struct):
    id: int
    code: str
    type: str | None = None


class Unit(msgspec.Struct):
    id: int
    symbol: str | None = None


class VariantRow(msgspec.Struct):
    id: int
    code: str | None = None
    active: Flag = True
    attributes: dict[str, Any] | None = None
    identifiers: list[Identifier] = nested_many("identifiers")
    weight: Decimal | None = None
    weight_uom: Unit | None = nested("weight_uom")


class TemplatePlace(msgspec.Struct):
    """Which template a row is about, where the rest of it cannot be read."""

    id: int
    code: str | None = None


class TemplateRow(msgspec.Struct):
    id: int
    name: str
    type: str
    code: str | None = None
    active: Flag = True
    salable: Flag = False
    categories: list[RecNamed] = nested_many("categories")
    account_category: AccountCategory | None = nested("account_category")
    products: list[VariantRow] = nested_many("products")


class AttributeRow(msgspec.Struct):
    id: int
    name: str
    string: str
    type_: str
    selection: str | None = None


class TemplateTaxes(msgspec.Struct):
    id: int
    account_category: AccountCategory | None = nested("account_category")


class PricedRow(msgspec.Struct):
    """A product with its price under the list, quantity and currency of the context."""

    id: int
    code: str | None = None
    sale_price_uom: WireDecimal | None = None
    template: TemplateTaxes | None = nested("template")


class StockRow(msgspec.Struct):
    """A product with its figures at the locations of the context."""

    id: int
    code: str | None = None
    quantity: Decimal | None = None
    forecast_quantity: Decimal | None = None


class SellableRow(msgspec.Struct):
    """What a sale line needs of a product."""

    id: int
    code: str
    sale_uom: int
    template: TemplateTaxes | None = nested("template")


class PriceLine(msgspec.Struct):
    id: int
    quantity: Decimal | None = None


class PriceListRow(msgspec.Struct):
    id: int
    name: str
    tax_included: Flag
    lines: list[PriceLine] = nested_many("lines")


class PromotionRow(msgspec.Struct):
    id: int
    name: str
    formula: str
    active: Flag = True
    quantity: Decimal | None = None
    amount: WireDecimal | None = None
    start_date: WireDate | None = None
    end_date: WireDate | None = None
    products: list[Coded] = nested_many("products")
    categories: list[Ref] = nested_many("categories")


class Warehouse(msgspec.Struct):
    id: int
    name: str
    code: str | None = None


class Company(msgspec.Struct):
    id: int
    rec_name: str


class WebShop(msgspec.Struct):
    id: int
    name: str
    company: Company = msgspec.field(name="company.")
    currency: Coded = msgspec.field(name="currency.")
    warehouses: list[Warehouse] = nested_many("warehouses")


class PartyRow(msgspec.Struct):
    id: int
    identifiers: list[Identifier] = nested_many("identifiers")


class AddressRow(msgspec.Struct):
    id: int
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    party_name: str | None = None
    country: Coded | None = nested("country")


class MoveRow(msgspec.Struct):
    id: int
    state: str
    quantity: Decimal
    product: Coded = msgspec.field(name="product.")
    shipment: str | None = None


class ShipmentRow(msgspec.Struct):
    id: int
    state: str
    number: str | None = None
    effective_date: WireDate | None = None
    shipping_reference: str | None = None
    carrier: RecNamed | None = nested("carrier")


class InvoiceRow(msgspec.Struct):
    id: int
    state: str
    type: str
    total_amount: WireDecimal
    number: str | None = None
    invoice_date: WireDate | None = None


class PaymentRow(msgspec.Struct):
    id: int
    state: str
    kind: str
    amount: WireDecimal
    reference: str | None = None


class SalePlace(msgspec.Struct):
    """Which sale a row is about, where the rest of it cannot be read."""

    id: int


class SaleRow(msgspec.Struct):
    id: int
    state: str
    total_amount: WireDecimal
    last_modified_at: WireTime
    web_id: str | None = None
    number: str | None = None
    party: int = 0
    currency: Coded = msgspec.field(name="currency.", default_factory=lambda: Coded(0, ""))
    moves: list[MoveRow] = nested_many("moves")
    shipments: list[ShipmentRow] = nested_many("shipments")
    invoices: list[InvoiceRow] = nested_many("invoices")
    payments: list[PaymentRow] = nested_many("payments")


class SaleLineRow(msgspec.Struct):
    id: int
    moves: list[MoveRow] = nested_many("moves")
    moves_ignored: list[int] = []


def wanted(struct: type, prefix: str = "", without: frozenset[str] = frozenset()) -> list[str]:
    """The field names to ask for, e.g. ["code", "template.name"]; those in `without` are left out."""
    names: list[str] = []
    for field in msgspec.structs.fields(struct):
        path = prefix + field.encode_name
        if path.endswith("."):
            inner = _struct_of(field.type)
            names += wanted(inner, path, without)
        elif field.name != "id" or prefix:
            names += [] if path in without else [path]
    return names


def _struct_of(annotation: Any) -> type:
    """The struct inside list[X] or X | None."""
    if typing.get_origin(annotation) in (list, types.UnionType, typing.Union):
        return next(_struct_of(a) for a in typing.get_args(annotation) if a is not type(None))
    return typing.cast(type, annotation)


def outgoing(value: Any) -> Any:
    """A value as Tryton's JSON has it. A `Quantity` leaves as a JSON number, any other Decimal as Tryton's own class."""
    if isinstance(value, Quantity):
        return msgspec.Raw(format(value, "f").encode())
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        t = value.astimezone(UTC)
        return {"__class__": "datetime", "year": t.year, "month": t.month, "day": t.day, "hour": t.hour, "minute": t.minute,
                "second": t.second, "microsecond": t.microsecond}  # fmt: skip
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, dict):
        return {k: outgoing(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [outgoing(v) for v in value]
    return value


class Quantity(Decimal):
    """A quantity on its way out: Tryton takes JSON numbers for it."""
