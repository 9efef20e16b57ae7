"""Money: a decimal amount with its currency; never a float.

Minor units come from ISO 4217; currencies that are not listed here have two decimals.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

_EXPONENTS = dict.fromkeys(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
) | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)


def exponent(currency: str) -> int:
    """Decimals of the currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


def quantum(currency: str) -> Decimal:
    """The smallest amount of the currency: Decimal('0.01') for EUR."""
    return Decimal(1).scaleb(-exponent(currency))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole minor units, half away from zero, as tax offices and tills round."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP)


def to_minor(amount: Decimal, currency: str) -> int:
    """Whole minor units. Raises ValueError where the amount is finer than the currency."""
    minor = amount.scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{amount} {currency} is finer than the currency's minor unit")
    return int(minor)


def from_minor(minor: int, currency: str) -> Decimal:
    """1990 with EUR is Decimal('19.90')."""
    return Decimal(minor).scaleb(-exponent(currency))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency. Adding two currencies raises ValueError."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} is not {self.currency}")
        return other.amount


def split(amount: Decimal, weights: list[Decimal], currency: str) -> list[Decimal]:
    """Shares of an amount by weight that add up to it exactly (largest remainder). Weights all 0: the first takes it all."""
    if not weights:
        raise ValueError("nothing to split over")
    unit, whole = quantum(currency), sum(weights, Decimal(0))
    if not whole:
        return [amount] + [Decimal(0)] * (len(weights) - 1)
    exact = [amount * w / whole for w in weights]
    shares = [(e // unit) * unit for e in exact]
    missing = int((amount - sum(shares, Decimal(0))) / unit)
    step = unit if missing >= 0 else -unit
    by_remainder = sorted(range(len(exact)), key=lambda i: abs(exact[i] - shares[i]), reverse=True)
    for i in by_remainder[: abs(missing)]:
        shares[i] += step
    return shares
