"""A process that has ended is known to have ended, and only then."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nervo.bootstrap.presence import BOOT, Presence
from nervo.staging.world import WorldErp, WorldShop
from tests.hub import TestHub

OTHER = "import sys; from pathlib import Path; from nervo.bootstrap.presence import Presence; "
OTHER += "print(Presence(Path(sys.argv[1])).owner, flush=True); sys.stdin.read()"
pytestmark = pytest.mark.skipif(
    not BOOT.exists(), reason="this system does not tell one run of the machine from another"
)


class Other:
    """Another process that shows its presence in a folder."""

    def __init__(self, folder: Path) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", OTHER, str(folder)], stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout
        self.owner = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    made = Other(tmp_path)
    yield made
    made.kill()


def test_it_is_gone_once_it_was_killed_and_not_while_it_runs_or_is_stopped(tmp_path: Path, other: Other) -> None:
    ours = Presence(tmp_path)
    assert not ours.gone(other.owner)
    os.kill(other.process.pid, signal.SIGSTOP)
    assert not ours.gone(other.owner)
    other.kill()
    assert ours.gone(other.owner) and ours.gone(other.owner)


def test_of_a_process_elsewhere_nothing_is_known(tmp_path: Path, other: Other) -> None:
    elsewhere = tmp_path / "copy"
    shutil.copytree(tmp_path, elsewhere)
    copied = Presence(elsewhere)
    other.kill()
    assert not copied.gone(other.owner) and not copied.gone("somewhere:1") and not copied.gone("")


def test_a_process_of_the_same_name_follows_one_that_has_ended(tmp_path: Path) -> None:
    ours = Presence(tmp_path)
    assert ours.gone(ours.owner)


async def test_the_next_hub_acts_at_once_where_the_last_one_is_known_to_have_ended(store: str) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    first = await TestHub(erp, {"shop": shop}, owner="hub-a").start()
    second = first.beside("hub-b")
    assert not await second.lease()
    second.hub.gone = lambda owner: owner == "hub-a"
    assert await second.lease() and second.hub.epoch == first.hub.epoch + 1
    assert not await first.lease()
    await first.close()
    await second.close()
