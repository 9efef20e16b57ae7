"""Sale lines that add up to what the customer paid, with Tryton's own taxes."""

from decimal import ROUND_HALF_EVEN, Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from nervo.connectors.tryton import wire
from nervo.connectors.tryton.lines import LineWriter
from nervo.errors import Rejected
from nervo.model.money import rounded
from nervo.model.orders import Charge, ChargeKind, OrderLine

TAXES = [
    wire.Tax(1, "percentage", wire.WireDecimal(Decimal("0.22"))),
    wire.Tax(2, "percentage", wire.WireDecimal(Decimal("0.10"))),
]


class Books:
    """Products with their taxes, as the client reads them."""

    settings = SimpleNamespace(shipping_product="SPED")

    def __init__(self, **rates: int) -> None:
        self.rates = rates

    async def find(self, model: str, domain: list[Any], kind: Any) -> list[Any]:
        if model == "account.tax":
            return TAXES
        category = {tax.id: wire.AccountCategory(1, "IVA", [tax]) for tax in TAXES}
        asked = domain[0][2]
        return [
            wire.SellableRow(n, sku, 1, wire.TemplateTaxes(n, category[tax]))
            for n, (sku, tax) in enumerate(self.rates.items(), 10)
            if sku in asked
        ]

    async def rpc(self, *call: Any, **options: Any) -> Any:
        return {"unit_price": {"digits": "[null, 4]"}}


def line(sku: str | None, gross: str, rate: str = "0.22", quantity: int = 1) -> OrderLine:
    net = rounded(Decimal(gross) / (1 + Decimal(rate)), "EUR")
    return OrderLine(
        "1", sku, sku or "Senza codice", Decimal(quantity), net, Decimal(gross) - net, Decimal(gross), Decimal(rate)
    )


def order(*lines: OrderLine, charges: tuple[Charge, ...] = ()) -> Any:
    return SimpleNamespace(number="7", currency="EUR", lines=lines, charges=charges)


def shipping(gross: str) -> Charge:
    net = rounded(Decimal(gross) / Decimal("1.22"), "EUR")
    return Charge(ChargeKind.SHIPPING, "Corriere", net, Decimal(gross) - net, Decimal(gross))


def total(lines: list[dict[str, Any]]) -> Decimal:
    """What Tryton makes of them: rounded nets, and per tax and sign the tax on their sum; halves to the even cent."""
    rate = {(1,): Decimal("0.22"), (2,): Decimal("0.10"), (): Decimal(0)}
    taxes: dict[Any, Decimal] = {}
    nets = Decimal(0)
    for row in lines:
        amount, of = Decimal(row["quantity"]) * row["unit_price"], tuple(row["taxes"][0][1]) if row.get("taxes") else ()
        nets += amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        taxes[of, amount >= 0] = taxes.get((of, amount >= 0), Decimal(0)) + amount * rate[of]
    return nets + sum((tax.quantize(Decimal("0.01"), ROUND_HALF_EVEN) for tax in taxes.values()), Decimal(0))


async def test_lines_of_two_rates_and_shipping_add_up():
    sold = order(line("A", "12.20", quantity=2), line("B", "9.99", "0.10", 3), charges=(shipping("4.90"),))
    values = await LineWriter(Books(A=1, B=2, SPED=1)).values(sold)  # type: ignore[arg-type]
    assert [(v.get("product"), v["taxes"][0][1]) for v in values] == [(10, [1]), (11, [2]), (12, [1])]
    assert total(values) == Decimal("27.09")


async def test_a_gross_that_no_net_gives_gets_a_rounding_line_without_tax():
    values = await LineWriter(Books(A=1)).values(order(line("A", "29.97")))  # type: ignore[arg-type]
    assert [v["description"] for v in values] == ["A", "Arrotondamento"]
    assert values[1]["unit_price"] == Decimal("-0.01")
    assert "taxes" not in values[1]
    assert total(values) == Decimal("29.97")


async def test_half_a_cent_of_tax_that_tryton_rounds_down_is_carried_by_the_rounding_line():
    values = await LineWriter(Books(A=1)).values(order(line("A", "0.92")))  # type: ignore[arg-type]
    assert (total(values), values[-1]["unit_price"]) == (Decimal("0.92"), Decimal("0.01"))


async def test_a_hundred_pieces_whose_price_has_too_few_decimals_add_up():
    values = await LineWriter(Books(A=1)).values(order(line("A", "100.01", quantity=300)))  # type: ignore[arg-type]
    assert total(values) == Decimal("100.01")


async def test_a_sale_that_adds_up_has_no_rounding_line():
    values = await LineWriter(Books(A=1)).values(order(line("A", "12.20")))  # type: ignore[arg-type]
    assert [v["description"] for v in values] == ["A"]


async def test_every_sku_that_tryton_does_not_have_is_named():
    with pytest.raises(Rejected) as refused:
        await LineWriter(Books(A=1)).values(order(line("A", "1.00"), line("X", "1.00"), line("Y", "1.00")))  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.said) == ("sku_unknown", "X, Y")


async def test_a_line_without_a_sku_is_for_a_person():
    with pytest.raises(Rejected) as refused:
        await LineWriter(Books()).values(order(line(None, "1.00")))  # type: ignore[arg-type]
    assert refused.value.code == "line_without_sku"


async def test_a_rate_that_tryton_does_not_have_is_for_a_person():
    with pytest.raises(Rejected) as refused:
        await LineWriter(Books(A=1)).values(order(line("A", "1.04", "0.04")))  # type: ignore[arg-type]
    assert refused.value.code == "tax_rate_unknown"


async def test_the_channels_rate_wins_over_the_products_own():
    values = await LineWriter(Books(A=1)).values(order(line("A", "11.00", "0.10")))  # type: ignore[arg-type]
    assert values[0]["taxes"] == [("add", [2])]
