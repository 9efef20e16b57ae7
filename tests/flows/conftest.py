"""Every test of orders runs on each engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from nervo.bootstrap.settings import ENGINES, Settings


@pytest.fixture(params=ENGINES)
def on_engine(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> dict[str, str]:
    """What a TestHub is given for its engine; each on SQLite and on PostgreSQL."""
    return {"engine": request.param, "engine_url": Settings(tmp_path, store).engine_url}
