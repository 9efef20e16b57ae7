"""Tryton's records as ours, and the other way round. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from nervo.connectors.tryton import wire
from nervo.model.catalog import Category, Product, Variant
from nervo.model.fulfilment import Fulfilment, ShippedLine
from nervo.model.orders import Order
from nervo.model.parties import Address, FiscalData, Party
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.returns import Invoice, InvoiceKind
from nervo.model.stock import StockFigure
from nervo.model.units import ZERO
from nervo.ports.erp import ErpOrder, ErpOrderState

SALE_STATES = {
    "draft": ErpOrderState.DRAFT, "quotation": ErpOrderState.DRAFT, "confirmed": ErpOrderState.CONFIRMED,
    "processing": ErpOrderState.CONFIRMED, "done": ErpOrderState.DONE, "cancelled": ErpOrderState.CANCELLED,
}  # fmt: skip
GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "lb": Decimal("453.59237"), "oz": Decimal("28.349523125")}
VAT_TYPES, TAX_CODE_TYPE = ("eu_vat", "it_iva"), "it_codicefiscale"
_RATE = re.compile(r"^\s*(?:(0?\.\d+|[01])\s*\*\s*unit_price|unit_price\s*\*\s*(0?\.\d+|[01]))\s*$")


def sku_of(code: str | None) -> str:
    return (code or "").strip()


def product_code(row: wire.TemplateRow | wire.TemplatePlace) -> str:
    return sku_of(row.code) or f"T{row.id}"


def product(row: wire.TemplateRow, attributes: Mapping[str, wire.AttributeRow]) -> Product | None:
    """A template as a product; None for a service, or while none of its variants has a code."""
    coded = [v for v in row.products if sku_of(v.code)] if row.type != "service" else []
    if not coded:
        return None
    described = {v.id: _described(v.attributes or {}, attributes) for v in coded}
    common = {
        k: value
        for k, value in described[coded[0].id].items()
        if len(coded) == 1 or all(d.get(k) == value for d in described.values())
    }
    return Product(
        code=product_code(row),
        name=row.name,
        variants=tuple(_variant(v, {k: x for k, x in described[v.id].items() if k not in common}) for v in coded),
        attributes=common,
        categories=tuple(Category(str(c.id), tuple((c.rec_name or "").split(" / "))) for c in row.categories),
        tax_class=row.account_category.name if row.account_category else None,
        tax_rate=tax_rate(row.account_category),
        active=bool(row.active and row.salable),
    )


def _variant(row: wire.VariantRow, options: dict[str, str]) -> Variant:
    gtin = next((i.code for i in row.identifiers if i.type in ("ean", "upc")), None)
    grams = GRAMS.get(row.weight_uom.symbol or "") if row.weight_uom else None
    weight = row.weight * grams if row.weight is not None and grams is not None else None
    return Variant(sku_of(row.code), gtin=gtin, options=options, weight_g=weight, active=bool(row.active))


def _described(values: Mapping[str, Any], attributes: Mapping[str, wire.AttributeRow]) -> dict[str, str]:
    """{"taglia": "m"} as {"taglia": "M"}: a selection's label instead of its key."""
    described = {}
    for name, value in values.items():
        labels = (
            dict(line.split(":", 1) for line in (attributes[name].selection or "").splitlines() if ":" in line)
            if name in attributes
            else {}
        )
        described[name] = labels.get(str(value), str(value)).strip()
    return described


def tax_rate(category: wire.AccountCategory | None) -> Decimal | None:
    """The rate of a category with exactly one percentage tax."""
    taxes = category.customer_taxes if category else []
    return taxes[0].rate.decimal if len(taxes) == 1 and taxes[0].type == "percentage" and taxes[0].rate else None


def prices(
    lists: Sequence[tuple[wire.PriceListRow, Decimal, Sequence[wire.PricedRow]]], currency: str
) -> tuple[Price, ...]:
    """Prices from readings (list, quantity, products) in rising quantity; a break that changes nothing is left out."""
    found: list[Price] = []
    last: dict[tuple[str, str], Decimal] = {}
    for row, quantity, products in lists:
        for priced in products:
            sku, amount = sku_of(priced.code), priced.sale_price_uom.decimal if priced.sale_price_uom else None
            if not sku or amount is None or last.get((row.name, sku)) == amount:
                continue
            last[row.name, sku] = amount
            gross = bool(row.tax_included)
            found.append(Price(
                sku=sku, price_list=row.name, currency=currency, price_net=None if gross else amount, price_gross=amount if gross else None,
                min_quantity=quantity, tax_rate=tax_rate(priced.template.account_category if priced.template else None),
            ))  # fmt: skip
    return tuple(found)


def promotion(row: wire.PromotionRow, skus: tuple[str, ...]) -> Promotion | None:
    """A promotion whose formula is a share of the price; None for one that our model cannot say (an amount, another formula)."""
    match = _RATE.match(row.formula)
    if match is None or row.amount is not None:
        return None
    return Promotion(
        code=str(row.id), name=row.name, skus=skus, discount_rate=1 - Decimal(match[1] or match[2]),
        min_quantity=row.quantity or Decimal(1),
        valid_from=_midnight(row.start_date), valid_until=_midnight(row.end_date, days=1), active=bool(row.active),
    )  # fmt: skip


def _midnight(day: wire.WireDate | None, days: int = 0) -> datetime | None:
    return datetime.combine(day.date() + timedelta(days=days), time(), UTC) if day else None


def stock_figure(row: wire.StockRow, warehouse: wire.Warehouse) -> StockFigure:
    """Forecast as the figure that counts confirmed orders, the plain quantity as what is on hand."""
    return StockFigure(
        sku_of(row.code), warehouse.code or warehouse.name, row.forecast_quantity or ZERO, on_hand=row.quantity
    )


def erp_order(row: wire.SaleRow) -> ErpOrder:
    """A sale. One whose goods and invoices were all cancelled after it was confirmed ends as "done" in Tryton: CANCELLED here."""
    state = SALE_STATES.get(row.state, ErpOrderState.UNKNOWN)
    if row.state in ("processing", "done") and row.moves and all(m.state == "cancelled" for m in row.moves):
        state = ErpOrderState.CANCELLED if all(i.state == "cancelled" for i in row.invoices) else state
    paid = sum(
        (p.amount.decimal * (1 if p.kind == "receivable" else -1) for p in row.payments if p.state == "succeeded"), ZERO
    )
    return ErpOrder(
        erp_id=str(row.id), number=row.number or "", key=row.web_id or "", state=state, raw_state=row.state,
        total_gross=row.total_amount.decimal, currency=row.currency.code or "", updated_at=row.last_modified_at.moment(), paid=paid,
        shipments=tuple(_shipment(s, row.moves) for s in row.shipments if s.state == "done"),
        invoices=tuple(_invoice(i, row.currency.code or "") for i in row.invoices if i.state in ("posted", "paid")),
    )  # fmt: skip


def _shipment(row: wire.ShipmentRow, moves: Sequence[wire.MoveRow]) -> Fulfilment:
    """A shipment may carry goods of several sales; only this sale's moves count."""
    mine = [m for m in moves if m.shipment == f"stock.shipment.out,{row.id}" and m.state == "done"]
    return Fulfilment(
        external_id=str(row.id), lines=tuple(ShippedLine(sku_of(m.product.code), m.quantity) for m in mine),
        carrier=(row.carrier.rec_name or "") if row.carrier else "", tracking_number=row.shipping_reference or "",
        shipped_at=_midnight(row.effective_date),
    )  # fmt: skip


def _invoice(row: wire.InvoiceRow, currency: str) -> Invoice:
    total = row.total_amount.decimal
    return Invoice(
        external_id=str(row.id), kind=InvoiceKind.CREDIT_NOTE if total < 0 else InvoiceKind.INVOICE, number=row.number or "",
        total_gross=abs(total), currency=currency, issued_on=row.invoice_date.date() if row.invoice_date else None, state=row.state,
    )  # fmt: skip


def identifiers(fiscal: FiscalData) -> list[tuple[str, str]]:
    """Partita IVA and codice fiscale as Tryton's identifier types and codes."""
    found = []
    if vat := fiscal.vat_number.replace(" ", "").upper():
        found.append(("eu_vat", f"IT{vat}" if vat.isdigit() and len(vat) == 11 else vat))
    if code := fiscal.tax_code.replace(" ", "").upper():
        found.append((TAX_CODE_TYPE, code))
    return found


def party_values(party: Party, key: str, addresses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A new party with its addresses. Its code is our key, which Tryton keeps unique."""
    contacts = [
        {"type": kind, "value": value} for kind, value in (("email", party.email), ("phone", party.phone)) if value
    ]
    if party.fiscal.pec:
        contacts.append({"type": "email", "value": party.fiscal.pec, "name": "PEC"})
    return {
        "name": (party.company if party.is_company and party.company else party.name) or party.email, "code": key,
        "addresses": [("create", addresses)], "contact_mechanisms": [("create", contacts)],
        "identifiers": [("create", [{"type": kind, "code": code} for kind, code in identifiers(party.fiscal)])],
    }  # fmt: skip


def address_values(address: Address, country: int | None, subdivision: int | None) -> dict[str, Any]:
    """An address; who lives there goes into `party_name`."""
    return {
        "party_name": address.company or address.name or None, "street": street(address), "postal_code": address.postal_code or None,
        "city": address.city or None, "country": country, "subdivision": subdivision,
    }  # fmt: skip


def street(address: Address) -> str:
    return "\n".join(part for part in (address.street, address.street2) if part)


def same_address(row: wire.AddressRow, address: Address) -> bool:
    """Whether Tryton's address is this one, capitals aside."""
    theirs = (row.street, row.postal_code, row.city, row.country.code if row.country else "", row.party_name)
    ours = (street(address), address.postal_code, address.city, address.country, address.company or address.name)
    return [(t or "").strip().casefold() for t in theirs] == [(o or "").strip().casefold() for o in ours]


def comment(order: Order) -> str:
    """What has no field of its own in Tryton: the customer's note, codice destinatario, PEC."""
    fiscal = order.customer.fiscal
    parts = [
        order.note,
        f"Codice destinatario: {fiscal.sdi_code}" if fiscal.sdi_code else "",
        f"PEC: {fiscal.pec}" if fiscal.pec else "",
    ]
    return "\n".join(part for part in parts if part)
