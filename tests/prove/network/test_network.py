"""The network campaign, short: the books of both sides agree after a seeded while of trouble on every edge."""

from __future__ import annotations

import pytest

from tests.prove.network.campaign import campaign
from tests.prove.network.proof import opened

SECONDS = 8.0
pytestmark = pytest.mark.slow


async def test_after_trouble_on_every_edge_nothing_is_lost_twice_or_wrong(database_url: str) -> None:
    unique = database_url.startswith("postgresql")
    async with opened(database_url) as (db, pipe):
        seen = await campaign(db, 7, SECONDS, unique_keys=unique, pipe=pipe)
    assert seen.wrong == []
    assert seen.reckoned.orders > 10 and all(seen.passed.values())
    assert len(seen.toxics) > 5 and bool(pipe) == any(name.startswith("database") for name in seen.toxics)
