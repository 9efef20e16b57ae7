"""A hub that is being built takes webhooks already; one whose store goes away goes on when it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nervo.bootstrap import configuration
from nervo.bootstrap.demo import install
from nervo.bootstrap.presence import Presence
from nervo.bootstrap.supervisor import Supervisor
from nervo.bootstrap.vault import open_vault
from nervo.cli.serve import Doors
from nervo.errors import Unavailable
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


async def test_it_goes_on_by_itself_when_its_store_was_away(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, answers = configuration.live, iter([(0, ""), None, None])
    asked, again = 0, asyncio.Event()

    def away(db: Database) -> tuple[int, str]:
        nonlocal asked
        asked += 1
        if asked > 4:
            again.set()
        answer = next(answers, ())
        if answer is None:
            raise Unavailable("reading from the store", "server closed the connection")
        return answer or live(db)

    monkeypatch.setattr(configuration, "live", away)
    monkeypatch.setattr("nervo.bootstrap.supervisor.LOOK_S", 0.01)
    db, vault = Database(), open_vault(tmp_path / "secret.key")
    running = asyncio.create_task(Supervisor(db, vault, SystemClock(), Presence(tmp_path)).run())
    asking = asyncio.create_task(again.wait())
    async with asyncio.timeout(10):
        await asyncio.wait({running, asking}, return_when=asyncio.FIRST_COMPLETED)
    assert asking.done() and not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.to_thread(db.close)
