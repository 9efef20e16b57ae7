"""Wiring: a store, a configuration and connections become a hub with its flows and its worker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from django.core.management import call_command

from nervo.bootstrap import django
from nervo.bootstrap.connections import remotes_of
from nervo.errors import MachineError
from nervo.flows.cancel_order import cancel_order
from nervo.flows.engine import Engine, Flow, MemoryEngine
from nervo.flows.mark_shipped import follow_erp_orders, mark_shipped, problem_for, resume
from nervo.flows.place_order import PlaceOrder, record_payments
from nervo.kit.clock import Clock
from nervo.rules.config import Config
from nervo.store.database import Database
from nervo.sync.context import Hub
from nervo.sync.inbox import Reader
from nervo.sync.remote import Remote
from nervo.sync.worker import Worker

log = structlog.get_logger()


def open_store(database_url: str, data_dir: Path, *, secret_key: str, environment: str = "production") -> Database:
    """Connects to the database and brings its tables up to date."""
    django.configure(database_url, data_dir, secret_key=secret_key, environment=environment)
    call_command("migrate", verbosity=0)
    return Database()


class Running:
    """A hub process: engine, worker and store, started and stopped together. `ports` are ports, or remotes already made."""

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
    ) -> None:
        made = {n: p for n, p in ports.items() if isinstance(p, Remote)}
        bare = {n: p for n, p in ports.items() if n not in made}
        self.hub = Hub(db, config, made | remotes_of(config, bare, clock), clock, owner)
        self.engine = self._engine(engine, clock)
        self.hub.start_flow = self.engine.start
        self.worker = Worker(self.hub, readers or {}, {"erp_orders": self._follow}, poll_s=poll_s)

    async def start(self) -> None:
        await self.worker.start()
        await resume(self.hub)

    async def stop(self) -> None:
        await self.worker.stop()
        await self.engine.stop()

    def _engine(self, name: str, clock: Clock) -> Engine:
        return MemoryEngine(self._flows(), self._failed, clock)

    def _flows(self) -> dict[str, Flow]:
        return {
            "place_order": PlaceOrder(self.hub),
            "cancel_order": lambda order: cancel_order(self.hub, order),
            "update_payment": lambda order: record_payments(self.hub, order),
            "mark_shipped": lambda order: mark_shipped(self.hub, order),
        }

    async def _follow(self) -> int:
        return await follow_erp_orders(self.hub)

    async def _failed(self, flow: str, order_id: int, error: Exception) -> None:
        log.warning("flow_failed", flow=flow, order=order_id, error=type(error).__name__)
        if not isinstance(error, MachineError):
            await self.hub.db.write(lambda tx: problem_for(tx, self.hub, order_id, error))
