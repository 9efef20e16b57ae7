"""Shopify's records as ours. Pure."""

from datetime import datetime
from decimal import Decimal

from nervo.connectors.shopify import wire
from nervo.connectors.shopify.fiscal import fiscal_data
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.money import rounded
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.returns import Refund, ReturnLine
from nervo.model.units import ZERO, aware
from nervo.ports.shop import Listing

PAYMENT = {
    "PENDING": PaymentStatus.PENDING, "AUTHORIZED": PaymentStatus.AUTHORISED, "PARTIALLY_PAID": PaymentStatus.PARTIALLY_PAID,
    "PAID": PaymentStatus.PAID, "PARTIALLY_REFUNDED": PaymentStatus.PARTIALLY_REFUNDED, "REFUNDED": PaymentStatus.REFUNDED,
    "VOIDED": PaymentStatus.VOIDED, "EXPIRED": PaymentStatus.VOIDED,
}  # fmt: skip
FULFILMENT = {
    "UNFULFILLED": FulfilmentStatus.UNFULFILLED, "OPEN": FulfilmentStatus.UNFULFILLED, "SCHEDULED": FulfilmentStatus.UNFULFILLED,
    "ON_HOLD": FulfilmentStatus.UNFULFILLED, "IN_PROGRESS": FulfilmentStatus.UNFULFILLED, "RESTOCKED": FulfilmentStatus.UNFULFILLED,
    "PENDING_FULFILLMENT": FulfilmentStatus.UNFULFILLED, "REQUEST_DECLINED": FulfilmentStatus.UNFULFILLED,
    "PARTIALLY_FULFILLED": FulfilmentStatus.PARTIALLY_FULFILLED, "FULFILLED": FulfilmentStatus.FULFILLED,
}  # fmt: skip
# What a transaction is worth to us, by kind and status. Those that are not here (failures, refunds, voids) are no payments.
TRANSACTION = {
    ("SALE", "SUCCESS"): PaymentStatus.PAID, ("CAPTURE", "SUCCESS"): PaymentStatus.PAID,
    ("AUTHORIZATION", "SUCCESS"): PaymentStatus.AUTHORISED, ("EMV_AUTHORIZATION", "SUCCESS"): PaymentStatus.AUTHORISED,
    ("SALE", "PENDING"): PaymentStatus.PENDING, ("SALE", "AWAITING_RESPONSE"): PaymentStatus.PENDING,
    ("SALE", "UNKNOWN"): PaymentStatus.UNKNOWN, ("CAPTURE", "UNKNOWN"): PaymentStatus.UNKNOWN,
}  # fmt: skip
RESTOCKED = ("CANCEL", "RETURN", "LEGACY_RESTOCK")


def listing(row: wire.Variant) -> Listing:
    """A variant; `quantity` is what is available at the location, None where Shopify does not count it there."""
    level = row.inventoryItem.inventoryLevel if row.inventoryItem.tracked else None
    available = [q.quantity for q in level.quantities if q.name == "available"] if level else []
    remote = {"variant": row.id, "product": row.product.id, "inventory_item": row.inventoryItem.id}
    return Listing(
        sku=row.sku or "", remote=remote, quantity=available[0] if available else None, price=row.price,
        compare_at=row.compareAtPrice, gtin=row.barcode or None, title=row.displayName,
    )  # fmt: skip


def order(row: wire.Order) -> Order:
    """An order as it was placed, in the shop's currency: returns and refunds stand beside it, they do not shrink its lines."""
    tips = [line for line in row.lineItems.nodes if _is_tip(line, row)]
    goods = [line for line in row.lineItems.nodes if line not in tips]
    billing, shipping = _address(row.billingAddress, row), _address(row.shippingAddress, row)
    financial = row.displayFinancialStatus or "PENDING"
    return Order(
        external_id=tail(row.id), number=row.name, version=version(row), status=_status(row),
        raw_status=f"{financial}/{row.displayFulfillmentStatus}{'/CANCELLED' if row.cancelledAt else ''}",
        payment_status=PAYMENT.get(financial, PaymentStatus.UNKNOWN),
        fulfilment_status=FULFILMENT.get(row.displayFulfillmentStatus, FulfilmentStatus.UNKNOWN),
        currency=row.currencyCode, lines=tuple(_line(line, row) for line in goods), total_gross=row.totalPriceSet.amount,
        total_tax=row.totalTaxSet.amount if row.totalTaxSet else ZERO, placed_at=aware(row.processedAt), updated_at=aware(row.updatedAt),
        customer=_party(row), billing=billing if row.billingAddress else shipping, shipping=shipping if row.shippingAddress else billing,
        charges=tuple(_charges(row, tips)), payments=_payments(row),
        fulfilments=tuple(_fulfilment(f) for f in row.fulfillments if f.status == "SUCCESS"),
        refunds=tuple(_refund(r, row.currencyCode) for r in row.refunds if r.totalRefundedSet.amount > 0),
        note=row.note or "", cancel_reason=row.cancelReason or "",
    )  # fmt: skip


def version(row: wire.Order) -> str:
    """updatedAt, then how far the order has come: Shopify's times have whole seconds."""
    come = len(row.transactions) + len(row.refunds) + len(row.fulfillments)
    end = 2 if row.cancelledAt else 1 if row.closedAt else 0
    return f"{aware(row.updatedAt):%Y-%m-%dT%H:%M:%S.%f}-{end}-{come:04}"


def iso(moment: datetime) -> str:
    """A time as Shopify's search takes it."""
    return f"{aware(moment):%Y-%m-%dT%H:%M:%SZ}"


def tail(gid: str) -> str:
    """The end of a global id, by which orders are known outside: "gid://shopify/Order/5001" is "5001"."""
    return gid.rsplit("/", 1)[-1]


def number(gid: str) -> int:
    """The same as a number: Shopify sorts by it."""
    return int(tail(gid))


def gid(kind: str, text: str) -> str:
    """A global id from what a person may have given: "5001" or the global id itself."""
    return text if text.startswith("gid://") or not text else f"gid://shopify/{kind}/{text}"


def _status(row: wire.Order) -> OrderStatus:
    if row.cancelledAt:
        return OrderStatus.CANCELLED
    if (row.displayFinancialStatus or "PENDING") not in PAYMENT or row.displayFulfillmentStatus not in FULFILMENT:
        return OrderStatus.UNKNOWN
    if row.closedAt:
        return OrderStatus.COMPLETED
    return OrderStatus.OPEN if row.confirmed else OrderStatus.PENDING


def _amounts(amount: Decimal, tax_lines: list[wire.TaxLine], row: wire.Order) -> tuple[Decimal, Decimal, Decimal]:
    """Net, tax, gross of an amount that has its tax in it or not, as the order says."""
    tax = sum((t.priceSet.amount for t in tax_lines), ZERO)
    return (amount - tax, tax, amount) if row.taxesIncluded else (amount, tax, amount + tax)


def _rate(tax_lines: list[wire.TaxLine]) -> Decimal | None:
    """The taxes' rates together, as a fraction; None where there is no tax line or one without its rate."""
    rates = [t.rate for t in tax_lines if t.rate is not None]
    return sum(rates, ZERO).normalize() if rates and len(rates) == len(tax_lines) else None


def _line(line: wire.Line, row: wire.Order) -> OrderLine:
    discount = sum((d.allocatedAmountSet.amount for d in line.discountAllocations), ZERO)
    net, tax, gross = _amounts(line.originalTotalSet.amount - discount, line.taxLines, row)
    rate = _rate(line.taxLines)
    of_discount = ZERO if row.taxesIncluded else rounded(discount * (rate or ZERO), row.currencyCode)
    title = f"{line.title} - {line.variantTitle}" if line.variantTitle else line.title
    return OrderLine(
        tail(line.id), line.sku or None, title, Decimal(line.quantity), net, tax, gross,
        tax_rate=rate, discount_gross=discount + of_discount, gift_card=line.isGiftCard,
    )  # fmt: skip


def _is_tip(line: wire.Line, row: wire.Order) -> bool:
    """A tip is an order line without variant that amounts to a part of the order's tips."""
    tips = row.totalTipReceivedSet.amount
    return not (line.sku or line.variant or line.isGiftCard) and ZERO < line.originalTotalSet.amount <= tips


def _charges(row: wire.Order, tips: list[wire.Line]) -> list[Charge]:
    charges = [
        Charge(
            ChargeKind.SHIPPING, s.title, *_amounts(s.discountedPriceSet.amount, s.taxLines, row), _rate(s.taxLines), s.code or ""
        )
        for s in row.shippingLines.nodes
    ]  # fmt: skip
    charges += [
        Charge(ChargeKind.FEE, f.name, *_amounts(f.price.amount, f.taxLines, row), _rate(f.taxLines))
        for f in row.additionalFees
    ]
    duties = row.originalTotalDutiesSet.amount if row.originalTotalDutiesSet and not row.dutiesIncluded else ZERO
    if duties:
        charges.append(Charge(ChargeKind.FEE, "Duties", duties, ZERO, duties))
    tip = row.totalTipReceivedSet.amount
    if tip:
        charges.append(Charge(ChargeKind.TIP, tips[0].title if tips else "Tip", tip, ZERO, tip))
    return charges


def _payments(row: wire.Order) -> tuple[Payment, ...]:
    """What was taken, and authorisations that nothing has captured or voided yet."""
    settled = {
        t.parentTransaction.id
        for t in row.transactions
        if t.parentTransaction and t.kind in ("CAPTURE", "VOID") and t.status == "SUCCESS"
    }
    found = []
    for t in row.transactions:
        status = TRANSACTION.get((t.kind, t.status))
        if status and not (status is PaymentStatus.AUTHORISED and t.id in settled):
            paid_at = aware(t.processedAt or t.createdAt) if status is PaymentStatus.PAID else None
            found.append(
                Payment(
                    tail(t.id),
                    t.gateway or "",
                    status,
                    t.amountSet.amount,
                    row.currencyCode,
                    t.paymentId or "",
                    paid_at,
                )
            )
    return tuple(found)


def _fulfilment(row: wire.Fulfillment) -> Fulfilment:
    lines = tuple(ShippedLine(x.lineItem.sku or "", Decimal(x.quantity or 0)) for x in row.fulfillmentLineItems.nodes)
    t = row.trackingInfo[0] if row.trackingInfo else wire.Tracking()
    return Fulfilment(tail(row.id), lines, t.company or "", t.number or "", t.url or "", aware(row.createdAt))


def _refund(row: wire.Refund, currency: str) -> Refund:
    lines = tuple(
        ReturnLine(x.lineItem.sku or "", Decimal(x.quantity), x.restockType in RESTOCKED)
        for x in row.refundLineItems.nodes
    )
    refunded_at = aware(row.createdAt) if row.createdAt else None
    return Refund(tail(row.id), row.totalRefundedSet.amount, currency, lines, refunded_at, row.note or "")


def _party(row: wire.Order) -> Party:
    address = row.billingAddress or row.shippingAddress or wire.Address()
    customer, buyer = row.customer, row.purchasingEntity
    company = (buyer.company.name if buyer and buyer.company else "") or address.company or ""
    fiscal = fiscal_data(row)
    name = (customer.displayName if customer else "") or address.name or row.email or ""
    return Party(
        name=name, email=_email(row), phone=row.phone or address.phone or "", external_id=tail(customer.id) if customer else "",
        company=company, is_company=bool(company or fiscal.vat_number), fiscal=fiscal, language=row.customerLocale or "",
    )  # fmt: skip


def _email(row: wire.Order) -> str:
    known = row.customer.defaultEmailAddress if row.customer else None
    return row.email or (known.emailAddress if known else "")


def _address(row: wire.Address | None, of: wire.Order) -> Address:
    a = row or wire.Address()
    return Address(
        name=a.name or "", company=a.company or "", street=a.address1 or "", street2=a.address2 or "", postal_code=a.zip or "",
        city=a.city or "", province=a.provinceCode or "", country=a.countryCodeV2 or "", phone=a.phone or "", email=_email(of),
    )  # fmt: skip
