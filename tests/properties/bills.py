"""What shops bill, computed with fractions by each platform's own arithmetic, as their answers have it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from nervo import connectors
from nervo.model.money import exponent
from tests.properties.test_money import half_up, unit_of

GOLDEN = Path(next(iter(connectors.__path__)))
RATES = ("0", "4", "5", "10", "22", "7.7", "25.5")


@dataclass(frozen=True)
class Bill:
    """`lines`: (pieces, unit price in minor units, discount in per mille, rate in percent); `shipping`, `fee`: (minor, rate)."""

    currency: str
    lines: tuple[tuple[int, int, int, str], ...]
    shipping: tuple[int, str]
    fee: tuple[int, str] | None
    includes_tax: bool
    on_subtotal: bool
    off: int

    @property
    def unit(self) -> Fraction:
        return unit_of(self.currency)

    def parts(self) -> list[tuple[Fraction, Fraction]]:
        """Exact (net, tax) of each line, then of shipping, then of the fee."""
        whole = [(n * unit * Fraction(1000 - off, 1000), rate) for n, unit, off, rate in self.lines]
        whole += [(Fraction(minor), rate) for minor, rate in (self.shipping, *([self.fee] if self.fee else []))]
        return [self.split(amount * self.unit, Fraction(rate) / 100) for amount, rate in whole]

    def split(self, amount: Fraction, rate: Fraction) -> tuple[Fraction, Fraction]:
        net = amount / (1 + rate) if self.includes_tax else amount
        return net, net * rate

    def whole(self, amount: Fraction) -> Fraction:
        return half_up(amount, self.unit)

    def text(self, amount: Fraction) -> str:
        minor = amount / self.unit
        assert minor.denominator == 1
        digits, places = f"{abs(int(minor)):0{exponent(self.currency) + 1}}", exponent(self.currency)
        return ("-" if amount < 0 else "") + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


BILLS = st.builds(
    Bill,
    currency=st.sampled_from(["EUR", "EUR", "JPY", "KWD"]),
    lines=st.lists(
        st.tuples(st.integers(1, 12), st.integers(0, 30_000), st.sampled_from([0, 0, 100, 333, 1000]), st.sampled_from(RATES)),
        min_size=1, max_size=6,
    ).map(tuple),
    shipping=st.tuples(st.integers(0, 2_000), st.sampled_from(RATES)),
    fee=st.one_of(st.none(), st.tuples(st.integers(-500, 500), st.sampled_from(RATES))),
    includes_tax=st.booleans(),
    on_subtotal=st.booleans(),
    off=st.sampled_from([0, 0, 0, 1, -1, 100, -5_000]),
)  # fmt: skip


def golden(connector: str, name: str) -> Any:
    return json.loads((GOLDEN / connector / "tests" / "golden" / name).read_text(encoding="utf-8"))


def woocommerce(bill: Bill) -> dict[str, Any]:
    """Taxes are rounded for each part, or (an option of the shop) once on their sum."""
    row, text, parts = golden("woocommerce", "order_paid.json"), bill.text, bill.parts()
    shown = [(bill.whole(net), bill.whole(tax)) for net, tax in parts]
    tax = bill.whole(sum(t for _, t in parts)) if bill.on_subtotal else sum(t for _, t in shown)
    net = bill.whole(sum(n for n, _ in parts)) if bill.on_subtotal else sum(n for n, _ in shown)
    rates = {rate: i for i, rate in enumerate(RATES, 1)}

    def amounts(i: int, rate: str) -> dict[str, Any]:
        net, tax = (text(x) for x in shown[i])
        return {"id": i, "total": net, "total_tax": tax, "taxes": [{"id": rates[rate], "total": tax}]}

    size = len(bill.lines)
    row |= {
        "currency": bill.currency, "total": text(net + tax + bill.off * bill.unit), "total_tax": text(tax), "refunds": [],
        "line_items": [
            {"name": "A", "sku": "A", "quantity": n, "subtotal": text(shown[i][0]), "subtotal_tax": text(shown[i][1]), **amounts(i, rate)}
            for i, (n, _, _, rate) in enumerate(bill.lines)
        ],
        "shipping_lines": [{"method_title": "Corriere", "method_id": "x", **amounts(size, bill.shipping[1])}],
        "fee_lines": [{"name": "Fee", **amounts(size + 1, bill.fee[1])}] if bill.fee else [],
        "tax_lines": [{"rate_id": i, "rate_percent": float(rate), "compound": False} for rate, i in rates.items()],
    }  # fmt: skip
    return row


def shopify(bill: Bill) -> dict[str, Any]:
    """Prices with or without their tax, the tax of each part rounded, discounts allocated to lines."""
    row, text = golden("shopify", "order_gross.json"), bill.text
    total, tax_total, lines = Fraction(0), Fraction(0), []

    def bag(amount: Fraction) -> dict[str, Any]:
        return {"shopMoney": {"amount": text(amount)}}

    def taxed(amount: Fraction, rate: str) -> list[dict[str, Any]]:
        nonlocal total, tax_total
        tax = bill.whole(bill.split(amount, Fraction(rate) / 100)[1])
        total, tax_total = total + amount + (0 if bill.includes_tax else tax), tax_total + tax
        return [{"priceSet": bag(tax), "rate": float(rate) / 100}]

    for i, (n, minor, off, rate) in enumerate(bill.lines):
        full = n * minor * bill.unit
        cut = bill.whole(full * off / 1000)
        lines.append({
            "id": f"gid://shopify/LineItem/{i}", "title": "A", "quantity": n, "isGiftCard": False, "sku": "A",
            "originalTotalSet": bag(full), "discountAllocations": [{"allocatedAmountSet": bag(cut)}], "taxLines": taxed(full - cut, rate),
        })  # fmt: skip
    sent, fee = bill.shipping[0] * bill.unit, bill.fee[0] * bill.unit if bill.fee else Fraction(0)
    row |= {
        "currencyCode": bill.currency, "taxesIncluded": bill.includes_tax, "lineItems": {"nodes": lines},
        "shippingLines": {"nodes": [{"title": "S", "discountedPriceSet": bag(sent), "taxLines": taxed(sent, bill.shipping[1])}]},
        "additionalFees": [{"name": "F", "price": bag(fee), "taxLines": taxed(fee, bill.fee[1])}] if bill.fee else [],
        "totalTipReceivedSet": bag(Fraction(0)), "originalTotalDutiesSet": None, "transactions": [], "refunds": [],
    }  # fmt: skip
    return row | {"totalPriceSet": bag(total + bill.off * bill.unit), "totalTaxSet": bag(tax_total)}


def vendure(bill: Bill) -> dict[str, Any]:
    """Whole minor units; net and gross of each line are rounded by themselves."""
    shown = [(int(bill.whole(net) / bill.unit), int(bill.whole(net + tax) / bill.unit)) for net, tax in bill.parts()]
    size = len(bill.lines)
    lines = [
        {
            "id": str(i), "quantity": n, "orderPlacedQuantity": n, "taxRate": float(rate), "linePriceWithTax": shown[i][1],
            "proratedLinePrice": shown[i][0], "proratedLinePriceWithTax": shown[i][1], "productVariant": {"sku": "A", "name": "A"},
        }
        for i, (n, _, _, rate) in enumerate(bill.lines)
    ]  # fmt: skip
    sent = {"id": "1", "discountedPrice": shown[size][0], "discountedPriceWithTax": shown[size][1],
            "shippingMethod": {"code": "s", "name": "S"}}  # fmt: skip
    fees = [{"id": "1", "description": "F", "price": net, "priceWithTax": gross, "taxRate": float(bill.fee[1])}
            for net, gross in shown[size + 1 :] if bill.fee]  # fmt: skip
    at = "2026-11-24T12:00:00.000Z"
    return {
        "id": "7", "code": "CODE7", "state": "PaymentSettled", "createdAt": at, "updatedAt": at, "orderPlacedAt": at,
        "currencyCode": bill.currency, "total": sum(n for n, _ in shown) + bill.off, "totalWithTax": sum(g for _, g in shown) + bill.off,
        "lines": lines, "surcharges": fees, "shippingLines": [sent], "payments": [], "fulfillments": [],
    }  # fmt: skip
