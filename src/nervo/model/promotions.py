"""Promotions as the ERP plans them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Promotion:
    """A reduction with a start and an end. Either `discount_rate` (a fraction) or `price_gross` holds; `skus` empty: all."""

    code: str
    name: str
    skus: tuple[str, ...] = ()
    discount_rate: Decimal | None = None
    price_gross: Decimal | None = None
    min_quantity: Decimal = Decimal(1)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    active: bool = True
