"""Vendure's records as ours. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from nervo.connectors.vendure import wire
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.money import from_minor
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.returns import Refund, ReturnLine
from nervo.model.units import aware
from nervo.ports.shop import Listing

ORDER_STATES = {
    "Created": OrderStatus.PENDING, "Draft": OrderStatus.PENDING, "AddingItems": OrderStatus.PENDING,
    "ArrangingPayment": OrderStatus.PENDING, "PaymentAuthorized": OrderStatus.OPEN, "PaymentSettled": OrderStatus.OPEN,
    "PartiallyShipped": OrderStatus.OPEN, "Shipped": OrderStatus.OPEN, "PartiallyDelivered": OrderStatus.OPEN,
    "Modifying": OrderStatus.OPEN, "ArrangingAdditionalPayment": OrderStatus.OPEN, "Delivered": OrderStatus.COMPLETED,
    "Cancelled": OrderStatus.CANCELLED,
}  # fmt: skip
PAYMENT_STATES = {
    "Created": PaymentStatus.PENDING, "Authorized": PaymentStatus.AUTHORISED, "Settled": PaymentStatus.PAID,
    "Declined": PaymentStatus.VOIDED, "Error": PaymentStatus.VOIDED, "Cancelled": PaymentStatus.VOIDED,
}  # fmt: skip
LEFT = ("Shipped", "Delivered")


def quantity(row: wire.Variant, settings: wire.GlobalSettings) -> int | None:
    """What may be sold: on hand − allocated − threshold, as Vendure reckons it; None where it does not count."""
    if not _tracked(row, settings):
        return None
    return sum(s.stockOnHand - s.stockAllocated for s in row.stockLevels) - _threshold(row, settings)


def on_hand_for(
    row: wire.Variant, settings: wire.GlobalSettings, available: int, location: str
) -> tuple[str | None, int]:
    """The location to write (None: the default) and the on-hand figure that leaves so many to sell.

    What is allocated to open orders, and what other locations hold, is in Vendure's own sum already.
    """
    levels = sorted(row.stockLevels, key=lambda level: level.stockLocationId != location)
    target = next(iter(levels), None) if not location or (levels and levels[0].stockLocationId == location) else None
    own = target.stockOnHand if target else 0
    others = sum(s.stockOnHand for s in row.stockLevels) - own
    allocated = sum(s.stockAllocated for s in row.stockLevels)
    return location or (target.stockLocationId if target else None), available + allocated + _threshold(
        row, settings
    ) - others


def _threshold(row: wire.Variant, settings: wire.GlobalSettings) -> int:
    return settings.outOfStockThreshold if row.useGlobalOutOfStockThreshold else row.outOfStockThreshold


def _tracked(row: wire.Variant, settings: wire.GlobalSettings) -> bool:
    return row.trackInventory == "TRUE" or (row.trackInventory == "INHERIT" and settings.trackInventory)


def listing(row: wire.Variant, settings: wire.GlobalSettings, currency: str) -> Listing:
    stored = next((p.price for p in row.prices if p.currencyCode == currency), None)
    return Listing(
        sku=row.sku, remote={"variant": row.id, "product": row.product.id}, quantity=quantity(row, settings),
        price=from_minor(stored, currency) if stored is not None else None, title=row.name,
    )  # fmt: skip


def order(row: wire.Order) -> Order:
    """An order. Line amounts are after all discounts (Vendure prorates those of the order), so no discount is a charge. A line
    that was cancelled whole stays in Vendure with quantity 0 and is none of ours."""
    currency = row.currencyCode
    payments = tuple(_payment(p, currency) for p in row.payments or ())
    skus = {line.id: line.productVariant.sku for line in row.lines}
    billing, shipping = _address(row.billingAddress, row), _address(row.shippingAddress, row)
    return Order(
        external_id=row.id, number=row.code, version=version(row),
        status=ORDER_STATES.get(row.state, OrderStatus.UNKNOWN), raw_status=row.state, payment_status=_payment_status(row),
        fulfilment_status=_fulfilment_status(row), currency=currency,
        lines=tuple(_line(line, currency) for line in row.lines if line.quantity),
        total_gross=from_minor(row.totalWithTax, currency), total_tax=from_minor(row.totalWithTax - row.total, currency),
        placed_at=aware(row.orderPlacedAt or row.createdAt), updated_at=aware(row.updatedAt), customer=_party(row),
        billing=billing if billing.street or billing.city else shipping, shipping=shipping, charges=tuple(_charges(row)), payments=payments,
        fulfilments=tuple(_fulfilment(f, skus) for f in row.fulfillments or () if f.state in LEFT),
        refunds=tuple(_refund(r, currency, skus) for p in row.payments or () for r in p.refunds if r.state == "Settled"),
    )  # fmt: skip


def version(row: wire.Order) -> str:
    """updatedAt, then how far the order has come: on SQLite and MySQL Vendure's times may have whole seconds only."""
    payments = row.payments or ()
    come = len(payments) + sum(len(p.refunds) for p in payments) + 2 * len(row.fulfillments or ())
    rank = list(ORDER_STATES).index(row.state) if row.state in ORDER_STATES else 0
    return f"{aware(row.updatedAt):%Y-%m-%dT%H:%M:%S.%f}-{rank:02}-{come:04}"


def _rate(percent: Decimal) -> Decimal:
    return percent.scaleb(-2).normalize()


def _line(row: wire.Line, currency: str) -> OrderLine:
    net, gross = from_minor(row.proratedLinePrice, currency), from_minor(row.proratedLinePriceWithTax, currency)
    return OrderLine(
        line_id=row.id, sku=row.productVariant.sku or None, title=row.productVariant.name, quantity=Decimal(row.quantity), total_net=net,
        total_tax=gross - net, total_gross=gross, tax_rate=_rate(row.taxRate),
        discount_gross=from_minor(row.linePriceWithTax, currency) - gross,
    )  # fmt: skip


def _charges(row: wire.Order) -> list[Charge]:
    charges = [
        _charge(
            ChargeKind.SHIPPING,
            s.shippingMethod.name,
            s.discountedPrice,
            s.discountedPriceWithTax,
            row.currencyCode,
            code=s.shippingMethod.code,
        )
        for s in row.shippingLines
    ]
    for s in row.surcharges:
        kind = ChargeKind.DISCOUNT if s.priceWithTax < 0 else ChargeKind.FEE
        charges.append(_charge(kind, s.description, s.price, s.priceWithTax, row.currencyCode, rate=_rate(s.taxRate)))
    return charges


def _charge(
    kind: ChargeKind, title: str, net: int, gross: int, currency: str, *, rate: Decimal | None = None, code: str = ""
) -> Charge:
    amounts = from_minor(net, currency), from_minor(gross - net, currency), from_minor(gross, currency)
    return Charge(kind, title, *amounts, tax_rate=rate, code=code)


def _payment(row: wire.Payment, currency: str) -> Payment:
    status = PAYMENT_STATES.get(row.state, PaymentStatus.UNKNOWN)
    paid_at = aware(row.createdAt) if status is PaymentStatus.PAID else None
    return Payment(
        row.id, row.method, status, from_minor(row.amount, currency), currency, row.transactionId or "", paid_at
    )


def _payment_status(row: wire.Order) -> PaymentStatus:
    """From the payments' sums: a partial refund of a paid order is PARTIALLY_REFUNDED."""
    payments = row.payments or []
    settled = sum(p.amount for p in payments if p.state == "Settled")
    refunded = sum(r.total for p in payments for r in p.refunds if r.state == "Settled")
    if refunded:
        return PaymentStatus.REFUNDED if refunded >= settled else PaymentStatus.PARTIALLY_REFUNDED
    if settled:
        return PaymentStatus.PAID if settled >= row.totalWithTax else PaymentStatus.PARTIALLY_PAID
    if any(p.state == "Authorized" for p in payments):
        return PaymentStatus.AUTHORISED
    if row.state in ("PaymentSettled", "Shipped", "Delivered"):
        return PaymentStatus.PAID  # an order that costs nothing has no payment
    unknown = any(p.state not in PAYMENT_STATES for p in payments)
    return (
        PaymentStatus.UNKNOWN
        if unknown
        else PaymentStatus.VOIDED
        if row.state == "Cancelled"
        else PaymentStatus.PENDING
    )


def _fulfilment_status(row: wire.Order) -> FulfilmentStatus:
    left = shipped_quantities(row, LEFT)
    if not left:
        return FulfilmentStatus.UNFULFILLED
    whole = all(left.get(line.id, 0) >= line.quantity for line in row.lines)
    return FulfilmentStatus.FULFILLED if whole else FulfilmentStatus.PARTIALLY_FULFILLED


def shipped_quantities(row: wire.Order, states: Sequence[str]) -> dict[str, int]:
    """Pieces of each order line in fulfilments of these states."""
    found: dict[str, int] = {}
    for fulfillment in row.fulfillments or ():
        if fulfillment.state in states:
            for line in fulfillment.lines:
                found[line.orderLineId] = found.get(line.orderLineId, 0) + line.quantity
    return found


def _fulfilment(row: wire.Fulfillment, skus: Mapping[str, str]) -> Fulfilment:
    lines = tuple(ShippedLine(skus.get(x.orderLineId, ""), Decimal(x.quantity)) for x in row.lines)
    return Fulfilment(row.id, lines, row.method, row.trackingCode or "", shipped_at=aware(row.updatedAt))


def _refund(row: wire.Refund, currency: str, skus: Mapping[str, str]) -> Refund:
    lines = tuple(ReturnLine(skus.get(x.orderLineId, ""), Decimal(x.quantity)) for x in row.lines)
    return Refund(row.id, from_minor(row.total, currency), currency, lines, aware(row.createdAt), row.reason or "")


def _party(row: wire.Order) -> Party:
    customer, address = row.customer, row.billingAddress or row.shippingAddress or wire.Address()
    company = address.company or ""
    if customer is None:
        return Party(name=address.fullName or "", company=company)
    name = f"{customer.firstName} {customer.lastName}".strip() or address.fullName or customer.emailAddress
    return Party(
        name=name,
        email=customer.emailAddress,
        phone=customer.phoneNumber or address.phoneNumber or "",
        external_id=customer.id,
        company=company,
    )


def _address(row: wire.Address | None, of: wire.Order) -> Address:
    a = row or wire.Address()
    return Address(
        name=a.fullName or "", company=a.company or "", street=a.streetLine1 or "", street2=a.streetLine2 or "",
        postal_code=a.postalCode or "", city=a.city or "", province=a.province or "",
        country=a.countryCode or "", phone=a.phoneNumber or "", email=of.customer.emailAddress if of.customer else "",
    )  # fmt: skip


def slug(text: str) -> str:
    """A text for a URL: "Caffè & Tè" becomes "caffe-te"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "x"


def iso(moment: datetime) -> str:
    """A time as Vendure's DateTime takes it."""
    return aware(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
