"""WooCommerce's records as ours. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from nervo.connectors.woocommerce import wire
from nervo.connectors.woocommerce.fiscal import fiscal_data
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.money import quantum
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.returns import Refund, ReturnLine
from nervo.model.units import ZERO
from nervo.ports.shop import Listing

# The place in this table also orders two readings within one second.
STATUSES = {
    "auto-draft": OrderStatus.PENDING, "checkout-draft": OrderStatus.PENDING, "pending": OrderStatus.PENDING,
    "failed": OrderStatus.PENDING, "on-hold": OrderStatus.OPEN, "processing": OrderStatus.OPEN,
    "completed": OrderStatus.COMPLETED, "refunded": OrderStatus.COMPLETED, "cancelled": OrderStatus.CANCELLED,
    "trash": OrderStatus.CANCELLED,
}  # fmt: skip
# Without a payment date: processing is released before payment (cash on delivery); a failed payment may be tried again.
UNPAID = {
    "pending": PaymentStatus.PENDING, "failed": PaymentStatus.PENDING, "on-hold": PaymentStatus.PENDING,
    "auto-draft": PaymentStatus.PENDING, "checkout-draft": PaymentStatus.PENDING, "processing": PaymentStatus.AUTHORISED,
    "completed": PaymentStatus.PAID, "refunded": PaymentStatus.REFUNDED, "cancelled": PaymentStatus.VOIDED,
    "trash": PaymentStatus.VOIDED,
}  # fmt: skip
NOT_PLACED = ("auto-draft", "checkout-draft")
OURS = "_nervo_fulfilments"
TRACKING = "_wc_shipment_tracking_items"
UNSELLABLE = ("variable", "grouped", "external", "variable-subscription")


def listing(row: wire.Product, product_name: str = "") -> Listing:
    """What is sold: a simple product or a variation. A reduced price shows the regular one as compare-at."""
    remote = {"product": str(row.parent_id), "variation": str(row.id)} if row.parent_id else {"product": str(row.id)}
    shown = row.sale_price if row.on_sale and row.sale_price else row.regular_price
    counted = row.manage_stock is True and row.stock_quantity is not None
    reduced = bool(shown and row.regular_price and shown != row.regular_price)
    return Listing(
        sku=row.sku, remote=remote, quantity=int(row.stock_quantity or 0) if counted else None,
        price=Decimal(shown) if shown else None, compare_at=Decimal(row.regular_price) if reduced else None,
        gtin=row.global_unique_id or None, title=f"{product_name} - {row.name}" if product_name else row.name,
    )  # fmt: skip


def price_text(amount: Decimal) -> str:
    """With a dot and no exponent: WooCommerce takes "12,50" and stores 1250. Raises ValueError for what is no price."""
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{amount} is not a price")
    return f"{amount:f}"


def prices(price: Decimal, compare_at: Decimal | None) -> dict[str, str]:
    """The two fields of a price. A compare-at that is not above the price is no reduction."""
    if compare_at is None or compare_at <= price:
        return {"regular_price": price_text(price), "sale_price": ""}
    return {"regular_price": price_text(compare_at), "sale_price": price_text(price)}


def order(row: wire.Order, refunds: Sequence[wire.Refund] = ()) -> Order:
    """An order. Line totals are after coupons, so a coupon is no charge of its own."""
    rates = {t.rate_id: t.rate_percent for t in row.tax_lines if t.rate_percent is not None and not t.compound}
    lines = tuple(_line(line, rates) for line in row.line_items)
    charges = [_extra(s, ChargeKind.SHIPPING, s.method_title or s.method_id, rates) for s in row.shipping_lines]
    charges += [
        _extra(f, ChargeKind.FEE if f.total >= 0 else ChargeKind.DISCOUNT, f.name or "", rates) for f in row.fee_lines
    ]
    billing, shipping = _address(row.billing), _address(row.shipping)
    fulfilments, given = fulfilments_of(row), tuple(_refund(r, row.currency) for r in refunds)
    status, payment = _status(row), payment_status(row)
    return Order(
        external_id=str(row.id), number=row.number, version=version(row), status=status, raw_status=row.status, payment_status=payment,
        fulfilment_status=_fulfilment_status(row, fulfilments, left_to_ship(row, refunds)), currency=row.currency, lines=lines,
        total_gross=row.total, total_tax=row.total_tax, placed_at=utc(row.date_created_gmt), updated_at=utc(row.date_modified_gmt),
        customer=_party(row), billing=billing if billing.street or billing.city else shipping,
        shipping=shipping if shipping.street or shipping.city else billing, charges=(*charges, *_rounding(row, lines, charges)),
        payments=_payments(row, payment), fulfilments=fulfilments, refunds=given, note=row.customer_note,
        cancel_reason=row.status if status is OrderStatus.CANCELLED else "",
    )  # fmt: skip


def version(row: wire.Order) -> str:
    """The time of change, then how far the order has come: WooCommerce's times are whole seconds."""
    rank = list(STATUSES).index(row.status) if row.status in STATUSES else len(STATUSES)
    return (
        f"{utc(row.date_modified_gmt):%Y-%m-%dT%H:%M:%S}-{rank:02}-{len(row.refunds):03}-{len(fulfilments_of(row)):03}"
    )


def utc(moment: datetime) -> datetime:
    """A `*_gmt` time: UTC without saying so."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _status(row: wire.Order) -> OrderStatus:
    """A completed order in the trash is tidied up, any other is called off."""
    if row.status == "trash" and row.date_completed_gmt:
        return OrderStatus.COMPLETED
    return STATUSES.get(row.status, OrderStatus.UNKNOWN)


def payment_status(row: wire.Order) -> PaymentStatus:
    """From the date of payment and the refunds; without them, what the status means."""
    refunded = -sum((r.total for r in row.refunds), ZERO)
    if refunded and row.status != "cancelled":
        return PaymentStatus.REFUNDED if refunded >= row.total else PaymentStatus.PARTIALLY_REFUNDED
    if row.date_paid_gmt:
        return PaymentStatus.REFUNDED if row.status == "refunded" else PaymentStatus.PAID
    if not row.total and row.status in ("processing", "completed"):
        return PaymentStatus.PAID
    return UNPAID.get(row.status, PaymentStatus.UNKNOWN)


def _payments(row: wire.Order, status: PaymentStatus) -> tuple[Payment, ...]:
    if not row.payment_method and not row.date_paid_gmt:
        return ()
    own = PaymentStatus.PAID if row.date_paid_gmt else status
    paid_at = utc(row.date_paid_gmt) if row.date_paid_gmt else None
    key = row.transaction_id or f"{row.id}-{row.payment_method}"
    return (Payment(key, row.payment_method, own, row.total, row.currency, row.transaction_id, paid_at),)


def _line(row: wire.Line, rates: Mapping[int, Decimal]) -> OrderLine:
    gross = row.total + row.total_tax
    return OrderLine(
        line_id=str(row.id), sku=row.sku or None, title=row.name, quantity=row.quantity, total_net=row.total, total_tax=row.total_tax,
        total_gross=gross, tax_rate=_rate(row.taxes, row.total_tax, rates), discount_gross=row.subtotal + row.subtotal_tax - gross,
    )  # fmt: skip


def _extra(row: wire.Extra, kind: ChargeKind, title: str, rates: Mapping[int, Decimal]) -> Charge:
    rate = _rate(row.taxes, row.total_tax, rates)
    return Charge(kind, title, row.total, row.total_tax, row.total + row.total_tax, tax_rate=rate, code=row.method_id)


def _rate(taxes: Sequence[wire.LineTax], tax: Decimal, rates: Mapping[int, Decimal]) -> Decimal | None:
    """The sum of the rates that were applied; None where one is not known or compounds."""
    applied = [t.id for t in taxes if t.total]
    if not applied:
        return None if tax else ZERO
    return sum((rates[i] for i in applied), ZERO).scaleb(-2).normalize() if rates.keys() >= set(applied) else None


def _rounding(row: wire.Order, lines: Sequence[OrderLine], charges: Sequence[Charge]) -> tuple[Charge, ...]:
    """What a shop that rounds tax on the subtotal leaves over: at most half a minor unit a part. More is a total that differs."""
    parts: list[OrderLine | Charge] = [*lines, *charges]
    tax = row.total_tax - sum((p.total_tax for p in parts), ZERO)
    gross = row.total - sum((p.total_gross for p in parts), ZERO)
    if not gross or abs(gross) > quantum(row.currency) * len(parts) / 2:
        return ()
    return (Charge(ChargeKind.ROUNDING, "Rounding", gross - tax, tax, gross),)


def fulfilments_of(row: wire.Order) -> tuple[Fulfilment, ...]:
    """Ours with their lines, then what a tracking plug-in recorded besides."""
    ours = tuple(_ours(f) for f in meta_list(row, OURS))
    known = {f.tracking_number for f in ours}
    others = (t for t in meta_list(row, TRACKING) if t.get("tracking_number") and t["tracking_number"] not in known)
    return (*ours, *(_tracked(t) for t in others))


def meta_list(row: wire.Order, key: str) -> list[dict[str, Any]]:
    """A list of objects kept under an order's meta key; empty where there is none, or something else."""
    value = next((m.value for m in row.meta_data if m.key == key), None)
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def our_record(fulfilment: Fulfilment, id: str, lines: Mapping[str, Decimal], at: datetime) -> dict[str, Any]:
    """A fulfilment as we keep it in the order's meta data: text only, PHP has no decimals."""
    return {
        "id": id, "carrier": fulfilment.carrier, "tracking_number": fulfilment.tracking_number, "tracking_url": fulfilment.tracking_url,
        "shipped_at": at.isoformat(), "lines": [{"sku": sku, "quantity": f"{n:f}"} for sku, n in lines.items()],
    }  # fmt: skip


def tracking_record(fulfilment: Fulfilment, id: str, at: datetime) -> dict[str, str]:
    """The same as the Shipment Tracking plug-in and its relatives keep it."""
    return {
        "tracking_provider": "", "custom_tracking_provider": fulfilment.carrier, "custom_tracking_link": fulfilment.tracking_url,
        "tracking_number": fulfilment.tracking_number, "date_shipped": str(int(at.timestamp())), "tracking_id": id,
    }  # fmt: skip


def _ours(record: Mapping[str, Any]) -> Fulfilment:
    lines = tuple(ShippedLine(str(x["sku"]), Decimal(str(x["quantity"]))) for x in record.get("lines") or ())
    at = record.get("shipped_at")
    return Fulfilment(
        str(record.get("id", "")), lines, str(record.get("carrier", "")), str(record.get("tracking_number", "")),
        str(record.get("tracking_url", "")), datetime.fromisoformat(at) if isinstance(at, str) and at else None,
    )  # fmt: skip


def _tracked(record: Mapping[str, Any]) -> Fulfilment:
    carrier, at = (
        record.get("custom_tracking_provider") or record.get("tracking_provider") or "",
        str(record.get("date_shipped") or ""),
    )
    number, url = str(record["tracking_number"]), str(record.get("custom_tracking_link") or "")
    shipped_at = datetime.fromtimestamp(int(at), UTC) if at.isdigit() else None
    return Fulfilment(str(record.get("tracking_id") or number), (), str(carrier), number, url, shipped_at)


def left_to_ship(row: wire.Order, refunds: Sequence[wire.Refund] = ()) -> dict[str, Decimal]:
    """Pieces of each SKU that neither left with one of our fulfilments nor were refunded."""
    left: dict[str, Decimal] = {}
    for line in row.line_items:
        if line.sku:
            left[line.sku] = left.get(line.sku, ZERO) + line.quantity
    gone = [(x.sku, x.quantity) for f in fulfilments_of(row) for x in f.lines]
    gone += [(x.sku, abs(x.quantity)) for r in refunds for x in r.line_items if x.sku]
    for sku, quantity in gone:
        if sku in left:
            left[sku] = max(ZERO, left[sku] - quantity)
    return {sku: n for sku, n in left.items() if n}


def _fulfilment_status(row: wire.Order, known: Sequence[Fulfilment], left: Mapping[str, Decimal]) -> FulfilmentStatus:
    if row.status == "completed" or (known and not left):
        return FulfilmentStatus.FULFILLED
    return FulfilmentStatus.PARTIALLY_FULFILLED if known else FulfilmentStatus.UNFULFILLED


def _refund(row: wire.Refund, currency: str) -> Refund:
    lines = tuple(ReturnLine(x.sku or "", abs(x.quantity)) for x in row.line_items if x.quantity)
    return Refund(str(row.id), abs(row.amount), currency, lines, utc(row.date_created_gmt), row.reason)


def _party(row: wire.Order) -> Party:
    b = row.billing
    fiscal = fiscal_data({m.key: m.value for m in row.meta_data if isinstance(m.value, str)})
    name = f"{b.first_name} {b.last_name}".strip() or b.company or b.email
    return Party(
        name=name, email=b.email, phone=b.phone, external_id=str(row.customer_id) if row.customer_id else "", company=b.company,
        is_company=bool(b.company), fiscal=fiscal,
    )  # fmt: skip


def _address(a: wire.Address) -> Address:
    return Address(
        name=f"{a.first_name} {a.last_name}".strip(), company=a.company, street=a.address_1, street2=a.address_2, postal_code=a.postcode,
        city=a.city, province=a.state, country=a.country, phone=a.phone, email=a.email,
    )  # fmt: skip
