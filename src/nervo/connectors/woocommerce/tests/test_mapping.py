"""WooCommerce's answers as ours: literal pairs."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nervo.connectors.woocommerce import mapping, wire
from nervo.connectors.woocommerce.fiscal import fiscal_data
from nervo.model.fulfilment import Fulfilment, FulfilmentStatus, ShippedLine
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, OrderStatus, sum_of_parts
from nervo.model.parties import Address, FiscalData, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.returns import Refund, ReturnLine
from nervo.ports.shop import Listing

GOLDEN = Path(__file__).parent / "golden"
RATE = Decimal("0.22")
ADDRESS = Address("Niccolò D'Angiò", "Caffè & Tè S.r.l.", "Via dell'Orso 7", "scala B", "20121", "Milano", "MI", "IT",
                  "+39 02 000000", "nic@example.it")  # fmt: skip


def read(name: str, type: Any, **changes: Any) -> Any:
    row = msgspec.json.decode((GOLDEN / name).read_bytes(), type=type)
    return msgspec.structs.replace(row, **changes) if changes else row


def order(**changes: Any) -> Order:
    return mapping.order(read("order_paid.json", wire.Order, **changes))


def d(text: str) -> Decimal:
    return Decimal(text)


PAID = Order(
    external_id="1042", number="1042", version="2026-11-24T10:15:09-05-001-000", status=OrderStatus.OPEN, raw_status="processing",
    payment_status=PaymentStatus.PARTIALLY_REFUNDED, fulfilment_status=FulfilmentStatus.UNFULFILLED, currency="EUR",
    lines=(
        OrderLine("1", "MUG-1", "Tazza", d("2"), d("29.36"), d("6.46"), d("35.82"), RATE, d("3.98")),
        OrderLine("2", None, "", d("1"), d("0.00"), d("0.00"), d("0.00"), d("0"), d("0.00")),
    ),
    total_gross=d("47.35"), total_tax=d("8.55"), placed_at=datetime(2026, 11, 24, 10, 15, 2, tzinfo=UTC),
    updated_at=datetime(2026, 11, 24, 10, 15, 9, tzinfo=UTC),
    customer=Party(
        "Niccolò D'Angiò", "nic@example.it", "+39 02 000000", "7", "Caffè & Tè S.r.l.", is_company=True,
        fiscal=FiscalData("01234567890", "01234567890", "ABC1234", "caffe@pec.example.it", wants_invoice=True),
    ),
    billing=ADDRESS, shipping=ADDRESS,
    charges=(
        Charge(ChargeKind.SHIPPING, "Corriere", d("4.02"), d("0.88"), d("4.90"), RATE, "flat_rate"),
        Charge(ChargeKind.FEE, "Confezione regalo", d("7.24"), d("1.59"), d("8.83"), RATE),
        Charge(ChargeKind.DISCOUNT, "Buono soci", d("-1.82"), d("-0.38"), d("-2.20"), RATE),
    ),
    payments=(
        Payment("ch_123", "stripe", PaymentStatus.PAID, d("47.35"), "EUR", "ch_123", datetime(2026, 11, 24, 10, 15, 8, tzinfo=UTC)),
    ),
    refunds=(
        Refund("1050", d("5.00"), "EUR", (ReturnLine("MUG-1", d("1")),), datetime(2026, 11, 24, 11, tzinfo=UTC), "rotta"),
    ),
    note="Citofono 3 ☕",
)  # fmt: skip


def test_a_paid_order_with_coupon_fees_fiscal_data_and_a_refund() -> None:
    refunds = read("refunds.json", list[wire.Refund])
    found = mapping.order(read("order_paid.json", wire.Order), refunds)
    assert found == PAID
    assert sum_of_parts(found) == found.total_gross


def test_products_and_variations_become_listings() -> None:
    assert [mapping.listing(row) for row in read("products.json", list[wire.Product])] == [
        Listing("MUG-1", {"product": "10"}, 7, d("19.90"), None, "8001234567890", "Tazza"),
        Listing("DISH-1", {"product": "11"}, None, d("8"), d("10"), None, "Piatto"),
        Listing("DISH-2", {"product": "12"}, -3, d("10"), None, None, "Piatto fondo"),
        Listing("SHIRT-S", {"product": "14", "variation": "15"}, None, None, None, None, "S"),
    ]


STATES = [
    ("pending", False, OrderStatus.PENDING, PaymentStatus.PENDING),
    ("failed", False, OrderStatus.PENDING, PaymentStatus.PENDING),
    ("on-hold", False, OrderStatus.OPEN, PaymentStatus.PENDING),
    ("processing", False, OrderStatus.OPEN, PaymentStatus.AUTHORISED),
    ("processing", True, OrderStatus.OPEN, PaymentStatus.PAID),
    ("completed", True, OrderStatus.COMPLETED, PaymentStatus.PAID),
    ("refunded", True, OrderStatus.COMPLETED, PaymentStatus.REFUNDED),
    ("cancelled", False, OrderStatus.CANCELLED, PaymentStatus.VOIDED),
    ("trash", False, OrderStatus.CANCELLED, PaymentStatus.VOIDED),
    ("spedito", True, OrderStatus.UNKNOWN, PaymentStatus.PAID),
    ("spedito", False, OrderStatus.UNKNOWN, PaymentStatus.UNKNOWN),
]


@pytest.mark.parametrize(("raw", "paid", "status", "payment"), STATES)
def test_a_status_means_what_the_table_says(raw: str, paid: bool, status: OrderStatus, payment: PaymentStatus) -> None:
    changes = {} if paid else {"date_paid_gmt": None}
    found = order(status=raw, refunds=[], **changes)
    assert (found.status, found.raw_status, found.payment_status) == (status, raw, payment)


def test_a_completed_order_in_the_trash_is_not_called_off() -> None:
    assert order(status="trash", date_completed_gmt=datetime(2026, 11, 25)).status is OrderStatus.COMPLETED  # noqa: DTZ001


def test_tax_rounded_on_the_subtotal_leaves_a_rounding_charge() -> None:
    found = order(total=d("47.36"), total_tax=d("8.56"))
    assert found.charges[-1] == Charge(ChargeKind.ROUNDING, "Rounding", d("0.00"), d("0.01"), d("0.01"))
    assert sum_of_parts(found) == found.total_gross


def test_a_total_that_differs_by_more_stays_different() -> None:
    found = order(total=d("47.45"))
    assert sum_of_parts(found) != found.total_gross


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("-1"), Decimal("Infinity")])
def test_what_is_no_price_is_never_written(bad: Decimal) -> None:
    with pytest.raises(ValueError):
        mapping.prices(bad, None)


def test_a_price_is_text_with_a_dot_and_no_exponent() -> None:
    assert mapping.prices(d("12.50"), None) == {"regular_price": "12.50", "sale_price": ""}
    assert mapping.prices(d("1E+3"), d("1200")) == {"regular_price": "1200", "sale_price": "1000"}
    assert mapping.prices(d("12.50"), d("12.50")) == {"regular_price": "12.50", "sale_price": ""}


def test_shipments_of_ours_and_of_a_tracking_plug_in_are_read() -> None:
    at = datetime(2026, 11, 24, 15, tzinfo=UTC)
    sent = Fulfilment("OUT-1", (), "BRT", "T1", "https://t.example/T1")
    ours = mapping.our_record(sent, "key-1", {"MUG-1": d("1")}, at)
    theirs = mapping.tracking_record(replace(sent, tracking_number="T2", carrier="GLS"), "abc", at)
    meta = [
        wire.Meta(mapping.OURS, [ours]),
        wire.Meta(mapping.TRACKING, [mapping.tracking_record(sent, "key-1", at), theirs]),
    ]
    found = order(meta_data=meta)
    assert found.fulfilments == (
        Fulfilment("key-1", (ShippedLine("MUG-1", d("1")),), "BRT", "T1", "https://t.example/T1", at),
        Fulfilment("abc", (), "GLS", "T2", "https://t.example/T1", at),
    )
    assert found.fulfilment_status is FulfilmentStatus.PARTIALLY_FULFILLED


FISCAL = [
    (
        {"_billing_piva": "IT01234567890", "_billing_pec": "a@pec.it"},
        FiscalData("IT01234567890", "", "", "a@pec.it", True),
    ),
    ({"_billing_sdi_type": "a@pec.it", "_billing_invoice_type": "private"}, FiscalData("", "", "", "a@pec.it", False)),
    (
        {"_billing_PEC": "ABC1234", "_billing_cf2": "RSSMRA80A01F205X"},
        FiscalData("", "RSSMRA80A01F205X", "ABC1234", "", False),
    ),
    ({"_billing_cf": "01234567890"}, FiscalData("01234567890", "", "", "", True)),
    ({"_wc_billing/negozio/codice-fiscale": "RSSMRA80A01F205X"}, FiscalData(tax_code="RSSMRA80A01F205X")),
    ({"_billing_vat_number": " ", "_billing_sdi": "0000000"}, FiscalData(sdi_code="0000000")),
    ({"_something": "01234567890"}, FiscalData()),
]


@pytest.mark.parametrize(("meta", "fiscal"), FISCAL)
def test_fiscal_data_is_found_under_the_keys_of_many_plug_ins(meta: dict[str, str], fiscal: FiscalData) -> None:
    assert fiscal_data(meta) == fiscal
