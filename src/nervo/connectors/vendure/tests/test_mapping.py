"""Recorded answers of Vendure 3.7.3 (golden/, 2026-11-24) and what they mean to us."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nervo.connectors.vendure import mapping, wire
from nervo.model.fulfilment import FulfilmentStatus, ShippedLine
from nervo.model.orders import ChargeKind, OrderStatus, sum_of_parts
from nervo.model.payments import PaymentStatus

GOLDEN = Path(__file__).parent / "golden"
COUNTED = wire.GlobalSettings(outOfStockThreshold=0, trackInventory=True)


def order(name: str, **changes: Any) -> wire.Order:
    return msgspec.structs.replace(
        msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes(), type=wire.Order), **changes
    )


def variant(**changes: Any) -> wire.Variant:
    rows = msgspec.json.decode((GOLDEN / "variants.json").read_bytes(), type=list[wire.Variant])
    return msgspec.structs.replace(rows[0], **changes)


def level(location: str, on_hand: int, allocated: int) -> wire.StockLevel:
    return wire.StockLevel(location, on_hand, allocated)


def test_a_paid_order_is_read_to_the_cent():
    found = mapping.order(order("order_paid"))
    assert (found.external_id, found.number, found.status, found.raw_status) == (
        "9",
        "VSA3XXDY9CQ3ATJT",
        OrderStatus.OPEN,
        "PaymentSettled",
    )
    assert (found.total_gross, found.total_tax, found.currency) == (Decimal("65.90"), Decimal("11.88"), "EUR")
    first = found.lines[0]
    assert (first.sku, first.quantity, first.total_net, first.total_tax, first.total_gross, first.tax_rate) == (
        "G-M", Decimal(3), Decimal("37.50"), Decimal("8.25"), Decimal("45.75"), Decimal("0.22"),
    )  # fmt: skip
    assert sum_of_parts(found) == found.total_gross


def test_shipping_is_a_charge_with_its_tax():
    (shipping,) = mapping.order(order("order_paid")).charges
    assert (shipping.kind, shipping.title, shipping.total_net, shipping.total_tax, shipping.total_gross) == (
        ChargeKind.SHIPPING, "Corriere", Decimal("4.02"), Decimal("0.88"), Decimal("4.90"),
    )  # fmt: skip


def test_the_customer_comes_with_both_addresses_even_where_only_one_was_given():
    found = mapping.order(order("order_paid"))
    assert (found.customer.name, found.customer.email, found.customer.external_id) == (
        "Anna Verdi",
        "anna@example.it",
        "1",
    )
    assert found.billing == found.shipping
    assert (found.shipping.city, found.shipping.province, found.shipping.country) == ("Torino", "TO", "IT")


def test_a_settled_payment_is_paid_with_the_gateways_reference():
    found = mapping.order(order("order_paid"))
    (payment,) = found.payments
    assert (payment.status, payment.amount, payment.reference) == (PaymentStatus.PAID, Decimal("65.90"), "nt6whu4qaf")
    assert found.payment_status is PaymentStatus.PAID


def test_a_partly_shipped_order_says_what_left():
    found = mapping.order(order("order_partly_shipped"))
    assert found.fulfilment_status is FulfilmentStatus.PARTIALLY_FULFILLED
    assert found.fulfilments
    assert all(
        isinstance(line, ShippedLine) and line.sku.startswith("G-") for f in found.fulfilments for line in f.lines
    )


def test_a_cancelled_order_is_cancelled_and_owes_nothing():
    found = mapping.order(order("order_cancelled"))
    assert (found.status, found.total_gross) == (OrderStatus.CANCELLED, Decimal(0))


def test_a_line_that_was_cancelled_whole_is_left_out():
    row = order("order_paid")
    gone = msgspec.structs.replace(row.lines[1], quantity=0, proratedLinePrice=0, proratedLinePriceWithTax=0)
    found = mapping.order(msgspec.structs.replace(row, lines=[row.lines[0], gone]))
    assert [line.sku for line in found.lines] == ["G-M"]


def test_an_unknown_state_is_unknown_and_keeps_its_name():
    found = mapping.order(order("order_paid", state="AwaitingDrone"))
    assert (found.status, found.raw_status) == (OrderStatus.UNKNOWN, "AwaitingDrone")


def test_an_unknown_payment_state_is_unknown():
    row = order("order_paid")
    odd = msgspec.structs.replace((row.payments or [])[0], state="Pondering")
    found = mapping.order(msgspec.structs.replace(row, state="ArrangingAdditionalPayment", payments=[odd]))
    assert found.payments[0].status is PaymentStatus.UNKNOWN
    assert found.payment_status is PaymentStatus.UNKNOWN


def test_a_surcharge_is_a_fee_and_a_negative_one_a_discount():
    fee = wire.Surcharge(id="1", description="Contrassegno", price=410, priceWithTax=500, taxRate=Decimal(22))
    cut = wire.Surcharge(id="2", description="Buono", price=-820, priceWithTax=-1000, taxRate=Decimal(22))
    kinds = [(c.kind, c.total_gross) for c in mapping.order(order("order_paid", surcharges=[fee, cut])).charges[1:]]
    assert kinds == [(ChargeKind.FEE, Decimal("5.00")), (ChargeKind.DISCOUNT, Decimal("-10.00"))]


def test_versions_rise_with_the_order_although_its_times_have_whole_seconds():
    paid, shipped, cancelled = (order(f"order_{n}") for n in ("paid", "partly_shipped", "cancelled"))
    same = {"updatedAt": datetime(2026, 11, 24, 15, 39, 3, tzinfo=UTC)}
    versions = [mapping.version(msgspec.structs.replace(row, **same)) for row in (paid, shipped, cancelled)]
    assert versions == sorted(versions)
    assert len(set(versions)) == 3


def test_what_may_be_sold_is_on_hand_less_allocated_less_the_threshold():
    row = variant(stockLevels=[level("1", 8, 1), level("2", 3, 0)])
    assert mapping.quantity(row, COUNTED) == 10
    assert mapping.quantity(row, wire.GlobalSettings(outOfStockThreshold=4, trackInventory=True)) == 6


def test_a_variant_that_is_not_counted_has_no_quantity():
    assert mapping.quantity(variant(trackInventory="FALSE"), COUNTED) is None
    assert mapping.quantity(variant(trackInventory="INHERIT"), wire.GlobalSettings(0, False)) is None


@pytest.mark.parametrize("allocated", [0, 1, 5])
@pytest.mark.parametrize("available", [0, 1, 40])
def test_the_figure_to_write_counts_what_is_allocated_once(available: int, allocated: int):
    row = variant(stockLevels=[level("1", 8, allocated), level("2", 3, 0)])
    location, figure = mapping.on_hand_for(row, COUNTED, available, "")
    assert location == "1"
    written = variant(stockLevels=[level("1", figure, allocated), level("2", 3, 0)])
    assert mapping.quantity(written, COUNTED) == available


def test_a_location_that_the_variant_does_not_have_yet_is_written_from_nothing():
    assert mapping.on_hand_for(variant(stockLevels=[level("1", 8, 1)]), COUNTED, 20, "9") == ("9", 13)


def test_a_listing_has_the_stored_price_and_the_ids_that_writes_need():
    found = mapping.listing(variant(), COUNTED, "EUR")
    assert (found.sku, found.price, found.remote) == ("G-M", Decimal("15.25"), {"variant": "5", "product": "3"})
    assert mapping.listing(variant(), COUNTED, "CHF").price is None


def test_a_slug_is_plain():
    assert mapping.slug("Caffè & Tè") == "caffe-te"
    assert mapping.slug("日本") == "x"
