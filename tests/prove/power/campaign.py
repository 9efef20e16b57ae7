"""Power cuts: a history is recorded once, then the power goes at hundreds of its moments; each image is opened and examined, and on
every few of them the hub is started again and the world's books are read."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.prove.parts import Effort, Result, Say
from tests.prove.power.disk import Disk, cuts
from tests.prove.power.journal import Create, Delete, Journal, Note, Sync, Truncate, Write
from tests.prove.power.judge import Story, digest_of, examine, lay_down, restarted
from tests.prove.power.trade import NAME, record

PART = "power cuts"
QUIET = Path("/dev/shm")
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """`histories` of `rounds`; of each, `images`, and the hub is started on one image of `every`."""

    histories: int
    rounds: int
    images: int
    every: int


@dataclass
class Tally:
    figures: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, where: str, wrong: list[str]) -> None:
        self.wrong += [f"{where}: {one}" for one in wrong]


def run(effort: Effort) -> Result:
    """At least 2,000 images by default; a few hundred in the short version."""
    plan = Plan(1, 12, 150, 15) if effort.short else Plan(max(1, effort.seeds // 125), 40, 300, 6)
    return campaign(plan, effort.say)


def campaign(plan: Plan, say: Say, first: int = 1) -> Result:
    tally = Tally()
    place = Path(tempfile.mkdtemp(prefix="nervo-power-", dir=QUIET if QUIET.is_dir() else None))
    try:
        for seed in range(first, first + plan.histories):
            journal = record(place / "recorded", seed, plan.rounds)
            examine_cuts(journal, plan, seed, place, tally)
            say(f"{PART}: history {seed}, {tally.figures['images']} images, {len(tally.wrong)} wrong")
    finally:
        shutil.rmtree(place)
    return Result(PART, _figures(tally), tuple(tally.wrong[:SHOWN]))


def examine_cuts(journal: Journal, plan: Plan, seed: int, place: Path, tally: Tally) -> None:
    rng, disk, story = Random(f"cuts/{seed}"), Disk(journal), Story(journal)
    moved = checkpoints(journal)
    seen: dict[int, list[tuple[str, str]]] = {}
    _count(journal, tally)
    for number, at in enumerate(cuts(len(journal.events), telling(journal, moved), plan.images, rng)):
        disk.move_to(at)
        known, path = story.move_to(at), place / "image" / NAME
        lay_down(disk.image(rng), path.parent, rng.choice((b"", rng.randbytes(32768))))
        found, where = examine(path, known, story), f"history {seed}, event {at}"
        tally.add(where, found.wrong)
        seen.setdefault(found.last, []).append((where, found.digest))
        tally.figures["images"] += 1
        tally.figures["images in a checkpoint"] += at in moved
        tally.figures["undone non-durable transactions"] += found.undone
        tally.figures["images that undo some"] += bool(found.undone)
        tells = bool(found.undone) and rng.random() < 2 / plan.every
        if (tells or number % plan.every == 0) and known.world and not found.wrong:
            tally.add(where, restarted(path, known))
            tally.figures["restarts"] += 1
            tally.figures["restarts after something was undone"] += bool(found.undone)
        shutil.rmtree(path.parent)
    moments = sorted({*away(journal), *rng.sample(promised(journal), min(plan.images // 3, len(promised(journal))))})
    moments = moments if len(moments) < plan.images else sorted(rng.sample(moments, plan.images))
    tally.add(f"history {seed}", worst_cuts(journal, moments, place))
    tally.figures["images"] += len(moments)
    tally.figures["images without anything unsynced"] += len(moments)
    _hold_against_uncut(journal, story, seen, place, tally)


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


def _hold_against_uncut(
    journal: Journal, story: Story, seen: dict[int, list[tuple[str, str]]], place: Path, tally: Tally
) -> None:
    """Each image says, row for row, what the database said when its last transaction had just been acknowledged."""
    disk, acknowledged = Disk(journal), story.acknowledged_at
    for last in sorted((n for n in seen if n in acknowledged), key=acknowledged.__getitem__):
        disk.move_to(acknowledged[last])
        path = lay_down(disk.everything(), place / "uncut")
        uncut = digest_of(path)
        for where, digest in seen[last]:
            tally.add(where, [] if digest == uncut else [f"torn: not the state after transaction {last}"])
            tally.figures["images equal to an uncut state"] += digest == uncut
        shutil.rmtree(path.parent)


def _count(journal: Journal, tally: Tally) -> None:
    for note in (e for e in journal.events if isinstance(e, Note)):
        if note.kind == "committed":
            tally.figures["durable transactions" if note.value[1] else "non-durable transactions"] += 1
        elif note.kind == "answered":
            tally.figures["webhooks answered 200"] += 1
    tally.figures["events recorded"] += len(journal.events)


def _figures(tally: Tally) -> dict[str, object]:
    return dict(tally.figures) | {"violations": len(tally.wrong)}
