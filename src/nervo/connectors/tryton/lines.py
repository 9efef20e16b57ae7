"""Sale lines as Tryton takes them: create() runs no on_change, so product, unit, price and taxes are all given."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from nervo.connectors.tryton import wire
from nervo.connectors.tryton.client import Client
from nervo.connectors.tryton.totals import Amounts, fitted, made, unit_price
from nervo.errors import Rejected
from nervo.model.money import quantum
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine
from nervo.model.units import ZERO

# More than this many cents is no rounding: the sale then differs from the order, and the hub asks a person.
MOST_ROUNDED = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A line or charge with what Tryton needs of it."""

    title: str
    quantity: Decimal
    amounts: Amounts
    taxes: tuple[int, ...]
    product: wire.SellableRow | None


class LineWriter:
    """Makes sale lines; keeps the taxes and the number of price decimals it has read."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._taxes: list[wire.Tax] | None = None
        self._digits = 0

    async def values(self, order: Order) -> list[dict[str, Any]]:
        """The lines and charges of an order. Raises Rejected with every SKU that Tryton does not have."""
        products = await self._products(order)
        parts = [
            await self._line(line, products[line.sku or ""], order.currency) for line in order.lines if line.quantity
        ]
        shipping = products.get(self.client.settings.shipping_product)
        charges = [
            await self._charge(c, shipping, order.currency)
            for c in order.charges
            if c.kind is not ChargeKind.ROUNDING and (c.total_gross or c.total_net)
        ]
        parts += charges
        amounts = [part.amounts for part in parts]
        nets, digits = fitted(amounts, order.currency), await self._price_digits()
        rounding = sum((c.total_gross for c in order.charges if c.kind is ChargeKind.ROUNDING), ZERO)
        lines = [_values(part, net, digits) for part, net in zip(parts, nets, strict=True)]
        prices = [
            (line["unit_price"], part.quantity, part.amounts.rate) for part, line in zip(parts, lines, strict=True)
        ]
        missed = sum((part.gross for part in amounts), ZERO) - made(prices, order.currency)
        if abs(missed) <= MOST_ROUNDED * quantum(order.currency):
            rounding += missed
        return [*lines, _rounding(rounding)] if rounding else lines

    async def _products(self, order: Order) -> dict[str, wire.SellableRow]:
        nameless = [line.title for line in order.lines if not line.sku and line.quantity]
        if nameless:
            raise Rejected(f"writing order {order.number} to Tryton", ", ".join(nameless), code="line_without_sku", order=order.number,
                           fix="Give the product a SKU in the shop, then press Retry.")  # fmt: skip
        wanted = {line.sku for line in order.lines if line.sku and line.quantity}
        asked = sorted(wanted | {self.client.settings.shipping_product})
        found = {
            row.code: row
            for row in await self.client.find("product.product", [["code", "in", asked]], wire.SellableRow)
        }
        if missing := sorted(wanted - found.keys()):
            raise Rejected(f"writing order {order.number} to Tryton", ", ".join(missing), code="sku_unknown", order=order.number,
                           skus=missing, fix="Create these products in Tryton or map them, then press Retry.")  # fmt: skip
        return found

    async def _line(self, line: OrderLine, product: wire.SellableRow, currency: str) -> Part:
        category = product.template.account_category if product.template else None
        own = category.customer_taxes if category else []
        rate, taxes = await self._tax(line.tax_rate, line.total_net, line.total_tax, own, currency)
        return Part(line.title, line.quantity, Amounts(line.total_net, line.total_gross, rate), taxes, product)

    async def _charge(self, charge: Charge, shipping: wire.SellableRow | None, currency: str) -> Part:
        product = shipping if charge.kind is ChargeKind.SHIPPING else None
        category = product.template.account_category if product and product.template else None
        own = category.customer_taxes if category else []
        rate, taxes = await self._tax(charge.tax_rate, charge.total_net, charge.total_tax, own, currency)
        return Part(
            charge.title or charge.kind.value,
            Decimal(1),
            Amounts(charge.total_net, charge.total_gross, rate),
            taxes,
            product,
        )

    async def _tax(
        self, rate: Decimal | None, net: Decimal, tax: Decimal, own: Sequence[wire.Tax], currency: str
    ) -> tuple[Decimal, tuple[int, ...]]:
        """The rate and Tryton's taxes for it: the product's own where they fit, else the only tax with that rate."""
        if self._taxes is None:
            self._taxes = await self.client.find(
                "account.tax", [["parent", "=", None], ["type", "=", "percentage"]], wire.Tax
            )
        if rate is None:
            rate = ZERO if not tax else _rate_of(net, tax, [*own, *self._taxes], currency)
        if sum((t.rate.decimal for t in own if t.rate), ZERO) == rate and own:
            return rate, tuple(t.id for t in own)
        same = [t.id for t in self._taxes if t.rate and t.rate.decimal == rate]
        if len(same) == 1 or not rate:
            return rate, tuple(same[:1])
        raise Rejected("choosing the tax in Tryton", f"{len(same)} taxes of {rate * 100:f} %", code="tax_rate_unknown", rate=rate,
                       fix="Keep exactly one active tax of this rate in Tryton, or give it to the product.")  # fmt: skip

    async def _price_digits(self) -> int:
        if not self._digits:
            fields = await self.client.rpc(
                "sale.line", "fields_get", ["unit_price"], type=dict[str, dict[str, Any]], safe=True
            )
            self._digits = int(msgspec.json.decode(str(fields["unit_price"].get("digits") or "[null, 4]"))[1] or 4)
        return self._digits


def _rate_of(net: Decimal, tax: Decimal, taxes: Sequence[wire.Tax], currency: str) -> Decimal:
    """The rate among Tryton's that gives this tax to the currency's unit."""
    rates = {t.rate.decimal for t in taxes if t.rate and abs(net * t.rate.decimal - tax) <= quantum(currency)}
    if len(rates) != 1:
        raise Rejected("choosing the tax in Tryton", f"{tax} on {net}", code="tax_rate_unknown", net=net, tax=tax)
    return rates.pop()


def _values(part: Part, net: Decimal, digits: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "type": "line", "description": part.title, "quantity": wire.Quantity(part.quantity),
        "unit_price": unit_price(net, part.quantity, digits), "taxes": [("add", list(part.taxes))],
    }  # fmt: skip
    if part.product:
        values |= {"product": part.product.id, "unit": part.product.sale_uom}
    return values


def _rounding(amount: Decimal) -> dict[str, Any]:
    """A line without product and tax."""
    return {"type": "line", "description": "Arrotondamento", "quantity": wire.Quantity(1), "unit_price": amount}
