"""A seeded panel and somebody in front of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from nervo.panel import access
from nervo.store.database import Database
from nervo.store.models import Command
from tests.panel.seed import Seed

Visit = Callable[..., Client]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite: what differs on PostgreSQL is in test_postgresql."""
    return f"sqlite:///{tmp_path / 'nervo.sqlite3'}"


@pytest.fixture
def db(store: str) -> Iterator[Database]:
    """The store's writer, as bootstrap gives it to the panel."""
    settings.NERVO_DB = made = Database(readers=1)
    cache.clear()
    yield made
    made.close()
    settings.NERVO_DB = None


@pytest.fixture
def seed(db: Database) -> Seed:
    return Seed(db, int(time.time() * 1000)).all()


@pytest.fixture
def visit(db: Database) -> Visit:
    """A browser of somebody with a role, or of nobody."""

    def made(role: str = "", language: str = "it", **options: Any) -> Client:
        client = Client(headers={"accept-language": language}, **options)
        if role:
            user = User.objects.create(username=f"{role}-{time.monotonic_ns()}", password="!")  # hashing takes its time
            access.set_role(user, role)
            client.force_login(user)
        return client

    return made


def commands() -> list[tuple[str, str]]:
    """(kind, arguments as JSON) of what has been asked."""
    return list(Command.objects.order_by("id").values_list("kind", "args"))
