"""What differs between two configurations, entry by entry."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that differs; None where it is absent."""

    path: str
    before: Any
    after: Any


def changes(before: str, after: str) -> list[Change]:
    """The entries that differ between two TOML documents, by path."""
    old, new = (dict(_flat(tomllib.loads(document), "")) for document in (before, after))
    return [Change(p, old.get(p), new.get(p)) for p in sorted(old.keys() | new.keys()) if old.get(p) != new.get(p)]


def _flat(body: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in body.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        else:
            yield here, value
