"""Stock as the ERP counts it, and what may be sold of it."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class StockFigure:
    """The ERP's figure for one SKU at one warehouse that already counts confirmed orders (Tryton: forecast; Odoo: free_qty).

    `quantity` may be negative or fractional, as the ERP says. `on_hand` is the physical figure where the ERP gives one.
    """

    sku: str
    warehouse: str
    quantity: Decimal
    on_hand: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StockTerm:
    """One term of an availability, for "why 7?": `code` names it, `quantity` is what it adds or takes."""

    code: str
    quantity: Decimal
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """What a channel may show for a SKU. `available_to_promise` None means unknown, which is not zero."""

    sku: str
    available_to_promise: int | None
    terms: tuple[StockTerm, ...] = ()
