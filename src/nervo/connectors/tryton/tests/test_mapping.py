"""Recorded answers of Tryton 8.2.1 (golden/, 2026-11-24) and what they mean to us."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from nervo.connectors.tryton import mapping, wire
from nervo.model.catalog import Category, Variant
from nervo.model.fulfilment import ShippedLine
from nervo.model.parties import Address, FiscalData, Party
from nervo.model.returns import InvoiceKind
from nervo.ports.erp import ErpOrderState

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, kind: Any) -> Any:
    return msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes(), type=kind)


def sale(**changes: Any) -> wire.SaleRow:
    return msgspec.structs.replace(golden("sale_done", list[wire.SaleRow])[0], **changes)


def test_a_template_becomes_a_product_whose_variants_differ_by_size_alone():
    attributes = {a.name: a for a in golden("attributes", list[wire.AttributeRow])}
    product = mapping.product(golden("templates", list[wire.TemplateRow])[0], attributes)
    assert (product.code, product.tax_class, product.tax_rate, product.active) == (
        "ART-00000",
        "IVA 10",
        Decimal("0.10"),
        True,
    )
    assert product.attributes == {"colore": "Rosso"}
    assert product.categories == (Category("4", ("Abbigliamento", "Camicie")),)
    assert product.variants == (
        Variant("ART-00000-M", gtin="8000000000002", options={"taglia": "M"}),
        Variant("ART-00000-L", gtin="8000000000019", options={"taglia": "L"}),
    )


def test_a_service_is_no_product():
    template = golden("templates", list[wire.TemplateRow])[0]
    assert mapping.product(msgspec.structs.replace(template, type="service"), {}) is None


def test_the_stock_figure_is_the_forecast_and_the_plain_quantity_is_on_hand():
    rows = golden("stock_wh", list[wire.StockRow])
    figures = [mapping.stock_figure(row, wire.Warehouse(5, "Warehouse", "WH")) for row in rows]
    assert [(f.sku, f.warehouse, f.quantity, f.on_hand) for f in figures] == [
        (row.code, "WH", row.forecast_quantity, row.quantity) for row in rows
    ]
    assert all(isinstance(f.quantity, Decimal) for f in figures)


def test_a_promotion_that_is_a_share_of_the_price_is_said():
    row = golden("promotions", list[wire.PromotionRow])[0]
    promotion = mapping.promotion(row, ("ART-00000-M",))
    assert promotion and (promotion.discount_rate, promotion.min_quantity) == (Decimal("0.1"), Decimal("3.0"))
    assert mapping.promotion(msgspec.structs.replace(row, formula="unit_price - 2"), ()) is None


def test_a_shipped_and_paid_sale():
    order = mapping.erp_order(sale())
    assert (order.state, order.total_gross, order.paid) == (ErpOrderState.DONE, Decimal("77.05"), Decimal("77.05"))
    (shipment,) = order.shipments
    assert shipment.tracking_number == "TRK-GOLD"
    assert shipment.lines == (ShippedLine("ART-00001-M", Decimal("3.0")), ShippedLine("ART-00000-M", Decimal("3.0")))
    (invoice,) = order.invoices
    assert (invoice.kind, invoice.total_gross, invoice.issued_on) == (
        InvoiceKind.INVOICE,
        Decimal("77.05"),
        date(2026, 11, 24),
    )


def test_an_unknown_state_stays_unknown_with_its_code():
    order = mapping.erp_order(sale(state="haunted"))
    assert (order.state, order.raw_state) == (ErpOrderState.UNKNOWN, "haunted")


def test_a_done_sale_whose_goods_were_all_cancelled_is_cancelled():
    rows = [msgspec.structs.replace(m, state="cancelled") for m in sale().moves]
    assert mapping.erp_order(sale(moves=rows, invoices=[])).state is ErpOrderState.CANCELLED


def test_a_payment_that_failed_counts_nothing():
    assert mapping.erp_order(sale(payments=[msgspec.structs.replace(sale().payments[0], state="failed")])).paid == 0


def test_italian_identifiers_get_tryton_types():
    assert mapping.identifiers(FiscalData(vat_number="00743110157", tax_code="rssmra85t10a562s")) == [
        ("eu_vat", "IT00743110157"), ("it_codicefiscale", "RSSMRA85T10A562S"),
    ]  # fmt: skip


def test_a_party_is_written_with_our_key_as_its_code():
    values = mapping.party_values(Party("Anna Verdi", "anna@example.it"), "shop-7", [{"city": "Torino"}])
    assert (values["code"], values["name"]) == ("shop-7", "Anna Verdi")
    assert values["contact_mechanisms"] == [("create", [{"type": "email", "value": "anna@example.it"}])]


def test_an_address_is_the_same_whatever_its_capitals():
    row = wire.AddressRow(1, "VIA GARIBALDI 5", "10122", "torino", "Anna Verdi", wire.Coded(1, "IT"))
    address = Address("Anna Verdi", street="Via Garibaldi 5", postal_code="10122", city="Torino", country="IT")
    assert mapping.same_address(row, address)
    assert not mapping.same_address(
        row, Address("Anna Verdi", street="Via Garibaldi 6", postal_code="10122", city="Torino", country="IT")
    )


def test_the_fields_asked_for_are_those_of_the_struct():
    assert wire.wanted(wire.PricedRow) == [
        "code", "sale_price_uom", "template.id", "template.account_category.id", "template.account_category.name",
        "template.account_category.customer_taxes.id", "template.account_category.customer_taxes.type",
        "template.account_category.customer_taxes.rate", "template.account_category.customer_taxes.parent",
    ]  # fmt: skip


def test_a_quantity_leaves_as_a_number_and_a_price_as_a_decimal():
    sent = msgspec.json.encode(wire.outgoing({"quantity": wire.Quantity("2.50"), "unit_price": Decimal("8.1967")}))
    assert sent == b'{"quantity":2.50,"unit_price":{"__class__":"Decimal","decimal":"8.1967"}}'
