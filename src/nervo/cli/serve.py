"""`nervo up`, `nervo web`, `nervo worker`: one process for everything, or apart."""

import asyncio
import os
import webbrowser
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Annotated, Any

import typer
import uvicorn

from nervo.api import serving
from nervo.api.ingest import Door, Ingest
from nervo.bootstrap import settings as environment
from nervo.bootstrap.connections import Connections
from nervo.bootstrap.presence import Presence
from nervo.bootstrap.settings import Settings
from nervo.bootstrap.supervisor import Supervisor
from nervo.cli.opened import Opened, opened
from nervo.errors import Unavailable
from nervo.kit.clock import SystemClock
from nervo.store import bells
from nervo.store.database import Database
from nervo.sync.context import Hub

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the panel in a browser.")] = False,
) -> None:
    """Panel, webhooks and worker in one process: the whole product on one machine."""
    serving.run(serve(_settings(host, port), work=True, browser=browser))


def web(host: str = "", port: int = 0) -> None:
    """Panel and webhooks only; the work is done by `nervo worker` on the same database."""
    serving.run(serve(_settings(host, port), work=False))


def worker() -> None:
    """The work only: reads, publishes, places orders. Several may run; one acts, the others stand by."""
    serving.run(_work_alone())


def _settings(host: str, port: int) -> Settings:
    if host:
        os.environ["NERVO_HOST"] = host
    if port:
        os.environ["NERVO_PORT"] = str(port)
    return environment.from_environment()


class Doors:
    """The ingest route's doors, kept in step with the configuration that runs."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.doors: dict[str, Door] = {}
        self.hub: Hub | None = None

    def changed(self, connections: Connections, hub: Hub) -> None:
        self.hub = hub
        self.doors.clear()
        self.doors.update({name: Door(name, verify) for name, verify in connections.verifiers.items()})

    def ring(self, bell: str) -> None:
        """This process's own hub, or the worker's in another process."""
        if self.hub:
            self.hub.ring(bell)
        else:
            self.db.submit(lambda tx: bells.ring(tx, bell))


async def serve(
    settings: Settings,
    *,
    work: bool,
    browser: bool = False,
    ready: Callable[[str], None] | None = None,
    trading: Callable[[], None] = lambda: None,
) -> None:
    """Serves until the process is told to stop. `ready` gets the panel's address once it answers; `trading` is called whenever
    a hub has been built and runs."""
    store, clock = await asyncio.to_thread(opened, settings), SystemClock()
    doors = Doors(store.db)
    supervisor = Supervisor(
        store.db,
        store.vault,
        clock,
        Presence(settings.data_dir),
        engine=settings.engine,
        engine_url=settings.engine_url,
        changed=doors.changed,
        started=trading,
    )
    ingest = Ingest(store.db, doors.doors, clock, doors.ring)
    app = routed(ingest, await asyncio.to_thread(_panel))
    server = serving.server(app, settings.host, settings.port)
    tasks = [asyncio.create_task(server.serve())]
    tasks.append(asyncio.create_task(supervisor.run() if work else _follow_doors(store, doors)))
    announce = asyncio.create_task(_announce(server, settings, browser, ready or typer.echo))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        server.should_exit = True
        announce.cancel()
        tasks[1].cancel()
        await asyncio.gather(*tasks, announce, return_exceptions=True)
        await asyncio.to_thread(store.db.close)


def routed(ingest: App, panel: App) -> App:
    """Webhooks to the ingest route, everything else to the panel."""

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await (ingest if scope["type"] == "http" and scope["path"].startswith("/hooks/") else panel)(
            scope, receive, send
        )

    return app


def _panel() -> App:
    from nervo.panel.asgi import application

    app: App = application()
    return app


async def _announce(server: uvicorn.Server, settings: Settings, browser: bool, say: Callable[[str], None]) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn rings no bell
        await asyncio.sleep(0.02)
    address = await asyncio.to_thread(_address, settings)
    say(f"nervo is up: {address}")
    if browser:
        await asyncio.to_thread(webbrowser.open, address)


def _address(settings: Settings) -> str:
    from nervo.panel.access import first_token

    token = first_token()
    return f"{settings.url}/first/{token}/" if token else f"{settings.url}/"


async def _follow_doors(store: Opened, doors: Doors) -> None:
    """The web process builds no hub; it only needs to know who may deliver."""
    from nervo.bootstrap import configuration
    from nervo.bootstrap.connections import connect_all

    version = -1
    while True:
        with suppress(Unavailable):  # the store comes back
            latest, document = await asyncio.to_thread(configuration.live, store.db)
            if latest != version:
                config = configuration.checked(document)
                made = await asyncio.to_thread(connect_all, store.db, store.vault, config, SystemClock())
                version = latest
                doors.doors.clear()
                doors.doors.update({name: Door(name, verify) for name, verify in made.verifiers.items()})
        await asyncio.sleep(1.0)


async def _work_alone() -> None:
    settings = environment.from_environment()
    store = await asyncio.to_thread(opened, settings)
    presence = Presence(settings.data_dir)
    typer.echo(f"worker {presence.owner} on {settings.database_url.split('@')[-1]}")
    with suppress(asyncio.CancelledError):
        await Supervisor(
            store.db, store.vault, SystemClock(), presence, engine=settings.engine, engine_url=settings.engine_url
        ).run()
