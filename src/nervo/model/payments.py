"""Payments on an order."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class PaymentStatus(StrEnum):
    """How far an order's payment is, whatever the channel calls it."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment. `reference` is the gateway's transaction id; `method` the channel's own code."""

    external_id: str
    method: str
    status: PaymentStatus
    amount: Decimal
    currency: str
    reference: str = ""
    paid_at: datetime | None = None
