"""What all ports share: pages, cursors, outcomes, identity."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a source's own order: its update time with its id as tie-break. `id` is compared as the source compares it."""

    at: datetime
    id: str = ""

    def rewound(self, seconds: float) -> "Cursor":
        """The same place with an overlap, for sources whose rows become visible late."""
        return Cursor(self.at - timedelta(seconds=seconds))

    def not_after(self, now: datetime) -> "Cursor":
        """Never later than our own time: a row of a source whose clock ran ahead for a moment would hide all that come after it."""
        return self if self.at <= now else Cursor(now)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list. `next` is where to go on (also from the last page, later); `more` says whether to ask at once. `unreadable`
    are the rows that nobody understands, which stop no other: orders by their id, each is asked for alone; products by their code,
    prices by SKU@list, promotions by their code, each is a problem until it comes again."""

    items: tuple[T, ...]
    next: Cursor | None
    more: bool
    unreadable: tuple[str, ...] = ()


class Outcome(StrEnum):
    """What became of one item of a batch."""

    DONE = "done"
    REJECTED = "rejected"
    MISSING = "missing"
    STALE = "stale"
    UNKNOWN = "unknown"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """One item's outcome. `code` and `said` are the other side's, for REJECTED; `observed` is what it has now, where it told."""

    sku: str
    outcome: Outcome
    code: str = ""
    said: str = ""
    observed: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One named check of a connection test: fine, or why not and what to do."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered: shown before a connection is saved, and compared at every start so that a test hub never feeds a live shop."""

    name: str
    account: str
    version: str = ""
    currency: str = ""
    prices_include_tax: bool | None = None
    checks: tuple[Check, ...] = ()


class Connected(Protocol):
    """Every connector."""

    async def check(self) -> Identity:
        """Who answers and what this credential may do. Raises AuthFailed, Unavailable, Misunderstood."""
        ...

    async def close(self) -> None:
        """Gives back the network connections."""
        ...
