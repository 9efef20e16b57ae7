"""The power goes at any moment: what was acknowledged is there, the rest is undone from its end, and the world's books stay right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nervo.store import database
from nervo.store.database import Database
from tests.prove.parts import Effort
from tests.prove.power import campaign, disk, full, trade
from tests.prove.power.campaign import Plan
from tests.prove.power.journal import Journal, Start, Sync, Write
from tests.prove.power.vfs import library

pytestmark = pytest.mark.skipif(library() is None, reason="this Python hides its SQLite library")


def quiet(message: str) -> None: ...


def test_after_a_power_cut_nothing_acknowledged_is_lost_and_nothing_happens_twice() -> None:
    result = campaign.run(Effort(short=True, say=quiet))
    assert result.violations == ()
    assert result.figures["images"] >= 100 and result.figures["restarts"] >= 8
    assert result.figures["images equal to an uncut state"] == result.figures["images"]
    assert result.figures["undone non-durable transactions"] > 0, "no cut fell where something may be undone"


@pytest.mark.fault(53)
def test_a_power_cut_in_a_checkpoint_leaves_the_database_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "telling", lambda journal, moved: sorted(moved))
    result = campaign.campaign(Plan(histories=1, rounds=6, images=80, every=20), quiet, first=53)
    assert result.violations == ()
    assert result.figures["images in a checkpoint"] >= 30


@pytest.fixture
def found_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """What the worst cuts show when this is taken out of the product."""

    def found(owner: Any, name: str, instead: Callable[..., Any]) -> str:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, instead)
            journal = trade.record(tmp_path / "recorded", seed=7, rounds=5)
        moments = campaign.away(journal) + campaign.promised(journal, "answered") + campaign.promised(journal)[::10]
        return "\n".join(campaign.worst_cuts(journal, sorted(moments), tmp_path))

    return found


def test_it_would_be_seen_if_commits_did_not_wait_for_the_disk(found_without: Callable[..., str]) -> None:
    wait = database._wait_for_the_disk
    found = found_without(database, "_wait_for_the_disk", lambda durable: wait(False))
    assert "acknowledged as durable are gone" in found
    assert "was answered 200 and is lost" in found


def hasty(what: str) -> Callable[..., Any]:
    """Writes in which this is noted do not wait for the disk."""
    write = Database.write

    async def written(self: Database, work: Any, *, durable: bool = True) -> Any:
        notes = what in getattr(getattr(work, "__code__", None), "co_names", ())
        return await write(self, work, durable=durable and not notes)

    return written


def test_it_would_be_seen_if_orders_left_before_they_were_marked_as_pending(found_without: Callable[..., str]) -> None:
    found = found_without(Database, "write", hasty("_pending"))
    assert "was on its way to the ERP and is not pending" in found and "are gone" not in found


def test_it_would_be_seen_if_stock_left_before_it_was_marked(found_without: Callable[..., str]) -> None:
    found = found_without(Database, "write", hasty("_look"))
    assert "was on its way to north and is not marked" in found and "are gone" not in found


def told(*events: Any) -> disk.Disk:
    journal = Journal()
    journal.start(Start({"a": b"old." * 256}))
    journal.events += events
    made = disk.Disk(journal)
    made.move_to(len(events))
    return made


def test_what_was_synced_is_on_every_image_and_the_rest_only_on_some() -> None:
    cut = told(Write(1, 0, b"kept"), Sync(1, 1), Write(1, 512, b"late"))
    images = {cut.image(Random(i))["a"] for i in range(50)}
    assert {image[:4] for image in images} == {b"kept"}
    assert {image[512:516] for image in images} == {b"old.", b"late"}


def test_a_write_that_began_while_a_sync_was_under_way_is_not_covered_by_it() -> None:
    cut = told(Write(1, 0, b"kept"), Write(1, 512, b"late"), Sync(1, 1))
    assert {cut.image(Random(i))["a"][512:516] for i in range(50)} == {b"old.", b"late"}


def test_a_write_over_two_sectors_may_be_torn_between_them(tmp_path: Path) -> None:
    cut = told(Write(1, 508, b"leftright"))
    images = {cut.image(Random(i))["a"][508:517] for i in range(200)}
    assert {b"leftright", b"old.old.o", b"leftold.o", b"old.right"} <= images


@pytest.mark.fault(9)
@pytest.mark.skipif(not full.may_mount(), reason="a small disk cannot be mounted here")
def test_a_full_disk_takes_nothing_that_it_cannot_keep_and_goes_on_by_itself_when_there_is_room() -> None:
    result = full.run(Effort(short=True, say=quiet))
    assert result.violations == ()
    assert result.figures["times full"] >= 3
    assert result.figures["answered 503"] > 0 and result.figures["answered 200"] > 0
