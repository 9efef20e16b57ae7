"""A disk that forgets: what may be left of a record when the power goes at one of its events.

What was synced is there. Of the rest each sector may have got as far as any of the writes it was told, each sector for itself, in any
order; a file may be as long as it was told though nothing of that was written, and what was never written there may be anything. Bytes
beside a write are left alone, which is what SQLite assumes (POWERSAFE_OVERWRITE).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.prove.power.journal import Create, Delete, Journal, Sync, SyncFolder, Truncate, Write

SECTORS = (512, 4096)
Image = dict[str, bytes]
Keeps = Callable[
    [int, int], bool
]  # (a sector's number in order of its last write, how many sectors) → whether it got there


@dataclass
class Stored:
    """A file: what is certainly on the disk, and what it was told since."""

    durable: bytearray = field(default_factory=bytearray)
    told: list[tuple[int, Write | Truncate]] = field(default_factory=list)
    named: int | None = None  # the event that created it, until a sync has made that durable

    def settle(self, covers: int) -> None:
        while self.told and self.told[0][0] < covers:
            _apply(self.durable, self.told.pop(0)[1])


class Disk:
    """The state of the files, moved on event by event; `image` is what a power cut leaves now."""

    def __init__(self, journal: Journal) -> None:
        self._events, self._at = journal.events, 0
        self._files = {file: Stored(bytearray(data)) for file, data in journal.base_files.values()}
        self._durable_names = {name: file for name, (file, _) in journal.base_files.items()}
        self._renamed: list[tuple[int, Create | Delete]] = []

    def move_to(self, at: int) -> None:
        """All events before `at` have been told."""
        assert at >= self._at, "a disk only goes forward"
        for index in range(self._at, at):
            self._take(index, self._events[index])
        self._at = at

    def _take(self, index: int, event: Any) -> None:
        match event:
            case Write() | Truncate():
                self._files[event.file].told.append((index, event))
            case Sync():
                stored = self._files[event.file]
                stored.settle(event.covers)
                if stored.named is not None and stored.named < event.covers:
                    stored.named = None
                    self._settle_names(event.covers)
            case Create():
                self._files[event.file] = Stored(named=index)
                self._renamed.append((index, event))
            case Delete():
                self._renamed.append((index, event))
            case SyncFolder():
                self._settle_names(event.covers)

    def _settle_names(self, covers: int) -> None:
        while self._renamed and self._renamed[0][0] < covers:
            _rename(self._durable_names, self._renamed.pop(0)[1])

    def everything(self) -> Image:
        """What the page cache shows: no power cut."""
        names = dict(self._durable_names)
        for _, event in self._renamed:
            _rename(names, event)
        return {name: _whole(self._files[file]) for name, file in names.items()}

    def synced(self) -> Image:
        """What is certainly there: the worst cut."""
        return {name: bytes(self._files[file].durable) for name, file in self._durable_names.items()}

    def image(self, rng: Random) -> Image:
        names = dict(self._durable_names)
        for _, event in self._renamed[: rng.randint(0, len(self._renamed))]:
            _rename(names, event)
        sector = rng.choice(SECTORS)
        return {name: left_of(self._files[file], sector, rng) for name, file in names.items()}


def _rename(names: dict[str, int], event: Create | Delete) -> None:
    if isinstance(event, Create):
        names[event.name] = event.file
    else:
        names.pop(event.name, None)


def _apply(content: bytearray, told: Write | Truncate) -> None:
    if isinstance(told, Truncate):
        del content[told.size :]
        return
    if len(content) < told.offset:
        content.extend(bytes(told.offset - len(content)))
    content[told.offset : told.offset + len(told.data)] = told.data


def _whole(stored: Stored) -> bytes:
    content = bytearray(stored.durable)
    for _, told in stored.told:
        _apply(content, told)
    return bytes(content)


def left_of(stored: Stored, sector: int, rng: Random) -> bytes:
    """One of the many contents that a power cut may leave of a file."""
    told = [part for _, one in stored.told for part in _parts(one, sector)]
    last = {part.offset // sector: i for i, part in enumerate(told) if isinstance(part, Write)}
    order = {place: i for i, place in enumerate(sorted(last, key=last.__getitem__))}
    writes = Counter(part.offset // sector for part in told if isinstance(part, Write))
    keeps, left = _policy(len(order), rng), {}
    for place, i in order.items():
        left[place] = writes[place] if keeps(i, len(order)) else rng.choice((0, 0, rng.randrange(writes[place])))
    content, shortened = bytearray(stored.durable), rng.random() < 0.5
    for part in told:
        if isinstance(part, Truncate):
            if shortened:
                _apply(content, part)
            continue
        place = part.offset // sector
        if left[place] > 0:
            left[place] -= 1
            _apply(content, part)
    return bytes(_as_long_as(content, stored, rng))


def _parts(told: Write | Truncate, sector: int) -> Iterator[Write | Truncate]:
    """A write, cut where sectors end."""
    if isinstance(told, Truncate):
        yield told
        return
    start = 0
    while start < len(told.data):
        end = min(len(told.data), start + sector - (told.offset + start) % sector)
        yield Write(told.file, told.offset + start, told.data[start:end])
        start = end


def _policy(sectors: int, rng: Random) -> Keeps:
    """Which sectors got there: none, all, the first, the last, all but one, one alone, or any."""
    at, share = rng.randint(0, max(0, sectors - 1)), rng.choice((0.1, 0.5, 0.9))
    return rng.choice(
        (
            lambda i, n: False,
            lambda i, n: True,
            lambda i, n: i < at,
            lambda i, n: i >= at,
            lambda i, n: i != at,
            lambda i, n: i == at,
            lambda i, n: rng.random() < share,
            lambda i, n: rng.random() < share,
        )
    )


def _as_long_as(content: bytearray, stored: Stored, rng: Random) -> bytearray:
    """The file may have its whole length already: with zeros, or with what was on those sectors before."""
    sizes = [len(stored.durable), *(t.offset + len(t.data) for _, t in stored.told if isinstance(t, Write))]
    missing = max(sizes) - len(content)
    if missing > 0 and rng.random() < 0.7:
        content += bytes(missing) if rng.random() < 0.5 else _stale(stored, missing, rng)
    return content


def _stale(stored: Stored, length: int, rng: Random) -> bytes:
    """Sectors of an earlier life: noise, or this file's own old frames."""
    if len(stored.durable) > length and rng.random() < 0.5:
        start = rng.randint(0, (len(stored.durable) - length) // 512) * 512
        return bytes(stored.durable[start : start + length])
    return rng.randbytes(length)


def cuts(total: int, likely: Iterable[int], count: int, rng: Random) -> list[int]:
    """Where the power goes: half of them anywhere, half of them right at these events."""
    likely = list(likely)
    chosen = [rng.randint(0, total) for _ in range(count - count // 2 if likely else count)]
    chosen += [rng.choice(likely) + rng.randint(0, 1) for _ in range(count // 2)] if likely else []
    return sorted(min(total, at) for at in chosen)
