"""Only what we read of Vendure. Amounts are whole minor units."""

from datetime import datetime
from decimal import Decimal

import msgspec


class Channel(msgspec.Struct):
    id: str
    code: str
    token: str
    defaultCurrencyCode: str
    defaultLanguageCode: str
    pricesIncludeTax: bool


class GlobalSettings(msgspec.Struct):
    outOfStockThreshold: int
    trackInventory: bool


class StockLevel(msgspec.Struct):
    stockLocationId: str
    stockOnHand: int
    stockAllocated: int


class Price(msgspec.Struct):
    currencyCode: str
    price: int


class Ref(msgspec.Struct):
    id: str


class Variant(msgspec.Struct):
    id: str
    sku: str
    name: str
    product: Ref
    trackInventory: str
    outOfStockThreshold: int
    useGlobalOutOfStockThreshold: bool
    prices: list[Price]
    stockLevels: list[StockLevel]


class Option(msgspec.Struct):
    id: str
    code: str
    name: str


class OptionGroup(msgspec.Struct):
    id: str
    code: str
    name: str
    options: list[Option]


class VariantOptions(msgspec.Struct):
    id: str
    sku: str
    options: list[Ref]


class Product(msgspec.Struct):
    id: str
    slug: str
    optionGroups: list[OptionGroup]
    variants: list[VariantOptions]


class TaxRate(msgspec.Struct):
    value: Decimal
    enabled: bool
    category: Ref


class TaxCategory(msgspec.Struct):
    id: str
    name: str
    isDefault: bool


class Customer(msgspec.Struct):
    id: str
    firstName: str
    lastName: str
    emailAddress: str
    phoneNumber: str | None = None


class Address(msgspec.Struct):
    fullName: str | None = None
    company: str | None = None
    streetLine1: str | None = None
    streetLine2: str | None = None
    city: str | None = None
    province: str | None = None
    postalCode: str | None = None
    countryCode: str | None = None
    phoneNumber: str | None = None


class SoldVariant(msgspec.Struct):
    sku: str
    name: str


class Line(msgspec.Struct):
    id: str
    quantity: int
    orderPlacedQuantity: int
    taxRate: Decimal
    linePriceWithTax: int
    proratedLinePrice: int
    proratedLinePriceWithTax: int
    productVariant: SoldVariant


class Surcharge(msgspec.Struct):
    id: str
    description: str
    price: int
    priceWithTax: int
    taxRate: Decimal


class ShippingMethod(msgspec.Struct):
    code: str
    name: str


class ShippingLine(msgspec.Struct):
    id: str
    discountedPrice: int
    discountedPriceWithTax: int
    shippingMethod: ShippingMethod


class LineQuantity(msgspec.Struct):
    orderLineId: str
    quantity: int


class Refund(msgspec.Struct):
    id: str
    total: int
    state: str
    createdAt: datetime
    reason: str | None = None
    lines: list[LineQuantity] = []


class Payment(msgspec.Struct):
    id: str
    method: str
    amount: int
    state: str
    createdAt: datetime
    transactionId: str | None = None
    refunds: list[Refund] = []


class Fulfillment(msgspec.Struct):
    id: str
    state: str
    method: str
    updatedAt: datetime
    lines: list[LineQuantity]
    trackingCode: str | None = None


class Place(msgspec.Struct):
    """An order's place in the order of change."""

    id: str
    updatedAt: datetime


class Order(msgspec.Struct):
    id: str
    code: str
    state: str
    createdAt: datetime
    updatedAt: datetime
    currencyCode: str
    total: int
    totalWithTax: int
    lines: list[Line]
    surcharges: list[Surcharge]
    shippingLines: list[ShippingLine]
    orderPlacedAt: datetime | None = None
    customer: Customer | None = None
    shippingAddress: Address | None = None
    billingAddress: Address | None = None
    payments: list[Payment] | None = None
    fulfillments: list[Fulfillment] | None = None
    couponCodes: list[str] = []
