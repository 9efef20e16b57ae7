"""The short version of the campaigns: a few kills, one crash of the database, one hub stopped past its lease."""

from __future__ import annotations

import os

import pytest

from tests.postgres import URL_VARIABLE
from tests.prove.kills.campaign import GROUNDS, campaign
from tests.prove.kills.frozen import freeze

pytestmark = pytest.mark.slow
EVERY = pytest.mark.parametrize("kind", ["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.pg)])


@pytest.fixture(autouse=True)
def asked(request: pytest.FixtureRequest) -> None:
    """PostgreSQL is started here, since it is crashed; but only where the other tests have it too."""
    if request.getfixturevalue("kind") == "PostgreSQL" and not os.environ.get(URL_VARIABLE):
        pytest.skip(f"{URL_VARIABLE} is not set; ./dev test starts a private PostgreSQL")


@pytest.mark.fault(10)
@EVERY
def test_killed_at_any_moment_it_loses_nothing_acknowledged_and_repeats_no_effect(kind: str) -> None:
    tally = campaign(kind, 5, 1, print, crash_every=2)
    assert tally.violations == []
    assert (tally.kills, tally.lost, tally.repeated, tally.orders["duplicates"]) == (5, 0, 0, 0)
    assert tally.acknowledged > 50 and tally.orders["in_erp"] > 0
    assert tally.crashes > 0 or kind == "SQLite"


@pytest.mark.fault(28)
@EVERY
def test_a_hub_that_was_stopped_past_its_lease_writes_nothing_when_it_wakes(kind: str) -> None:
    with GROUNDS[kind]() as ground:
        seen = freeze(ground, 1, 1, lease_s=2.0)
    assert seen.violations == []
    assert seen.takeovers == 1 and seen.stale == 0 and seen.writes > 0
