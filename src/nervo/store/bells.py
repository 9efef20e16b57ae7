"""Bells between processes: on PostgreSQL a NOTIFY at commit wakes the others' loops; a poll stands behind it, so a lost one delays only.

On SQLite there is one process, whose own bells do.
"""

import asyncio
from collections.abc import Callable

import psycopg
from django.db import connection

from nervo.store.database import Tx

CHANNEL = "nervo_bell"
AGAIN_S = 2.0


def ring(tx: Tx, name: str) -> None:
    """Rings a bell in every process that listens, once this transaction is committed."""
    if connection.vendor == "postgresql":
        tx.rows("SELECT pg_notify(%s, %s)", (CHANNEL, name))


async def listen(rung: Callable[[str], None]) -> None:
    """Calls `rung` with each bell's name until cancelled; connects again when the connection is lost."""
    if connection.vendor != "postgresql":
        return
    parameters = connection.get_connection_params()
    kept = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(**kept, autocommit=True) as listening:
                await listening.execute(f"LISTEN {CHANNEL}")
                async for notice in listening.notifies():
                    rung(notice.payload)
        except psycopg.OperationalError:
            await asyncio.sleep(AGAIN_S)
