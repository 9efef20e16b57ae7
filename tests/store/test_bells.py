"""Bells between processes."""

from __future__ import annotations

import asyncio

from django.db import connection

from nervo.store import bells
from nervo.store.database import Database


async def test_a_bell_rings_in_a_listening_process_once_it_is_committed_and_never_when_it_is_rolled_back(store):
    db, heard = Database(), asyncio.Queue()
    listener = asyncio.create_task(bells.listen(heard.put_nowait))
    await asyncio.sleep(0.3)

    def fails(tx):
        bells.ring(tx, "lost")
        raise ValueError("rolled back")

    await asyncio.gather(db.write(fails), return_exceptions=True)
    await db.write(lambda tx: bells.ring(tx, "commands"))
    if connection.vendor == "postgresql":
        assert await asyncio.wait_for(heard.get(), 5) == "commands"
    assert heard.empty()
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    db.close()
