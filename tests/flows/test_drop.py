"""What is dropped in the very moment in which it was started can be started again."""

from __future__ import annotations

import asyncio

from nervo.flows.engine import MemoryEngine
from nervo.kit.clock import ManualClock


async def test_a_flow_that_was_dropped_before_it_began_can_be_started_again():
    runs = []

    async def flow(document: int) -> None:
        runs.append(document)

    async def failed(*what: object) -> None: ...

    engine = MemoryEngine({"first": flow}, failed, ManualClock())
    engine.start("first", 1)
    await engine.drop()
    assert runs == []
    engine.start("first", 1)
    async with asyncio.timeout(5):
        await engine.idle()
    assert runs == [1]
