"""Net prices for Tryton such that its own total is the channel's gross total wherever that can be.

Tryton keeps a net unit price, rounds each line to the cent, adds the lines of one tax rate and takes the tax of that sum. A shop
with gross prices rounds each line by itself. So per rate the nets are moved by a cent or two until the sum and its tax give the
gross that the customer paid. Some gross totals no net gives (29.97 at 22 %: 24.56 → 29.96, 24.57 → 29.98): about one in six.
Then the nets stay, and `residual` says what a line without tax has to add or take so that the sale is what the customer paid.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

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
    groups: dict[Decimal, list[int]] = defaultdict(list)
    for index, part in enumerate(parts):
        groups[part.rate].append(index)
    for rate, members in groups.items():
        net, gross = sum((nets[i] for i in members), ZERO), sum((parts[i].gross for i in members), ZERO)
        largest = max(members, key=lambda i: abs(nets[i]))
        nets[largest] += _correction(net, gross, rate, currency)
    return nets


def residual(parts: Sequence[Amounts], nets: Sequence[Decimal], currency: str) -> Decimal:
    """The gross that Tryton's own arithmetic will miss, negative where it makes too much: a cent or so per rate."""
    bases: dict[Decimal, Decimal] = defaultdict(Decimal)
    for part, net in zip(parts, nets, strict=True):
        bases[part.rate] += net
    made = sum((base + rounded(base * rate, currency) for rate, base in bases.items()), ZERO)
    return sum((part.gross for part in parts), ZERO) - made


def _correction(net: Decimal, gross: Decimal, rate: Decimal, currency: str) -> Decimal:
    cent = quantum(currency)
    for steps in sorted(range(-MOST_CENTS, MOST_CENTS + 1), key=abs):
        moved = net + steps * cent
        if moved + rounded(moved * rate, currency) == gross:
            return steps * cent
    return ZERO


def unit_price(net: Decimal, quantity: Decimal, digits: int) -> Decimal:
    """The unit price with so many decimals; times the quantity it rounds to the net while the quantity is below 100 (4 digits)."""
    return (net / quantity).quantize(Decimal(1).scaleb(-digits))
