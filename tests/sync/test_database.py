"""The store's writer outlives whoever gives up waiting for it."""

import asyncio
import threading

import pytest

from nervo.store.database import Database, Tx


async def test_a_cancelled_caller_does_not_stop_the_writer(store: str) -> None:
    db, entered, leave = Database(), threading.Event(), threading.Event()

    def slow(tx: Tx) -> int:
        entered.set()
        leave.wait(5)
        return 1

    waiting = [asyncio.create_task(db.write(slow)), asyncio.create_task(db.write(lambda tx: 2))]
    await asyncio.to_thread(entered.wait, 5)
    for task in waiting:
        task.cancel()
    leave.set()
    for task in waiting:
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await asyncio.wait_for(db.write(lambda tx: 3), 5) == 3
    db.close()
