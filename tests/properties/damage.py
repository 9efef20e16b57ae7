"""What may happen to an answer: fields that nobody knows, values that nobody expects, parts that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
from hypothesis import strategies as st

Path = tuple[str | int, ...]
RAW = [
    b"1e400",
    b"1E+30",
    b"-0",
    b"1.5",
    b"99999999999999999999999999",
    b'"\\ud800"',
    b'"a\\u0000b"',
    b'"\\u202egnp.exe"',
]
TEXTS = [
    "", " ", "NaN", "Infinity", "-Infinity", "sNaN", "1E+30", "1e999999", "0x10", "12,50", "１２", "null", "2026-02-30T25:61:00Z",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00", "2028-02-29T12:00:00+14:00", "x" * 300, "gid://shopify/Order/", "-1", "\n", "🧦",
]  # fmt: skip
ODD: list[Any] = [
    None, True, 0, -1, 7, [], {}, [None], {"a": 1}, *TEXTS, *(msgspec.Raw(raw) for raw in RAW)
]  # fmt: skip
GONE, TWICE = object(), object()
FREE = {"options"}  # names of the company's own choice


def paths(body: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a JSON body."""
    if path:
        yield path
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield from paths(value, (*path, key))


def changed(body: Any, path: Path, value: Any) -> Any:
    """A copy with another value in one place; GONE: without it; TWICE: with it twice, where it stands in a list."""
    made = deepcopy(body)
    inside = made
    for key in path[:-1]:
        inside = inside[key]
    if value is GONE:
        del inside[path[-1]]
    elif value is TWICE and isinstance(inside, list):
        inside.append(inside[path[-1]])  # type: ignore[index]
    elif value is not TWICE:
        inside[path[-1]] = value
    return made


def extended(body: Any, draw: Any) -> Any:
    """A copy with fields that nobody knows, and all fields in another order."""
    if isinstance(body, list):
        return [extended(value, draw) for value in body]
    if not isinstance(body, dict):
        return body
    items = [(key, value if key in FREE else extended(value, draw)) for key, value in body.items()]
    if draw(st.booleans()):
        value = draw(st.sampled_from([1, "x", None, [{"a": {}}]]))
        items.append((draw(st.sampled_from(["x_new", "_links", "Ünbekannt", "__typename2"])), value))
    return dict(draw(st.permutations(items)))
