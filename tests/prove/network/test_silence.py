"""A PostgreSQL that accepts and never answers is given up: a hub says so instead of hanging."""

from __future__ import annotations

import asyncio
import time

import pytest
from django.db import connection

from nervo.errors import Unavailable
from nervo.store.database import Database
from tests.conftest import empty_postgresql_database
from tests.hub import use_database
from tests.prove.network.pipe import piped

database = pytest.fixture(empty_postgresql_database)
pytestmark = [pytest.mark.slow, pytest.mark.pg]


async def test_a_database_that_accepts_and_never_answers_is_unavailable_and_back_when_it_answers(database: str) -> None:
    async with piped(database) as line:
        await asyncio.to_thread(use_database, line.url)
        db = Database()
        assert await db.read(lambda tx: tx.rows("SELECT 1")) == [(1,)]
        line.tell("stall", 14.0)
        line.tell("cut")
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await db.read(lambda tx: tx.rows("SELECT 1"))
        assert time.monotonic() - started < 13.5
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await db.read(lambda tx: tx.rows("SELECT 2")) == [(2,)]
                    break
                except Unavailable:
                    await asyncio.sleep(0.2)
        await asyncio.to_thread(db.close)


async def test_a_connection_that_fell_silent_is_noticed_by_the_system(database: str) -> None:
    def given() -> dict[str, str]:
        use_database(database)
        connection.ensure_connection()
        assert connection.connection is not None
        return dict(connection.connection.info.get_parameters())

    found = await asyncio.to_thread(given)
    assert int(found["tcp_user_timeout"]) <= 30_000 and int(found["keepalives_idle"]) <= 30
