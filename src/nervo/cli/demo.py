"""`nervo demo`: the whole hub against simulated systems, or against real ones."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn
from rich.console import Console

from nervo.api.ingest import Door, Ingest
from nervo.bootstrap.connections import Verify
from nervo.bootstrap.demo import check as run_check
from nervo.bootstrap.demo import install, subscribe
from nervo.bootstrap.demo_real import demo_real
from nervo.bootstrap.settings import Settings
from nervo.cli.opened import Opened, opened
from nervo.cli.serve import serve
from nervo.kit.clock import SystemClock
from nervo.staging.peers.process import PeerError
from nervo.staging.people import People
from nervo.staging.trading import World, trading_world
from nervo.store.database import Database

CHECK_ORDERS = 300


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="No panel: trade fast and with trouble, print one line, exit 0 if it holds.")
    ] = False,
    real: Annotated[bool, typer.Option("--real", help="Real Tryton and real Vendure instead of simulators.")] = False,
    orders: Annotated[int, typer.Option(help="How many orders --check places.")] = CHECK_ORDERS,
    seed: Annotated[int, typer.Option(help="The same seed draws the same customers, orders and trouble.")] = 1,
    port: Annotated[int, typer.Option(help="Where the panel listens.")] = 8400,
) -> None:
    """An ERP, a WooCommerce and a Shopify that trade on this machine, and the hub between them with its panel."""
    if real:
        raise typer.Exit(0 if compared(seed) else 1)
    if check:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        raise typer.Exit(0 if asyncio.run(checked(orders, seed)) else 1)
    with suppress(KeyboardInterrupt):
        asyncio.run(shown(seed, port))


def compared(seed: int) -> bool:
    """Prints what was expected and what was seen at the real programs. What is missing on this machine is said in one line."""
    try:
        report = asyncio.run(demo_real(lambda text: typer.echo(text, err=True), seed=seed))
    except PeerError as missing:
        typer.echo(f"nervo demo --real: {missing}", err=True)
        return False
    report.show(Console())
    return report.good


async def checked(orders: int, seed: int) -> bool:
    """Prints the line; what else is wrong goes to stderr."""
    with tempfile.TemporaryDirectory(prefix="nervo-demo-") as folder:
        store = await asyncio.to_thread(_opened, Path(folder), 0)
        result = await run_check(store.db, store.vault, doorstep, orders=orders, seed=seed)
        await asyncio.to_thread(store.db.close)
    for complaint in result.complaints[:20]:
        typer.echo(complaint, err=True)
    typer.echo(result.line())
    return result.good


async def shown(seed: int, port: int) -> None:
    """The world at a human pace and the panel, until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="nervo-demo-") as folder:
        async with trading_world(seed) as world:
            store = await asyncio.to_thread(_opened, Path(folder), port)
            await asyncio.to_thread(install, world, store.db, store.vault)
            await asyncio.to_thread(store.db.close)
            trading = asyncio.Event()
            serving = asyncio.create_task(serve(store.settings, work=True, browser=_display(), trading=trading.set))
            living = asyncio.create_task(_live(world, trading, store.settings.url))
            try:
                done, _ = await asyncio.wait((serving, living), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                living.cancel()
                serving.cancel()
                await asyncio.gather(serving, living, return_exceptions=True)


async def _live(world: World, trading: asyncio.Event, url: str) -> None:
    await trading.wait()
    await subscribe(world, url)
    typer.echo("The shops are trading: an order every few seconds. Ctrl-C ends it.")
    await People(world).live()


def _opened(folder: Path, port: int) -> Opened:
    return opened(Settings(folder, f"sqlite:///{folder / 'nervo.sqlite3'}", port=port, environment="staging"))


def _display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class _Server(uvicorn.Server):
    """Leaves Ctrl-C to whoever it serves."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def doorstep(db: Database, verifiers: Mapping[str, Verify], ring: Callable[[str], None]) -> AsyncIterator[str]:
    """The hub's ingest route on a free port of this machine."""
    doors = {name: Door(name, verify) for name, verify in verifiers.items()}
    app = Ingest(db, doors, SystemClock(), ring)
    listener = socket.create_server(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
