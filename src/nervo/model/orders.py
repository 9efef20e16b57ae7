"""Orders: what a channel sold."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from nervo.model.fulfilment import Fulfilment, FulfilmentStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.model.returns import Refund
from nervo.model.units import ZERO


class OrderStatus(StrEnum):
    """Where the channel has the order. UNKNOWN keeps the raw code and asks a person."""

    PENDING = "pending"
    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class ChargeKind(StrEnum):
    """What an order bills besides goods. A discount's amounts are negative."""

    SHIPPING = "shipping"
    FEE = "fee"
    TIP = "tip"
    DISCOUNT = "discount"
    ROUNDING = "rounding"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Goods sold. Totals are after the line's own discounts; `total_gross` = `total_net` + `total_tax`.

    `tax_rate` is a fraction (Decimal("0.22")), None where the channel gives only amounts. `sku` None: the channel sent none.
    """

    line_id: str
    sku: str | None
    title: str
    quantity: Decimal
    total_net: Decimal
    total_tax: Decimal
    total_gross: Decimal
    tax_rate: Decimal | None = None
    discount_gross: Decimal = ZERO
    gift_card: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """Shipping, a fee, a tip or an order-wide discount, with the same sum rule as a line."""

    kind: ChargeKind
    title: str
    total_net: Decimal
    total_tax: Decimal
    total_gross: Decimal
    tax_rate: Decimal | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the channel has it now.

    `external_id` is the channel's key and never changes; `number` is what people read. `version` orders two readings of the
    same order (the channel's own sequence or update time as sortable text). Amounts are in `currency`. `total_gross` is what
    the customer owes before gift cards and store credit, which are payments.
    """

    external_id: str
    number: str
    version: str
    status: OrderStatus
    raw_status: str
    payment_status: PaymentStatus
    fulfilment_status: FulfilmentStatus
    currency: str
    lines: tuple[OrderLine, ...]
    total_gross: Decimal
    total_tax: Decimal
    placed_at: datetime
    updated_at: datetime
    customer: Party
    billing: Address
    shipping: Address
    charges: tuple[Charge, ...] = ()
    payments: tuple[Payment, ...] = ()
    fulfilments: tuple[Fulfilment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    note: str = ""
    cancel_reason: str = ""


def sum_of_parts(order: Order) -> Decimal:
    """What lines and charges add up to. It differs from `total_gross` only where the channel's order does not add up."""
    return sum((line.total_gross for line in order.lines), ZERO) + sum((c.total_gross for c in order.charges), ZERO)
