"""Wiring: a store, a configuration and connections become a hub with its flows and its worker."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from nervo.bootstrap import django
from nervo.bootstrap.connections import remotes_of
from nervo.flows.admission import Admission
from nervo.flows.catalogue import failures_of, flows_of
from nervo.flows.engine import Engine, MemoryEngine
from nervo.flows.mark_shipped import follow_erp_orders
from nervo.kit.clock import Clock
from nervo.kit.http import Http, ToolBox
from nervo.rules.config import Config
from nervo.store.database import Database
from nervo.sync.context import Hub
from nervo.sync.front_door import FrontDoor
from nervo.sync.inbox import Reader
from nervo.sync.loops import sparing
from nervo.sync.remote import Remote
from nervo.sync.worker import Worker


def open_store(database_url: str, data_dir: Path, *, secret_key: str, environment: str = "production") -> Database:
    """Connects to the database and brings its tables up to date."""
    django.configure(database_url, data_dir, secret_key=secret_key, environment=environment)
    call_command("migrate", verbosity=0)
    settings.NERVO_DB = db = Database()  # the panel writes through the same one
    return db


def engine_of(hub: Hub, name: str, url: str) -> Engine:
    """The engine `name` for this hub's flows: memory, or dbos (imported only here) with its history at `url`."""
    if name == "memory":
        return MemoryEngine(flows_of(hub), failures_of(hub), hub.clock, home=hub.config.erp)
    from nervo.flows.engine_dbos import DbosEngine

    return DbosEngine(
        flows_of(hub), failures_of(hub), hub.clock, database_url=url, executor=hub.owner, home=hub.config.erp
    )


async def knock(clock: Clock, url: str) -> int:
    """The status that a GET is answered. Follows no redirect; raises NervoError where nobody answers."""
    http = Http(url, ToolBox(clock, timeout_s=10.0))
    try:
        return (await http.call("GET", "")).status
    finally:
        await http.close()


class Running:
    """A hub process: engine, worker and store, started and stopped together. `ports` are ports, or remotes already made.
    `engine` memory, or dbos with its history at `engine_url`."""

    def __init__(
        self,
        db: Database,
        config: Config,
        ports: Mapping[str, Any],
        clock: Clock,
        owner: str,
        *,
        readers: Mapping[str, Reader] | None = None,
        poll_s: float = 1.0,
        engine: str = "memory",
        engine_url: str = "",
        gone: Callable[[str], bool] = lambda owner: False,
    ) -> None:
        made = {n: p for n, p in ports.items() if isinstance(p, Remote)}
        bare = {n: p for n, p in ports.items() if n not in made}
        self.hub = Hub(db, config, made | remotes_of(config, bare, clock), clock, owner, gone=gone)
        self.engine = engine_of(self.hub, engine, engine_url)
        self.admission = Admission(self.hub, self.engine.start)
        self.hub.start_flow = self.admission.start
        door = FrontDoor(self.hub, partial(knock, clock))
        extra = {
            "erp_orders": sparing(self.hub, self._follow, "changed_orders"),
            "flows": self._resume,
            "front_door": door.step,
        }
        self.worker = Worker(self.hub, readers or {}, extra, poll_s=poll_s, opened=self._opened, lost=self.engine.drop)

    async def start(self) -> None:
        await self.worker.start()

    async def stop(self) -> None:
        try:
            await self.worker.stop()
        finally:
            await self.engine.stop()

    async def _opened(self) -> None:
        await self.admission.resume()

    async def _follow(self) -> int:
        return await follow_erp_orders(self.hub)

    async def _resume(self) -> int:
        """What is needed runs, whoever forgot to start it."""
        await self.admission.resume()
        return 0
