"""PostgreSQL databases that are there at once: copies of one that was migrated."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connections


@contextmanager
def copy_of_empty(server_url: str) -> Iterator[str]:
    """URL of a migrated database without rows, gone afterwards."""
    template, name = _template(server_url), f"nervo_story_{os.urandom(6).hex()}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _template(server_url: str) -> str:
    from tests.hub import use_database

    name = f"nervo_empty_{os.urandom(6).hex()}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    atexit.register(_drop, server_url, name)
    use_database(urlunsplit(urlsplit(server_url)._replace(path=f"/{name}")))
    connections["default"].close()
    return name


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
