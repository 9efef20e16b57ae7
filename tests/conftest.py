"""Fixtures for every test under tests/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.postgres import URL_VARIABLE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.pg)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of this test's own, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'nervo.sqlite3'}"
    else:
        yield from empty_postgresql_database()


def empty_postgresql_database() -> Iterator[str]:
    server_url = os.environ.get(URL_VARIABLE)
    if not server_url:
        pytest.skip(f"{URL_VARIABLE} is not set; ./dev test starts a private PostgreSQL")
    name = f"nervo_test_{os.urandom(6).hex()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def store(database_url: str) -> Iterator[str]:
    """Django points at this test's own database, migrated."""
    from django.db import connections

    from tests.hub import use_database

    use_database(database_url)
    yield database_url
    connections["default"].close()
