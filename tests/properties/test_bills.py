"""What shops bill arrives to the minor unit: it adds up, with its rounding named, or the order is held; nothing is changed."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nervo.connectors.rehearsal_erp.mapping import new_order
from nervo.connectors.shopify import mapping as shopify
from nervo.connectors.shopify import wire as shopify_wire
from nervo.connectors.vendure import mapping as vendure
from nervo.connectors.vendure import wire as vendure_wire
from nervo.connectors.woocommerce import mapping as woocommerce
from nervo.connectors.woocommerce import wire as woocommerce_wire
from nervo.model.catalog import Product, Variant
from nervo.model.money import quantum
from nervo.model.orders import ChargeKind, Order, sum_of_parts
from nervo.ports.erp import OrderDraft
from nervo.store import facts
from nervo.sync.orders import doubt_about
from tests.properties import bills
from tests.properties.bills import Bill
from tests.properties.ground import fresh
from tests.properties.profile import counted, examples
from tests.properties.test_money import floats_in


def from_woocommerce(bill: Bill) -> tuple[Order, str]:
    row = bills.woocommerce(bill)
    return woocommerce.order(msgspec.json.decode(json.dumps(row), type=woocommerce_wire.Order)), row["total"]


def from_shopify(bill: Bill) -> tuple[Order, str]:
    row = bills.shopify(bill)
    order = shopify.order(msgspec.json.decode(json.dumps(row), type=shopify_wire.Order))
    return order, row["totalPriceSet"]["shopMoney"]["amount"]


def from_vendure(bill: Bill) -> tuple[Order, str]:
    row = bills.vendure(bill)
    order = vendure.order(msgspec.json.decode(json.dumps(row), type=vendure_wire.Order))
    return order, bill.text(row["totalWithTax"] * bill.unit)


SHOPS = {"woocommerce": from_woocommerce, "shopify": from_shopify, "vendure": from_vendure}


@pytest.mark.fault(48)
@pytest.mark.parametrize("shop", SHOPS)
@given(bill=bills.BILLS)
@examples(60)
@counted
def test_a_bill_arrives_as_it_was_made_or_is_held(shop: str, bill: Bill) -> None:
    order, total = SHOPS[shop](bill)
    store = fresh()
    store.write(lambda tx: facts.put_products(tx, [Product("A", "A", (Variant("A"),))], 1))
    doubt = store.db.read_now(lambda tx: doubt_about(tx, order))
    assert order.total_gross == Decimal(total)
    assert floats_in(order) == []
    assert all(part.total_net + part.total_tax == part.total_gross for part in (*order.lines, *order.charges))
    assert (doubt is None) == (sum_of_parts(order) == order.total_gross)
    rounding = [c for c in order.charges if c.kind is ChargeKind.ROUNDING]
    assert (
        sum(abs(c.total_gross) for c in rounding)
        <= (len(order.lines) + len(order.charges)) * quantum(order.currency) / 2
    )
    if shop != "woocommerce" or not bill.on_subtotal:
        explained = shop == "woocommerce" and rounding
        assert (doubt is None) == (bill.off == 0 or bool(explained))
        assert bool(rounding) <= (bill.off != 0)


@pytest.mark.parametrize("shop", SHOPS)
@given(bill=bills.BILLS)
@examples(40)
@counted
def test_every_line_and_charge_is_there_with_the_amount_that_was_billed(shop: str, bill: Bill) -> None:
    order, _ = SHOPS[shop](bill)
    assert [(line.sku, line.quantity) for line in order.lines] == [("A", Decimal(n)) for n, _, _, _ in bill.lines]
    shown = [
        x.total_gross for x in (*order.lines, *order.charges) if getattr(x, "kind", None) is not ChargeKind.ROUNDING
    ]
    exact = [net + tax for net, tax in bill.parts()]
    assert len(shown) == len(exact)
    assert all(abs(Fraction(s) - e) <= bill.unit for s, e in zip(shown, exact, strict=True))


@given(bill=bills.BILLS, shop=st.sampled_from(sorted(SHOPS)))
@examples(40)
@counted
def test_the_document_for_the_erp_bills_the_same(bill: Bill, shop: str) -> None:
    order, _ = SHOPS[shop](bill)
    made = new_order(OrderDraft("key", order, "C1"))
    billed = sum((x.gross for x in (*made.lines, *made.charges)), Decimal(0))
    assert (billed, made.total, made.currency) == (sum_of_parts(order), order.total_gross, order.currency)
