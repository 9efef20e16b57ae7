"""Lists that are paged by number though they are ordered by id: what is taken out meanwhile moves the rest forward, past a reader."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def next_rows(
    read: Callable[[int], Awaitable[Sequence[T]]], id: Callable[[T], int], mark: str | None, size: int
) -> tuple[list[T], str | None]:
    """The rows behind the mark, none skipped and none twice, and the mark for the next; None at the end. `read` gives at most
    `size` (2 or more) rows by rising id from an offset on. Reads one row again, and goes back where that one is not there any more."""
    place, _, last_id = (mark or "0:").partition(":")
    last = int(last_id or -1)
    offset = max(0, int(place) - 1)
    rows = await read(offset)
    while offset and (not rows or id(rows[0]) > last):
        offset = max(0, offset - size)
        rows = await read(offset)
    if len(rows) < size:
        return [row for row in rows if id(row) > last], None
    return [row for row in rows if id(row) > last], f"{offset + len(rows)}:{max(last, id(rows[-1]))}"
