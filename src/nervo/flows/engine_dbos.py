"""The engine port on DBOS Transact: every run of a flow is a durable workflow with one step, in this process.

Order, idempotence and retry are MemoryEngine's. DBOS keeps the history: which flow ran for which document, when, how it ended. What
is pending there is cancelled before DBOS may look at it, since the hub's own database says what has to run.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from functools import partial

from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID

from nervo.errors import NervoError, Unavailable
from nervo.flows.engine import Failed, Flow, MemoryEngine
from nervo.kit.clock import Clock, Ids, RandomIds

APPLICATION, VERSION = "nervo", "1"
PENDING = ["PENDING", "ENQUEUED", "DELAYED"]
ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
KEPT = timedelta(days=30)
TRIM_EVERY_RUNS = 1_000
Workflow = Callable[[int], Awaitable[None]]


class Stopped(Exception):
    """How a run ended, for the history: a code without anybody's data. The error itself stays in this process."""

    def __init__(self, code: str, error: Exception | None = None) -> None:
        super().__init__(code)
        self.code, self.error = code, error

    def __reduce__(self) -> tuple[type["Stopped"], tuple[str]]:
        return Stopped, (self.code,)


class DbosEngine(MemoryEngine):
    """Opens its history with the first run, so a hub that stands by leaves it alone. One engine at a time in a process.

    `database_url` is a SQLite file of its own, or PostgreSQL, where it lives in the schema `dbos`; `executor` names this process in it.
    """

    def __init__(
        self,
        flows: dict[str, Flow],
        failed: Failed,
        clock: Clock,
        *,
        database_url: str,
        executor: str,
        home: str = "",
        ids: Ids | None = None,
        at_once: int = 16,
        longest_pause_s: float = 60.0,
    ) -> None:
        super().__init__(flows, failed, clock, home=home, at_once=at_once, longest_pause_s=longest_pause_s)
        self._url, self._executor, self._ids = database_url, executor, ids or RandomIds()
        self._path = database_url.removeprefix("sqlite:///") if database_url.startswith("sqlite") else ""
        self._outside = copy_context()
        self._opening: asyncio.Task[dict[str, Workflow]] | None = None
        self._runs = 0

    def start(self, flow: str, document: int) -> None:
        """A flow that a flow starts is its own, not a child in DBOS's eyes."""
        self._outside.copy().run(super().start, flow, document)

    async def drop(self) -> None:
        await super().drop()
        opening, self._opening = self._opening, None
        if opening:
            await asyncio.wait([opening])
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # DBOS had put its own, and ends it
            await asyncio.to_thread(self._close)

    async def _once(self, name: str, document: int) -> None:
        try:
            workflows = await self._opened()
            with SetWorkflowID(f"order-{document}-{name}-{self._ids.new()}"):
                await workflows[name](document)
        except Stopped as stopped:
            raise stopped.error or stopped from None
        except Exception as trouble:
            raise Unavailable("keeping the engine's history", repr(trouble)) from trouble

    async def _opened(self) -> dict[str, Workflow]:
        """The workflows, once DBOS is up. Its launch outlives the run that asked for it, which may be dropped meanwhile."""
        opening = self._opening
        if opening is None or (opening.done() and opening.exception()):
            opening = self._opening = asyncio.create_task(asyncio.to_thread(self._launch))
        workflows = await asyncio.shield(opening)
        self._runs += 1
        if self._runs % TRIM_EVERY_RUNS == 0:
            await asyncio.to_thread(self._with_client, self._trim)
        return workflows

    def _launch(self) -> dict[str, Workflow]:
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        if self._path:
            _connected(self._path).close()
        DBOS.migrate(self._url)
        self._with_client(self._forget, self._trim)
        try:
            DBOS(config=self._config())
            workflows = {name: _durable(name, flow) for name, flow in self._flows.items()}
            DBOS.launch()
        except Exception:
            self._close()
            raise
        return workflows

    def _close(self) -> None:
        DBOS.destroy(destroy_registry=True)

    def _config(self) -> DBOSConfig:
        unhurried = {"connect_args": {"options": "-c synchronous_commit=off"}}
        return {
            "name": APPLICATION,
            "system_database_url": self._url,
            "db_engine_kwargs": {"creator": partial(_connected, self._path)} if self._path else unhurried,
            "application_version": VERSION,
            "executor_id": self._executor,
            "use_listen_notify": False,
            "max_executor_threads": 32,
            "log_level": "CRITICAL",
        }

    def _with_client(self, *acts: Callable[[DBOSClient], None]) -> None:
        client = DBOSClient(system_database_url=self._url, application_name=APPLICATION, retry_connection_errors=False)
        try:
            for act in acts:
                act(client)
        finally:
            client.destroy()

    def _forget(self, client: DBOSClient) -> None:
        found = client.list_workflows(status=PENDING, load_input=False, load_output=False)
        client.cancel_workflows([workflow.workflow_id for workflow in found])

    def _trim(self, client: DBOSClient) -> None:
        before = (self._clock.now() - KEPT).isoformat()
        old = client.list_workflows(
            status=ENDED, completed_before=before, limit=5_000, load_input=False, load_output=False
        )
        client.delete_workflows([workflow.workflow_id for workflow in old])


def _durable(name: str, flow: Flow) -> Workflow:
    """The flow as DBOS runs it: a workflow of its name with one step."""

    @DBOS.step(name=f"{name}_run")
    async def run(document: int) -> None:
        try:
            await flow(document)
        except Exception as error:  # noqa: BLE001 - carried out of DBOS, and judged there
            code = error.code if isinstance(error, NervoError) else type(error).__name__
            raise Stopped(code, error) from None

    @DBOS.workflow(name=name)
    async def workflow(document: int) -> None:
        await run(document)

    return workflow


def _connected(file: str) -> sqlite3.Connection:
    """Written ahead, and not waiting for the disk: of a history that is disposable, a power cut may take the end."""
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection
