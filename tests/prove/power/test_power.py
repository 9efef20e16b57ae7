"""The power goes at any moment: what was acknowledged is there, the rest is undone from its end, and the world's books stay right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nervo.flows.place_order import PlaceOrder
from nervo.store import database
from nervo.store.database import Database
from nervo.sync.publish import Publisher
from tests.prove.parts import Effort
from tests.prove.power import campaign, disk
from tests.prove.power.campaign import Plan
from tests.prove.power.journal import Journal, Sync, Write
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


def found_without(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, instead: Callable[..., Any]) -> str:
    """What the campaign finds when this is taken out of the product."""
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, instead)
        patched.setattr(campaign, "telling", lambda journal, moved: campaign.away(journal))
        result = campaign.campaign(Plan(histories=1, rounds=6, images=60, every=1000), quiet, first=7)
    return "\n".join(result.violations)


def test_it_would_be_seen_if_commits_did_not_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = database._wait_for_the_disk
    found = found_without(monkeypatch, database, "_wait_for_the_disk", lambda durable: wait(False))
    assert "acknowledged as durable are gone" in found


def test_it_would_be_seen_if_orders_left_before_they_were_marked_as_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sending(self: PlaceOrder, kept: Any, what: str) -> None:
        await self.hub.db.write(lambda tx: self._pending(tx, kept, what), durable=False)
        self.hub.sent_at[kept.id] = self.hub.clock.monotonic()

    assert "was on its way to the ERP and is not pending" in found_without(monkeypatch, PlaceOrder, "_sending", sending)


def test_it_would_be_seen_if_stock_left_before_it_was_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Database.write

    async def hasty(self: Database, work: Any, *, durable: bool = True) -> Any:
        looks = "_look" in getattr(getattr(work, "__code__", None), "co_names", ())
        return await write(self, work, durable=durable and not looks)

    assert "was on its way to" in found_without(monkeypatch, Database, "write", hasty)


def told(*events: Any) -> disk.Disk:
    journal = Journal()
    journal.start({"a": b"old." * 256})
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
