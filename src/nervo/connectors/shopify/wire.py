"""Only what we read of Shopify. Amounts are text or exact decimals, never floats."""

from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class PageInfo(msgspec.Struct):
    hasNextPage: bool
    endCursor: str | None = None


class Connection(msgspec.Struct, Generic[T]):
    nodes: list[T]
    pageInfo: PageInfo = msgspec.field(default_factory=lambda: PageInfo(False))


class Ref(msgspec.Struct):
    id: str


class Money(msgspec.Struct):
    amount: Decimal


class MoneyBag(msgspec.Struct):
    shopMoney: Money

    @property
    def amount(self) -> Decimal:
        """In the shop's currency."""
        return self.shopMoney.amount


class UserError(msgspec.Struct):
    message: str
    field: list[str] | None = None
    code: str | None = None


class Quantity(msgspec.Struct):
    name: str
    quantity: int


class Level(msgspec.Struct):
    quantities: list[Quantity]


class InventoryItem(msgspec.Struct):
    id: str
    tracked: bool
    inventoryLevel: Level | None = None


class OptionValue(msgspec.Struct):
    name: str
    value: str


class Variant(msgspec.Struct):
    id: str
    displayName: str
    price: Decimal
    product: Ref
    inventoryItem: InventoryItem
    sku: str | None = None
    barcode: str | None = None
    compareAtPrice: Decimal | None = None


class ProductVariant(msgspec.Struct):
    id: str
    sku: str | None
    selectedOptions: list[OptionValue]


class Option(msgspec.Struct):
    name: str


class Product(msgspec.Struct):
    id: str
    handle: str
    status: str
    options: list[Option]
    variants: Connection[ProductVariant]


class Location(msgspec.Struct):
    id: str
    name: str
    isActive: bool


class Shop(msgspec.Struct):
    name: str
    myshopifyDomain: str
    currencyCode: str
    taxesIncluded: bool


class Scope(msgspec.Struct):
    handle: str


class Installation(msgspec.Struct):
    accessScopes: list[Scope]


class TaxLine(msgspec.Struct):
    priceSet: MoneyBag
    rate: Decimal | None = None


class Allocation(msgspec.Struct):
    allocatedAmountSet: MoneyBag


class Line(msgspec.Struct):
    id: str
    title: str
    quantity: int
    isGiftCard: bool
    originalTotalSet: MoneyBag
    discountAllocations: list[Allocation]
    taxLines: list[TaxLine]
    sku: str | None = None
    variantTitle: str | None = None
    variant: Ref | None = None


class ShippingLine(msgspec.Struct):
    title: str
    discountedPriceSet: MoneyBag
    taxLines: list[TaxLine]
    code: str | None = None


class Fee(msgspec.Struct):
    name: str
    price: MoneyBag
    taxLines: list[TaxLine]


class Transaction(msgspec.Struct):
    id: str
    kind: str
    status: str
    amountSet: MoneyBag
    createdAt: datetime
    gateway: str | None = None
    paymentId: str | None = None
    processedAt: datetime | None = None
    parentTransaction: Ref | None = None


class SoldLine(msgspec.Struct):
    id: str
    sku: str | None = None


class RefundLine(msgspec.Struct):
    quantity: int
    restockType: str
    lineItem: SoldLine


class Refund(msgspec.Struct):
    id: str
    totalRefundedSet: MoneyBag
    refundLineItems: Connection[RefundLine]
    createdAt: datetime | None = None
    note: str | None = None


class Tracking(msgspec.Struct):
    company: str | None = None
    number: str | None = None
    url: str | None = None


class FulfilledLine(msgspec.Struct):
    lineItem: SoldLine
    quantity: int | None = None


class Fulfillment(msgspec.Struct):
    id: str
    status: str
    createdAt: datetime
    trackingInfo: list[Tracking]
    fulfillmentLineItems: Connection[FulfilledLine]


class Address(msgspec.Struct):
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    city: str | None = None
    provinceCode: str | None = None
    countryCodeV2: str | None = None
    phone: str | None = None


class Email(msgspec.Struct):
    emailAddress: str


class Customer(msgspec.Struct):
    id: str
    displayName: str
    defaultEmailAddress: Email | None = None


class Attribute(msgspec.Struct):
    key: str
    value: str | None = None


class Named(msgspec.Struct):
    name: str


class TaxSettings(msgspec.Struct):
    taxRegistrationId: str | None = None


class CompanyLocation(msgspec.Struct):
    taxSettings: TaxSettings


class Buyer(msgspec.Struct):
    """A company as buyer; a customer as buyer has none of this."""

    company: Named | None = None
    location: CompanyLocation | None = None


class Order(msgspec.Struct):
    id: str
    name: str
    createdAt: datetime
    updatedAt: datetime
    processedAt: datetime
    currencyCode: str
    taxesIncluded: bool
    confirmed: bool
    displayFulfillmentStatus: str
    totalPriceSet: MoneyBag
    totalTipReceivedSet: MoneyBag
    lineItems: Connection[Line]
    shippingLines: Connection[ShippingLine]
    additionalFees: list[Fee]
    transactions: list[Transaction]
    refunds: list[Refund]
    fulfillments: list[Fulfillment]
    customAttributes: list[Attribute]
    metafields: Connection[Attribute]
    localizedFields: Connection[Attribute]
    dutiesIncluded: bool = True
    originalTotalDutiesSet: MoneyBag | None = None
    totalTaxSet: MoneyBag | None = None
    displayFinancialStatus: str | None = None
    cancelledAt: datetime | None = None
    cancelReason: str | None = None
    closedAt: datetime | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    customerLocale: str | None = None
    customer: Customer | None = None
    purchasingEntity: Buyer | None = None
    billingAddress: Address | None = None
    shippingAddress: Address | None = None


class Stamp(msgspec.Struct):
    """Where an order stands in the feed."""

    id: str
    updatedAt: datetime


class ToShipLine(msgspec.Struct):
    id: str
    remainingQuantity: int
    lineItem: SoldLine


class Assigned(msgspec.Struct):
    location: Ref | None = None


class FulfillmentOrder(msgspec.Struct):
    id: str
    status: str
    assignedLocation: Assigned
    lineItems: Connection[ToShipLine]


class ToShip(msgspec.Struct):
    """An order's fulfilment side."""

    id: str
    name: str
    fulfillmentOrders: Connection[FulfillmentOrder]
    fulfillments: list[Fulfillment]


class Subscription(msgspec.Struct):
    id: str
    topic: str
    uri: str


class Payload(msgspec.Struct):
    """A mutation's answer, whichever it was."""

    userErrors: list[UserError] = []
    orderCancelUserErrors: list[UserError] = []
    product: Product | None = None
    productVariants: list[Ref] | None = None
    fulfillment: Ref | None = None
