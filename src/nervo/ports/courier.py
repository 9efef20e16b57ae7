"""What nervo asks of a courier. A label has three outcomes: bought, refused, unknown; an unknown one is looked up, never rebought."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from nervo.model.fulfilment import Parcel, TrackingEvent, Waybill
from nervo.model.parties import Address
from nervo.ports.common import Connected, Cursor, Page


@dataclass(frozen=True, slots=True)
class CourierCapabilities:
    """What this courier can do."""

    cash_on_delivery: bool = False
    multi_parcel: bool = True
    void: bool = True
    manifest: bool = False
    pickup: bool = False
    lookup: bool = False
    label_formats: tuple[str, ...] = ("PDF",)


@dataclass(frozen=True, slots=True)
class Consignment:
    """What is to be shipped. `reference` is ours, unique, and finds the waybill again."""

    reference: str
    recipient: Address
    parcels: tuple[Parcel, ...]
    label_format: str
    cash_on_delivery: Decimal | None = None
    service: str = ""
    note: str = ""


class Courier(Connected, Protocol):
    """A courier."""

    capabilities: CourierCapabilities

    async def buy(self, consignment: Consignment) -> Waybill:
        """A waybill with its label. Raises Rejected with the courier's words, OutcomeUnknown when no answer came."""
        ...

    async def find(self, reference: str) -> Waybill | None:
        """The waybill bought under our reference, or None."""
        ...

    async def void(self, waybill: str) -> None:
        """Cancels a waybill that has not left. A void one is fine."""
        ...

    async def close_day(self, waybills: Sequence[str]) -> bytes:
        """Hands over the day's waybills; the manifest (distinta) as PDF."""
        ...

    async def tracking(self, after: Cursor | None) -> Page[TrackingEvent]:
        """Scans after the cursor."""
        ...
