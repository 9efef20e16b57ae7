"""The rows of a page, each by itself: one that cannot be read stops no other."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec

from nervo.errors import Misunderstood

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")
UNREADABLE = (msgspec.DecodeError, Misunderstood, ValueError, TypeError, KeyError, AttributeError, ArithmeticError)


def decoded_rows(rows: Iterable[msgspec.Raw], kind: type[T], place: type[P], doing: str) -> list[T | P]:
    """Each row as `kind`; one that does not read so as its `place`, which is where it stands in the list. Raises Misunderstood
    where not even that can be read, since nobody would know where to go on."""
    return [_decoded(row, kind, place, doing) for row in rows]


def _decoded(row: msgspec.Raw, kind: type[T], place: type[P], doing: str) -> T | P:
    try:
        return msgspec.json.decode(row, type=kind)
    except msgspec.DecodeError:
        try:
            return msgspec.json.decode(row, type=place)
        except msgspec.DecodeError as error:
            raise Misunderstood(doing, f"{error}: {bytes(row)[:200]!r}") from error


async def read_rows(
    rows: Iterable[object], kind: type[T], of: Callable[[T], Awaitable[R]], id: Callable[[Any], str]
) -> tuple[tuple[R, ...], tuple[str, ...]]:
    """What the rows mean, and the ids of those that nobody understands: asked for alone, each says what is wrong with it."""
    items, unreadable = list[R](), list[str]()
    for row in rows:
        try:
            if not isinstance(row, kind):
                raise Misunderstood("reading a row")
            items.append(await of(row))
        except UNREADABLE:
            unreadable.append(id(row))
    return tuple(items), tuple(unreadable)
