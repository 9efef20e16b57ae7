"""The power goes at any moment: what was acknowledged is there, the rest is undone from its end, and the world's books stay right."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from nervo.errors import Unavailable
from nervo.flows.place_order import PlaceOrder
from nervo.store import database, publications
from nervo.store.inbox import Intake
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
    assert result.figures["images equal to an uncut state"] == 100
    assert result.figures["non-durable transactions undone"] > 0, "no cut fell where something may be undone"


@pytest.mark.fault(53)
def test_a_power_cut_in_a_checkpoint_leaves_the_database_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "telling", lambda journal, moved: sorted(moved))
    result = campaign.campaign(Plan(histories=1, rounds=5, images=50, every=20), quiet, first=53)
    assert result.violations == ()
    assert result.figures["images in a checkpoint"] >= 20


@pytest.fixture
def found_without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What the worst cuts show when this is taken out of the product."""

    def found(owner: Any, name: str, instead: Callable[..., Any]) -> str:
        with campaign.quiet_place() as place:
            with monkeypatch.context() as patched:
                patched.setattr(owner, name, instead)
                journal = trade.record(place / "recorded", seed=7, rounds=6)
            moments = campaign.away(journal) + campaign.promised(journal, "answered") + campaign.promised(journal)[::20]
            return "\n".join(campaign.worst_cuts(journal, sorted(moments), place))

    return found


def test_it_would_be_seen_if_commits_did_not_wait_for_the_disk(found_without: Callable[..., str]) -> None:
    wait = database._wait_for_the_disk
    found = found_without(database, "_wait_for_the_disk", lambda ours, durable: wait(ours, False))
    assert "acknowledged as durable are gone" in found
    assert "was answered 200 and is lost" in found


def test_it_would_be_seen_if_orders_left_without_being_marked_as_pending(found_without: Callable[..., str]) -> None:
    async def sending(self: PlaceOrder, kept: Any, what: str) -> None:
        self.hub.sent_at[kept.id] = self.hub.clock.monotonic()

    found = found_without(PlaceOrder, "_sending", sending)
    assert "was on its way to the ERP and is not pending" in found and "are gone" not in found


def test_it_would_be_seen_if_stock_left_without_being_marked(found_without: Callable[..., str]) -> None:
    found = found_without(publications, "sending", lambda *args: None)
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


def test_a_write_over_two_sectors_may_be_torn_between_them() -> None:
    cut = told(Write(1, 508, b"leftright"))
    images = {cut.image(Random(i))["a"][508:517] for i in range(200)}
    assert {b"leftright", b"old.old.o", b"leftold.o", b"old.right"} <= images


MOUNTS = pytest.mark.skipif(not full.may_mount(), reason="a small disk cannot be mounted here")


@pytest.mark.fault(9)
@MOUNTS
def test_a_full_disk_takes_nothing_that_it_cannot_keep_and_goes_on_by_itself_when_there_is_room() -> None:
    result = full.run(Effort(short=True, say=quiet))
    assert result.violations == ()
    assert result.figures["times full"] >= 3
    assert result.figures["answered 503"] > 0 and result.figures["answered 200"] > 0


@MOUNTS
def test_it_would_be_seen_if_a_webhook_were_acknowledged_that_found_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    add = Intake.add

    async def careless(self: Intake, row: Any) -> None:
        with contextlib.suppress(Unavailable):
            await add(self, row)

    monkeypatch.setattr(Intake, "add", careless)
    assert "webhooks answered 200 are lost" in "\n".join(full.trade(cycles=1).violations)
