"""What nervo asks of a marketplace: a shop whose writes may be accepted now and applied later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nervo.ports.common import ItemOutcome
from nervo.ports.shop import PriceWrite, Shop, StockWrite


@dataclass(frozen=True, slots=True)
class Submission:
    """A feed that was accepted, which is not applied: ask for its outcomes until they are final."""

    submission_id: str
    kind: str


class Marketplace(Shop, Protocol):
    """A marketplace. Where it takes feeds, a submission's outcomes are polled item by item."""

    async def submit_stock(self, items: Sequence[StockWrite]) -> Submission:
        """Hands in quantities as a feed."""
        ...

    async def submit_prices(self, items: Sequence[PriceWrite]) -> Submission:
        """Hands in prices as a feed."""
        ...

    async def outcomes(self, submission: Submission) -> tuple[ItemOutcome, ...] | None:
        """Per-item outcomes, or None while it is not final."""
        ...
