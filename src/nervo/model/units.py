"""Quantities and times as nervo means them."""

from datetime import UTC, datetime
from decimal import Decimal

ZERO = Decimal(0)


def aware(moment: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for a time without a zone, whose meaning would be a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC)


def whole_units(quantity: Decimal) -> int:
    """Sellable whole units: rounded down, never below 0. A channel that sells pieces cannot sell half of one."""
    return max(0, int(quantity // 1))
