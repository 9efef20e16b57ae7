"""Properties: a store for each, one profile for all, and a count of what was tried."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from tests.hub import use_database
from tests.properties import ground, profile

REPORT = "NERVO_PROPERTIES_REPORT"
profile.load()


@pytest.fixture(autouse=True)
def store_of_properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One database and its threads for all examples of a property; every hub of theirs uses it."""
    from nervo.store.database import Database

    use_database(f"sqlite:///{tmp_path / 'nervo.sqlite3'}")
    made = ground.Ground(Database())
    ground._grounds.append(made)
    profile.SEEN["properties"] += 1
    monkeypatch.setattr("tests.hub.Database", lambda: made.db)
    yield
    ground._grounds.remove(made)
    made.close()
    connections["default"].close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if path := os.environ.get(REPORT):
        Path(path).write_text(json.dumps(profile.SEEN))
