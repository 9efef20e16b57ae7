"""Keeps a hub running under the live configuration, and builds it again when the configuration changes."""

import asyncio
from collections.abc import Callable

import structlog

from nervo.bootstrap import configuration
from nervo.bootstrap.connections import Connections, connect_all
from nervo.bootstrap.hub import Running
from nervo.bootstrap.presence import Presence
from nervo.bootstrap.vault import Vault
from nervo.errors import NervoError, Unavailable
from nervo.kit.clock import Clock
from nervo.rules.config import Config
from nervo.store import bells, journal
from nervo.store.codec import ms
from nervo.store.database import Database, Tx
from nervo.sync.context import Hub
from nervo.sync.identity import introduce

LOOK_S = 1.0
AGAIN_S = 5.0
log = structlog.get_logger()
Changed = Callable[[Connections, Hub], None]


class Supervisor:
    """One process's hub. `changed` is told of the connections and the hub each time one has been built, before anybody is called, so
    that webhooks are taken meanwhile; `started` when it runs."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        clock: Clock,
        presence: Presence,
        *,
        engine: str = "memory",
        engine_url: str = "",
        changed: Changed = lambda connections, hub: None,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        self._db, self._vault, self._clock, self._presence = db, vault, clock, presence
        self._engine, self._engine_url = engine, engine_url
        self._changed, self._started = changed, started
        self.running: Running | None = None

    async def run(self) -> None:
        """Until cancelled. Without an ERP in the configuration it waits for one, without its store for that."""
        async with asyncio.TaskGroup() as group:
            group.create_task(bells.listen(self._rung))
            group.create_task(self._keep_running())

    def _rung(self, bell: str) -> None:
        if self.running:
            self.running.hub.ring(bell)

    async def _keep_running(self) -> None:
        while True:
            version, document = await self._live()
            config = configuration.checked(document)
            try:
                if config.erp:
                    await self._run(config, version)
                else:
                    await self._until_changed(version)
            except Unavailable as error:
                await self._without_store(error)

    async def _live(self) -> tuple[int, str]:
        """The live configuration, as soon as the store can tell it."""
        while True:
            try:
                return await asyncio.to_thread(configuration.live, self._db)
            except Unavailable as error:
                await self._without_store(error)

    async def _without_store(self, error: Unavailable) -> None:
        log.warning("store_unavailable", doing=error.doing, said=error.said)
        await self._clock.sleep(LOOK_S)

    async def _run(self, config: Config, version: int) -> None:
        connections = await asyncio.to_thread(connect_all, self._db, self._vault, config, self._clock)
        await self._db.write(lambda tx: self._report(tx, connections))
        try:
            if config.erp in connections.remotes and await self._start(config, connections):
                await self._until_changed(version)
            else:
                await self._clock.sleep(AGAIN_S)
        finally:
            await self._stop()
            await connections.close()

    async def _stop(self) -> None:
        running, self.running = self.running, None
        if running:
            try:
                await running.stop()
            except Unavailable as error:  # the lease runs out by itself
                log.warning("lease_not_given", said=error.said)

    async def _start(self, config: Config, connections: Connections) -> bool:
        running = Running(
            self._db,
            config,
            connections.remotes,
            self._clock,
            self._presence.owner,
            readers=connections.readers,
            engine=self._engine,
            engine_url=self._engine_url,
            gone=self._presence.gone,
        )
        self._changed(connections, running.hub)
        await asyncio.gather(*(introduce(running.hub, name) for name in connections.remotes))
        self.running = running
        try:
            await running.start()
        except NervoError as error:
            log.warning("start_failed", code=error.code, doing=error.doing, said=error.said)
            return False
        self._started()
        return True

    async def _until_changed(self, version: int) -> None:
        while (await self._live())[0] == version:
            await self._clock.sleep(LOOK_S)

    def _report(self, tx: Tx, connections: Connections) -> None:
        for name, error in connections.failed.items():
            journal.problem_of(tx, error, name, "connection", name, ms(self._clock.now()))
