"""A hub that is being built takes webhooks already."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nervo.bootstrap.demo import install
from nervo.bootstrap.presence import Presence
from nervo.bootstrap.supervisor import Supervisor
from nervo.bootstrap.vault import open_vault
from nervo.cli.serve import Doors
from nervo.kit.clock import SystemClock
from nervo.kit.simulator import Fault, FaultKind
from nervo.staging.trading import trading_world
from nervo.store.database import Database


@pytest.mark.fault(7)
async def test_the_doors_are_open_while_the_erp_lets_the_hub_wait(store: str, tmp_path: Path) -> None:
    async with trading_world(1) as world:
        db, vault = Database(), open_vault(tmp_path / "secret.key")
        install(world, db, vault)
        world.erp.faults.append(Fault(FaultKind.SLOW, "GET", times=1_000, seconds=60))
        doors, started = Doors(db), asyncio.Event()
        built = asyncio.Event()

        def changed(*made: object) -> None:
            doors.changed(*made)
            built.set()

        supervisor = Supervisor(db, vault, SystemClock(), Presence(tmp_path), changed=changed, started=started.set)
        running = asyncio.create_task(supervisor.run())
        async with asyncio.timeout(10):
            await built.wait()
        assert set(doors.doors) == {"woocommerce", "shopify"} and not started.is_set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(db.close)
