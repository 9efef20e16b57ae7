"""What a disk was told, in order: the record from which every power cut is made afterwards."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Create:
    """A name that was not there. `file` tells this file from an earlier one of the same name."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Delete:
    name: str


@dataclass(frozen=True, slots=True)
class Write:
    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """It has ended; what was told before its beginning (`covers` events) is on the disk."""

    file: int
    covers: int


@dataclass(frozen=True, slots=True)
class SyncFolder:
    covers: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was known outside the database at this point."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Start:
    """Where a record begins: the files that a power cut left, the transactions in them, and what was known when it came."""

    files: dict[str, bytes]
    commits: tuple[int, ...] = ()
    answered: dict[tuple[str, str], bytes] = field(default_factory=dict)
    world: bytes = b""


class Journal:
    """Events of several threads, from a start whose files are all on the disk."""

    def __init__(self) -> None:
        self.start_point = Start({})
        self.events: list[Any] = []
        self.on = False
        self._files: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)

    def start(self, at: Start) -> None:
        self.start_point = at
        self._files = {name: next(self._ids) for name in at.files}
        self.base_files = {name: (self._files[name], data) for name, data in at.files.items()}
        self._numbers = itertools.count(max(at.commits, default=0) + 1)
        self.on = True

    def add(self, event: Any) -> None:
        if self.on:
            self.events.append(event)

    def note(self, kind: str, value: Any = None) -> None:
        self.add(Note(kind, value))

    def number(self) -> int:
        """The next transaction's number."""
        return next(self._numbers)

    def opened(self, name: str) -> int:
        """The file behind a name that has just been opened."""
        if name not in self._files:
            self._files[name] = next(self._ids)
            self.add(Create(name, self._files[name]))
        return self._files[name]

    def deleted(self, name: str, *, synced: bool) -> None:
        if self._files.pop(name, None) is not None:
            self.add(Delete(name))
        if synced:
            self.add(SyncFolder(len(self.events)))
