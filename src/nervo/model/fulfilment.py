"""Parcels, waybills and tracking."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class FulfilmentStatus(StrEnum):
    """How much of an order has left."""

    UNFULFILLED = "unfulfilled"
    PARTIALLY_FULFILLED = "partially_fulfilled"
    FULFILLED = "fulfilled"
    UNKNOWN = "unknown"


class TrackingStatus(StrEnum):
    """Where a parcel is; a courier's unknown code stays UNKNOWN."""

    CREATED = "created"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    HELD = "held"
    DELIVERED = "delivered"
    RETURNED = "returned"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """So many of a SKU in one fulfilment."""

    sku: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """Goods that left together. `external_id` is the id at whoever reported it (the ERP's shipment, the shop's fulfilment)."""

    external_id: str
    lines: tuple[ShippedLine, ...] = ()
    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    shipped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One box (collo)."""

    parcel_id: str
    weight_g: Decimal
    length_mm: Decimal | None = None
    width_mm: Decimal | None = None
    height_mm: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Waybill:
    """A courier's acceptance of parcels (lettera di vettura), with its label as the printer takes it (PDF or ZPL)."""

    number: str
    courier: str
    parcels: tuple[Parcel, ...]
    label_format: str
    label: bytes
    tracking_url: str = ""
    cash_on_delivery: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TrackingEvent:
    """One scan. `raw_code` is the courier's own code."""

    tracking_number: str
    status: TrackingStatus
    raw_code: str
    occurred_at: datetime
    place: str = ""
    description: str = ""
