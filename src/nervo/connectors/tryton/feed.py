"""Change feeds of Tryton: several models by (last_modified_at, model, id), with an overlap.

All rows of a transaction carry the time at which it began, so that a long transaction's rows appear behind the newest ones seen.
A poll therefore goes back a little, and now and then by the whole overlap, and leaves out what the caller has had. It is known to
have had a row only when it comes back with the cursor that was handed out after that row: a page that got lost is given again.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from nervo.connectors.tryton.client import Client, Domain
from nervo.connectors.tryton.wire import WireTime
from nervo.errors import Misunderstood
from nervo.ports.common import Cursor

ORDER = (("last_modified_at", "ASC"), ("id", "ASC"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REMEMBERED_CURSORS = 16
# Most transactions last a second or two: a look this far back is enough for them, and cheap after a large one.
NEAR_S = 15.0
FAR_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Source:
    """A model to watch, and the fields that say what its rows belong to."""

    model: str
    fields: tuple[str, ...] = ()
    domain: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A changed record."""

    at: datetime
    source: int
    id: int
    data: Mapping[str, Any]


@dataclass(slots=True)
class Feed:
    """The merged feed of some sources."""

    client: Client
    sources: Sequence[Source]
    overlap_s: float
    page_size: int = 200
    _had: "OrderedDict[str, dict[tuple[int, int], datetime]]" = field(default_factory=OrderedDict)
    _count: int = 0
    _started: str = ""
    _far_at: float | None = None

    async def now(self) -> Cursor:
        """Where the feed stands: behind the newest row."""
        newest = EPOCH
        for source in self.sources:
            rows = await self.client.rows(
                source.model, [*source.domain], ["last_modified_at"], limit=1, order=(("last_modified_at", "DESC"),)
            )
            newest = max([newest, *(_moment(row) for row in rows)])
        return Cursor(newest)

    async def page(self, after: Cursor | None) -> tuple[list[Row], Cursor, bool]:
        """The next rows that the caller has not had, oldest first; the cursor behind them; whether there are more now."""
        place, ticket = _place(after), _ticket(after)
        back_s = self._back_s(ticket)
        had = dict(self._had.get(ticket, {}))
        if ticket in self._had:
            self._had.move_to_end(ticket)
        merged, full = [], False
        for index, source in enumerate(self.sources):
            domain = [*source.domain, *self._after(after, place, index, back_s)]
            rows = await self.client.rows(
                source.model, domain, ["last_modified_at", *source.fields], limit=self.page_size, order=ORDER
            )
            full |= len(rows) == self.page_size
            merged += [Row(_moment(row), index, int(row["id"]), row) for row in rows]
        merged.sort(key=lambda row: (row.at, row.source, row.id))
        more = full or len(merged) > self.page_size
        merged = merged[: self.page_size]
        fresh = [row for row in merged if had.get((row.source, row.id)) != row.at]
        if after is not None and not fresh and not more and _place(after) is None:
            return [], after, False
        return fresh, self._remember(after, merged, had, more), more

    def _back_s(self, ticket: str) -> float:
        """How far this poll goes back: all the way every FAR_EVERY_S, and for a cursor of an earlier process."""
        now = self.client.http.tools.clock.monotonic()
        if ticket in self._had and self._far_at is not None and now - self._far_at < FAR_EVERY_S:
            return min(NEAR_S, self.overlap_s)
        self._far_at = now
        return self.overlap_s

    def _after(self, after: Cursor | None, place: tuple[int, int] | None, index: int, back_s: float) -> Domain:
        if after is None:
            return []
        if place is None:
            return [["last_modified_at", ">", after.at - timedelta(seconds=back_s)]]
        source, record = place
        if index != source:
            return [["last_modified_at", ">=" if index > source else ">", after.at]]
        return [["OR", ["last_modified_at", ">", after.at], [["last_modified_at", "=", after.at], ["id", ">", record]]]]

    def _remember(
        self, after: Cursor | None, rows: list[Row], had: dict[tuple[int, int], datetime], more: bool
    ) -> Cursor:
        last = rows[-1] if rows else None
        at = last.at if last else (after.at if after else EPOCH)
        if not more and after is not None:
            at = max(at, after.at) if _place(after) is None else at
        had.update({(row.source, row.id): row.at for row in rows})
        kept = {key: moment for key, moment in had.items() if moment > at - timedelta(seconds=2 * self.overlap_s)}
        self._count += 1
        self._started = self._started or f"{self.client.http.tools.clock.now():%Y%m%dT%H%M%S.%f}"
        ticket = f"{self._started}.{self._count}"
        self._had[ticket] = kept
        while len(self._had) > REMEMBERED_CURSORS:
            self._had.popitem(last=False)
        return Cursor(at, f"{last.source}:{last.id}@{ticket}" if more and last else f"@{ticket}")


def _ticket(after: Cursor | None) -> str:
    return after.id.partition("@")[2] if after else ""


def _place(after: Cursor | None) -> tuple[int, int] | None:
    """The exact place in the middle of a pass, None between passes."""
    text = after.id.partition("@")[0] if after else ""
    if not text:
        return None
    source, _, record = text.partition(":")
    return int(source), int(record)


def _moment(row: Mapping[str, Any]) -> datetime:
    try:
        return msgspec.convert(row["last_modified_at"], WireTime).moment()
    except (KeyError, msgspec.ValidationError) as error:
        raise Misunderstood("reading Tryton's change feed", f"no last_modified_at: {row}") from error
