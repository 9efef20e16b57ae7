"""Net prices for Tryton such that its own total is the channel's gross total wherever that can be.

Tryton keeps a net unit price, rounds each line to the cent, adds the unrounded tax of all lines with the same taxes and sign and
rounds that, halves to the even cent. A shop with gross prices rounds each line by itself. So per rate the nets are moved by a cent
or two until the sum and its tax give the gross that the customer paid. Some gross totals no net gives (29.97 at 22 %: 24.56 → 29.96,
24.57 → 29.98): about one in six. Then the nets stay, and a line without tax adds or takes what Tryton's own arithmetic (`made`) misses.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from nervo.model.money import quantum, rounded
from nervo.model.units import ZERO

MOST_CENTS = 3


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one line or charge bills."""

    net: Decimal
    gross: Decimal
    rate: Decimal


def fitted(parts: Sequence[Amounts], currency: str) -> list[Decimal]:
    """The net of each part, moved so that each rate's sum with its tax is that rate's gross where a sum does that."""
    nets = [rounded(part.net, currency) for part in parts]
    groups: dict[tuple[Decimal, bool], list[int]] = defaultdict(list)
    for index, part in enumerate(parts):
        groups[part.rate, part.net >= 0].append(index)
    for (rate, _), members in groups.items():
        net, gross = sum((nets[i] for i in members), ZERO), sum((parts[i].gross for i in members), ZERO)
        largest = max(members, key=lambda i: abs(nets[i]))
        nets[largest] += _correction(net, gross, rate, currency)
    return nets


def made(prices: Sequence[tuple[Decimal, Decimal, Decimal]], currency: str) -> Decimal:
    """What Tryton makes of (net unit price, quantity, tax rate)."""
    taxes: dict[tuple[Decimal, bool], Decimal] = defaultdict(Decimal)
    for price, quantity, rate in prices:
        taxes[rate, price * quantity >= 0] += price * quantity * rate
    nets = (_evenly(price * quantity, currency) for price, quantity, _ in prices)
    return sum(nets, ZERO) + sum((_evenly(tax, currency) for tax in taxes.values()), ZERO)


def _evenly(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_EVEN)


def _correction(net: Decimal, gross: Decimal, rate: Decimal, currency: str) -> Decimal:
    cent = quantum(currency)
    for steps in sorted(range(-MOST_CENTS, MOST_CENTS + 1), key=abs):
        moved = net + steps * cent
        if moved + _evenly(moved * rate, currency) == gross:
            return steps * cent
    return ZERO


def unit_price(net: Decimal, quantity: Decimal, digits: int) -> Decimal:
    """The unit price with so many decimals; times the quantity it rounds to the net while the quantity is below 100 (4 digits)."""
    return (net / quantity).quantize(Decimal(1).scaleb(-digits))
