"""Prices and price lists."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PriceList:
    """A list of prices. `customer` is the ERP's id of the only customer it is for, or None for everybody."""

    code: str
    name: str
    currency: str
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """One SKU's unit price in one list from `min_quantity` up, within its validity.

    Exactly one of `price_net` and `price_gross` is what the ERP keeps; the other is None and is never guessed here.
    `tax_rate` is a fraction: Decimal("0.22").
    """

    sku: str
    price_list: str
    currency: str
    price_net: Decimal | None = None
    price_gross: Decimal | None = None
    min_quantity: Decimal = Decimal(1)
    tax_rate: Decimal | None = None
    compare_at_gross: Decimal | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
