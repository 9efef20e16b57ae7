"""Power cuts: a history is recorded once, then the power goes at hundreds of its moments; each image is opened and examined, and on
every few of them the hub is started again and the world's books are read."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.prove.parts import Effort, Result, Say
from tests.prove.power.disk import Disk, cuts
from tests.prove.power.journal import Create, Delete, Journal, Note, Start, Sync, Truncate, Write
from tests.prove.power.judge import Story, digest_of, examine, lay_down, restarted
from tests.prove.power.trade import NAME, record

PART = "power cuts"
QUIET = Path("/dev/shm")
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """`histories` of `rounds`, up to `in_a_row` of them one after the other, each on an image that a power cut of the one before
    has left; of each, `images`, and the hub is started on one image of `every`."""

    histories: int
    rounds: int
    images: int
    every: int
    in_a_row: int = 4


@dataclass
class Tally:
    figures: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, where: str, wrong: list[str]) -> None:
        self.wrong += [f"{where}: {one}" for one in wrong]


def run(effort: Effort) -> Result:
    """At least 2,000 images by default; a few hundred in the short version."""
    plan = Plan(1, 10, 100, 12) if effort.short else Plan(max(1, effort.seeds // 125), 30, 240, 8)
    return campaign(plan, effort.say)


def campaign(plan: Plan, say: Say, first: int = 1) -> Result:
    tally, start = Tally(), None
    with quiet_place() as place:
        for seed in range(first, first + plan.histories):
            start = None if (seed - first) % plan.in_a_row == 0 else start
            journal = record(place / "recorded", seed, plan.rounds, start)
            start = _Examination(journal, plan, seed, place, tally).run()
            say(f"{PART}: history {seed}, {tally.figures['images']} images, {len(tally.wrong)} wrong")
    return Result(PART, _figures(tally), tuple(tally.wrong[:SHOWN]))


@contextmanager
def quiet_place() -> Iterator[Path]:
    """A folder in memory, where there is one: what is examined here need not wait for a disk."""
    with tempfile.TemporaryDirectory(prefix="nervo-power-", dir=QUIET if QUIET.is_dir() else None) as place:
        yield Path(place)


class _Examination:
    """Of one record: cuts at its moments, each image examined, the hub started on some."""

    def __init__(self, journal: Journal, plan: Plan, seed: int, place: Path, tally: Tally) -> None:
        self.journal, self.plan, self.seed, self.place, self.tally = journal, plan, seed, place, tally
        self.rng, self.disk, self.story = Random(f"cuts/{seed}"), Disk(journal), Story(journal)
        self.moved = checkpoints(journal)
        self.seen: dict[int, list[tuple[str, str]]] = {}
        self.next: Start | None = None

    def run(self) -> Start | None:
        """Where another record may begin: at one of these cuts."""
        next_from = self.rng.randrange(self.plan.images // 2, self.plan.images)
        moments = cuts(len(self.journal.events), telling(self.journal, self.moved), self.plan.images, self.rng)
        for number, at in enumerate(moments):
            self._cut(at, starts=number % self.plan.every == 0, begins=number >= next_from and self.next is None)
        self._worst()
        self._hold_against_uncut()
        self._count()
        return self.next

    def _cut(self, at: int, *, starts: bool, begins: bool) -> None:
        self.disk.move_to(at)
        image, known, path = self.disk.image(self.rng), self.story.move_to(at), self.place / "image" / NAME
        lay_down(image, path.parent, self.rng.choice((b"", self.rng.randbytes(32768))))
        found, figures = examine(path, known, self.story), self.tally.figures
        figures["images"] += 1
        figures["images in a checkpoint"] += at in self.moved
        figures["images that undo non-durable transactions"] += bool(found.undone)
        figures["non-durable transactions undone"] += found.undone
        self.seen.setdefault(found.last, []).append((f"history {self.seed}, event {at}", found.digest))
        wrong = found.wrong
        if known.world and not wrong:
            if begins:
                commits = tuple(n for n in self.story.commits if n <= found.last)
                self.next = Start(image, commits, dict(known.answered), pickle.dumps(known.the_world()))
            if starts or (found.undone and self.rng.random() < 2 / self.plan.every):
                wrong = restarted(path, known)
                figures["restarts"] += 1
                figures["restarts after something was undone"] += bool(found.undone)
        self.tally.add(f"history {self.seed}, event {at}", wrong)
        shutil.rmtree(path.parent)

    def _worst(self) -> None:
        kept = promised(self.journal)
        moments = sorted({*away(self.journal), *self.rng.sample(kept, min(self.plan.images // 2, len(kept)))})
        chosen = sorted(self.rng.sample(moments, min(self.plan.images // 2, len(moments))))
        self.tally.add(f"history {self.seed}", worst_cuts(self.journal, chosen, self.place))
        self.tally.figures["images"] += len(chosen)
        self.tally.figures["images with only what was synced"] += len(chosen)

    def _hold_against_uncut(self) -> None:
        """Each image says, row for row, what the database said when its last transaction had just been acknowledged."""
        disk, acknowledged = Disk(self.journal), self.story.acknowledged_at
        for last in sorted((n for n in self.seen if n in acknowledged), key=acknowledged.__getitem__):
            disk.move_to(acknowledged[last])
            path = lay_down(disk.everything(), self.place / "uncut")
            uncut = digest_of(path)
            for where, digest in self.seen[last]:
                self.tally.add(where, [] if digest == uncut else [f"torn: not the state after transaction {last}"])
                self.tally.figures["images equal to an uncut state"] += digest == uncut
            shutil.rmtree(path.parent)

    def _count(self) -> None:
        figures = self.tally.figures
        for note in (e for e in self.journal.events if isinstance(e, Note)):
            if note.kind == "committed":
                figures["durable transactions" if note.value[1] else "non-durable transactions"] += 1
            elif note.kind == "answered":
                figures["webhooks answered 200"] += 1
            elif note.kind == "left":
                figures["calls to foreign systems"] += 1
        figures["events recorded"] += len(self.journal.events)
        if self.journal.start_point.world:
            figures["histories that begin on an image of a cut"] += 1


def worst_cuts(journal: Journal, moments: list[int], place: Path) -> list[str]:
    """What is wrong at these moments when nothing is left but what was synced."""
    disk, story, wrong = Disk(journal), Story(journal), list[str]()
    for at in moments:
        disk.move_to(at)
        path = lay_down(disk.synced(), place / "image")
        wrong += [f"event {at}, worst cut: {one}" for one in examine(path, story.move_to(at), story).wrong]
        shutil.rmtree(path.parent)
    return wrong


def checkpoints(journal: Journal) -> set[int]:
    """Events at which pages have been moved from the log into the database and are not synced yet."""
    file, moving, found = journal.base_files[NAME][0], False, set()
    for i, event in enumerate(journal.events):
        if isinstance(event, Write | Truncate | Sync) and event.file == file:
            moving = isinstance(event, Write)
        if moving:
            found.add(i + 1)
    return found


def telling(journal: Journal, moved: set[int]) -> list[int]:
    """Moments at which a cut is most likely to tell: in checkpoints, around notes and syncs, while something is unsynced or away."""
    turns = [i for i, e in enumerate(journal.events) if isinstance(e, Note | Create | Delete | Sync)]
    return [*moved, *turns, *unsynced(journal) * 3, *away(journal)]


def unsynced(journal: Journal) -> list[int]:
    """Moments at which something was acknowledged that has not reached the disk."""
    waits, found = False, []
    for i, event in enumerate(journal.events):
        if isinstance(event, Sync):
            waits = False
        elif isinstance(event, Note) and event.kind == "committed":
            waits = not event.value[1]
        if waits:
            found.append(i)
    return found


def away(journal: Journal) -> list[int]:
    """Moments at which a call has just left for a foreign system."""
    return [i + 1 for i, e in enumerate(journal.events) if isinstance(e, Note) and e.kind == "left"]


def promised(journal: Journal, *kinds: str) -> list[int]:
    """Moments at which something has just been acknowledged."""
    kinds = kinds or ("committed", "answered", "started")
    return [i + 1 for i, e in enumerate(journal.events) if isinstance(e, Note) and e.kind in kinds]


def _figures(tally: Tally) -> dict[str, object]:
    return dict(tally.figures) | {"violations": len(tally.wrong)}
