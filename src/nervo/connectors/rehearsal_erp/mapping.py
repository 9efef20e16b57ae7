"""Between the rehearsal ERP's documents and the model. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from nervo.connectors.rehearsal_erp import wire
from nervo.model.catalog import Category, Image, Product, Variant
from nervo.model.fulfilment import Fulfilment, ShippedLine
from nervo.model.orders import Charge, Order, OrderLine
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment
from nervo.model.prices import Price
from nervo.model.returns import Invoice, InvoiceKind
from nervo.model.stock import StockFigure
from nervo.model.units import aware
from nervo.ports.erp import ErpOrder, ErpOrderState, OrderDraft

STATES: Mapping[str, ErpOrderState] = MappingProxyType({
    "draft": ErpOrderState.DRAFT, "confirmed": ErpOrderState.CONFIRMED, "shipped": ErpOrderState.DONE,
    "done": ErpOrderState.DONE, "cancelled": ErpOrderState.CANCELLED,
})  # fmt: skip


def product(row: wire.Product) -> Product:
    categories = (Category(row.category_code, tuple(row.category)),) if row.category_code else ()
    return Product(
        row.code, row.name, tuple(_variant(v) for v in row.variants), row.description, categories=categories,
        images=tuple(Image(url, row.name, position) for position, url in enumerate(row.images)), tax_class=row.tax_class,
        tax_rate=row.vat_rate, active=row.active,
    )  # fmt: skip


def _variant(row: wire.Variant) -> Variant:
    return Variant(row.sku, row.gtin, dict(row.options), row.weight_g, active=row.active)


def price(row: wire.Price) -> Price:
    return Price(
        row.sku, row.price_list, row.currency, price_net=None if row.vat_included else row.amount,
        price_gross=row.amount if row.vat_included else None, min_quantity=row.min_quantity, tax_rate=row.vat_rate,
        compare_at_gross=row.compare_at, valid_from=aware(row.valid_from) if row.valid_from else None,
        valid_until=aware(row.valid_until) if row.valid_until else None,
    )  # fmt: skip


def figure(row: wire.Figure) -> StockFigure:
    return StockFigure(row.sku, row.warehouse, row.available, row.on_hand)


def erp_order(row: wire.Order) -> ErpOrder:
    return ErpOrder(
        row.id, row.number, row.reference, STATES.get(row.state, ErpOrderState.UNKNOWN), row.state, row.total, row.currency,
        aware(row.changed_at), row.paid, tuple(_fulfilment(s) for s in row.shipments),
        tuple(_invoice(i, row.currency) for i in row.invoices),
    )  # fmt: skip


def _fulfilment(row: wire.Shipment) -> Fulfilment:
    lines = tuple(ShippedLine(line.sku, line.quantity) for line in row.lines)
    return Fulfilment(row.id, lines, row.carrier, row.tracking_number, shipped_at=aware(row.shipped_at))


def _invoice(row: wire.InvoiceRow, currency: str) -> Invoice:
    kind = InvoiceKind.CREDIT_NOTE if row.kind == "credit_note" else InvoiceKind.INVOICE
    return Invoice(row.id, kind, row.number, row.total, currency, row.issued_on, row.state)


def vat_number(text: str) -> str:
    """A partita IVA as the ERP keeps it: digits without the country."""
    return text.replace(" ", "").upper().removeprefix("IT")


def new_customer(party: Party, order: Order, key: str) -> wire.NewCustomer:
    addresses = [a for a in dict.fromkeys((order.billing, order.shipping)) if a.street or a.city]
    fiscal = party.fiscal
    return wire.NewCustomer(
        reference=key, name=party.name or party.company or party.email, email=party.email, phone=party.phone,
        company=party.company, vat_number=vat_number(fiscal.vat_number), tax_code=fiscal.tax_code.strip().upper(),
        sdi_code=fiscal.sdi_code, pec=fiscal.pec, addresses=[_address(a) for a in addresses],
    )  # fmt: skip


def new_order(draft: OrderDraft) -> wire.NewOrder:
    order = draft.order
    goods = [line for line in order.lines if not line.gift_card]
    cards = [line for line in order.lines if line.gift_card]
    return wire.NewOrder(
        reference=draft.key, customer=draft.customer, channel_number=order.number, date=order.placed_at,
        currency=order.currency, total=order.total_gross, warehouse=draft.warehouse, lines=[_line(line) for line in goods],
        charges=[_charge(c) for c in order.charges] + [_gift_card(line) for line in cards],
        billing=_address(order.billing), shipping=_address(order.shipping), note=order.note,
    )  # fmt: skip


def new_payment(payment: Payment, key: str) -> wire.NewPayment:
    return wire.NewPayment(
        key=key, amount=payment.amount, currency=payment.currency, method=payment.method, reference=payment.reference,
        paid_at=payment.paid_at,
    )  # fmt: skip


def _line(line: OrderLine) -> wire.NewLine:
    return wire.NewLine(
        sku=line.sku or "", title=line.title, quantity=line.quantity, net=line.total_net, vat=line.total_tax,
        gross=line.total_gross, vat_rate=line.tax_rate,
    )  # fmt: skip


def _charge(charge: Charge) -> wire.NewCharge:
    return wire.NewCharge(
        kind=charge.kind.value, title=charge.title, net=charge.total_net, vat=charge.total_tax, gross=charge.total_gross,
        vat_rate=charge.tax_rate,
    )  # fmt: skip


def _gift_card(line: OrderLine) -> wire.NewCharge:
    """A multi-purpose voucher (buono multiuso) is sold without VAT and takes nothing from stock."""
    return wire.NewCharge(
        kind="gift_card",
        title=line.title,
        net=line.total_net,
        vat=line.total_tax,
        gross=line.total_gross,
        vat_rate=Decimal(0),
    )


def _address(address: Address) -> wire.NewAddress:
    fields = ("name", "company", "street", "street2", "postal_code", "city", "province", "country", "phone")
    return wire.NewAddress(**{name: getattr(address, name) for name in fields})
