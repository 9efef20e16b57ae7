"""Orders as Shopify answers (golden/, made by hand to the 2026-07 schema, checked against it in test_contract) and what they mean."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nervo.connectors.shopify import mapping, wire
from nervo.connectors.shopify.fiscal import fiscal_data
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.orders import Charge, ChargeKind, OrderLine, OrderStatus, sum_of_parts
from nervo.model.parties import FiscalData, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.returns import Refund, ReturnLine

GOLDEN = Path(__file__).parent / "golden"
D = Decimal
ZERO = D(0)


def wire_order(name: str = "order_gross", **changes: Any) -> wire.Order:
    row = msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes(), type=wire.Order)
    return msgspec.structs.replace(row, **changes)


def test_lines_of_a_shop_whose_prices_include_tax() -> None:
    order = mapping.order(wire_order())
    shirt, honey, card = order.lines
    assert shirt == OrderLine("1", "CAM-M", "Camicia - M", D(2), D("59.02"), D("12.98"), D("72.0"), D("0.22"), D("8.0"))
    assert (honey.total_net, honey.total_tax, honey.total_gross, honey.tax_rate) == (
        D("5.40"),
        D("0.54"),
        D("5.94"),
        D("0.1"),
    )
    assert (card.sku, card.total_gross, card.tax_rate, card.gift_card) == (None, D("50.0"), None, True)


def test_shipping_fees_and_tips_are_charges_and_the_whole_adds_up() -> None:
    order = mapping.order(wire_order())
    assert order.charges == (
        Charge(ChargeKind.SHIPPING, "Corriere espresso", D("4.19"), D("0.92"), D("5.11"), D("0.22"), "EXP"),
        Charge(ChargeKind.FEE, "Contrassegno", D("1.64"), D("0.36"), D("2.0"), D("0.22")),
        Charge(ChargeKind.TIP, "Tip", D("2.0"), ZERO, D("2.0")),
    )
    assert sum_of_parts(order) == order.total_gross == D("137.05")


def test_what_the_customer_paid_and_got_back() -> None:
    order = mapping.order(wire_order())
    assert order.payments == (
        Payment("2", "shopify_payments", PaymentStatus.PAID, D("87.05"), "EUR", "#1042.2", at("20T12:00:00")),
        Payment("3", "gift_card", PaymentStatus.PAID, D("50.0"), "EUR", "", at("20T10:00:00")),
    )  # fmt: skip
    assert order.refunds == (
        Refund("91", D("36.0"), "EUR", (ReturnLine("CAM-M", D(1)),), at("21T08:30:00"), "taglia errata"),
    )  # fmt: skip
    assert order.payment_status is PaymentStatus.PARTIALLY_REFUNDED


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC)


def test_a_cancelled_fulfilment_is_none() -> None:
    order = mapping.order(wire_order())
    lines = (ShippedLine("CAM-M", D(2)),)
    shipped = Fulfilment("81", lines, "BRT", "BRT123", "https://vas.brt.it/BRT123", at("20T15:00:00"))
    assert order.fulfilments == (shipped,)
    assert order.fulfilment_status is FulfilmentStatus.PARTIALLY_FULFILLED


def test_the_buyer_with_fiscal_data_from_wherever_the_shop_keeps_it() -> None:
    fiscal = FiscalData("01234567897", "DRCNCL80A01F205X", "ABC1234", "darco@pec.example", wants_invoice=True)
    assert mapping.order(wire_order()).customer == Party(
        "Niccolò D'Àrco", "niccolo@example.com", "+39025551234", "71", "D'Àrco S.r.l.", True, fiscal, "it-IT"
    )  # fmt: skip


def test_lines_of_a_shop_whose_prices_are_net() -> None:
    order = mapping.order(wire_order("order_net_cancelled"))
    (shirt,) = order.lines
    assert (shirt.total_net, shirt.total_tax, shirt.total_gross, shirt.tax_rate) == (
        D("35.0"),
        D("3.50"),
        D("38.50"),
        D("0.1"),
    )
    assert [(c.kind, c.total_gross) for c in order.charges] == [
        (ChargeKind.SHIPPING, D("2.0")),
        (ChargeKind.FEE, D("3.0")),
    ]
    assert sum_of_parts(order) == order.total_gross == D("43.5")


def test_a_discount_of_a_net_price_is_told_with_its_tax() -> None:
    row = wire_order("order_net_cancelled")
    row.lineItems.nodes[0].discountAllocations = [wire.Allocation(wire.MoneyBag(wire.Money(D("5.00"))))]
    assert mapping.order(row).lines[0].discount_gross == D("5.50")


def test_a_cancelled_order_of_a_company_whose_authorisation_was_voided() -> None:
    order = mapping.order(wire_order("order_net_cancelled"))
    assert (order.status, order.cancel_reason, order.payments) == (OrderStatus.CANCELLED, "INVENTORY", ())
    assert (order.raw_status, order.payment_status) == ("VOIDED/UNFULFILLED/CANCELLED", PaymentStatus.VOIDED)
    assert (order.customer.company, order.customer.is_company, order.customer.fiscal.vat_number) == (
        "Globex",
        True,
        "DE123456789",
    )
    assert order.shipping == order.billing


def test_an_open_authorisation_is_a_payment_still_to_be_taken() -> None:
    row = wire_order()
    row.transactions = row.transactions[:1]
    assert [p.status for p in mapping.order(row).payments] == [PaymentStatus.AUTHORISED]


@pytest.mark.parametrize("field", ["displayFinancialStatus", "displayFulfillmentStatus"])
def test_a_status_that_nobody_knows_is_unknown_and_kept(field: str) -> None:
    order = mapping.order(wire_order(**{field: "TELEPORTED"}))
    assert order.status is OrderStatus.UNKNOWN
    assert "TELEPORTED" in order.raw_status
    assert "unknown" in (order.payment_status, order.fulfilment_status)


def test_an_order_that_is_still_being_confirmed_waits() -> None:
    assert mapping.order(wire_order(confirmed=False)).status is OrderStatus.PENDING
    assert mapping.order(wire_order(closedAt=at("22T00:00:00"))).status is OrderStatus.COMPLETED


def test_a_later_reading_has_a_later_version_even_within_one_second() -> None:
    before, after = wire_order(), wire_order()
    before.transactions = before.transactions[:3]
    assert mapping.version(before) < mapping.version(after) < mapping.version(wire_order(cancelledAt=at("21T08:30:05")))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("P.IVA", "01234567897", FiscalData(vat_number="01234567897", wants_invoice=True)),
        ("codice_fiscale", "RSSMRA80A01H501U", FiscalData(tax_code="RSSMRA80A01H501U")),
        ("Codice Fiscale", "01234567897", FiscalData("01234567897", "01234567897", wants_invoice=True)),
        ("Codice destinatario", " ABC1234 ", FiscalData(sdi_code="ABC1234", wants_invoice=True)),
        ("Richiesta fattura", "Sì", FiscalData(wants_invoice=True)),
        ("colore", "rosso", FiscalData()),
    ],
)
def test_names_under_which_fiscal_data_come(key: str, value: str, expected: FiscalData) -> None:
    bare = {"metafields": wire.Connection([]), "localizedFields": wire.Connection([])}
    assert fiscal_data(wire_order(customAttributes=[wire.Attribute(key, value)], **bare)) == expected


def test_a_variant_that_is_not_counted_has_no_quantity() -> None:
    level = wire.Level([wire.Quantity("available", 4)])
    variant = wire.Variant("v", "Camicia", D("10.00"), wire.Ref("p"), wire.InventoryItem("i", True, level), "CAM")
    assert mapping.listing(variant).quantity == 4
    variant.inventoryItem.tracked = False
    assert mapping.listing(variant).quantity is None


def test_amounts_and_rates_stay_exact() -> None:
    row = msgspec.json.decode(b'{"priceSet":{"shopMoney":{"amount":"0.1"}},"rate":0.055}', type=wire.TaxLine)
    assert (row.rate, row.priceSet.amount) == (D("0.055"), D("0.1"))
