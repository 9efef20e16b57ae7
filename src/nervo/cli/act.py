"""`nervo problems …`, `nervo sync`, `nervo replay`, `nervo pause`, `nervo resume`: what a person asks the hub to do.

Each writes a command row; the worker acts. The command waits for the result while a worker runs.
"""

import getpass
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from nervo.cli.opened import opened
from nervo.errors import BadInput
from nervo.kit.clock import SystemClock
from nervo.store import operations, overview
from nervo.store.codec import moment, ms
from nervo.store.database import Database

app = typer.Typer(invoke_without_command=True, help="What cannot go on by itself, and what mends it.")
WAIT_S = 30.0
Id = Annotated[int, typer.Argument(help="The problem's number.")]


@app.callback()
def problems(context: typer.Context, limit: Annotated[int, typer.Option(help="How many.")] = 100) -> None:
    """Open problems, money first."""
    if context.invoked_subcommand:
        return
    store = opened()
    table = Table("no.", "what", "where", "on", "they said", "what to do", "money", "times", "since (UTC)")
    for p in store.db.read_now(lambda tx: overview.problems(tx, limit)):
        table.add_row(str(p.id), p.code, p.connection, f"{p.subject} {p.key}", p.said[:120], p.fix, p.money, str(p.count),
                      f"{moment(p.first_ms):%Y-%m-%d %H:%M}")  # fmt: skip
    Console().print(table)
    store.db.close()


@app.command()
def retry(problem: Id) -> None:
    """Tries again, after you have mended the cause."""
    _ask("problem.retry", problem_id=problem)


@app.command()
def ignore(problem: Id, reason: Annotated[str, typer.Option(help="Why: it is kept.")]) -> None:
    """Closes it without doing anything."""
    _ask("problem.ignore", problem_id=problem, reason=reason)


@app.command()
def approve(problem: Id) -> None:
    """Accepts what a guard rail or a total check stopped."""
    found = _problem(problem)
    if found.order_id:
        _ask("order.approve", order_id=found.order_id)
    else:
        _ask("guard.approve", channel=found.connection, kind=found.subject)


@app.command()
def correct(
    problem: Id,
    sku: Annotated[list[str], typer.Option(help="LINE=SKU: the ERP's SKU of an order line.")] = [],  # noqa: B006 - typer's way
    field: Annotated[
        list[str], typer.Option("--field", help="billing.city=Torino, shipping.postal_code=…, fiscal.vat_number=…")
    ] = [],  # noqa: B006
) -> None:
    """Corrects the order and sends it again."""
    found = _problem(problem)
    if not found.order_id:
        raise BadInput(
            "correcting a problem", str(problem), code="not_an_order", fix="Only orders can be corrected; use retry."
        )
    changes: dict[str, dict[str, str]] = {"skus": dict(_pair(s) for s in sku)} if sku else {}
    for path, value in (_pair(f) for f in field):
        part, _, name = path.partition(".")
        changes.setdefault(part, {})[name] = value
    _ask("order.correct", order_id=found.order_id, changes=changes)


def sync(
    channel: Annotated[str, typer.Argument(help="Compare this channel whole; none: read the ERP's stock whole.")] = "",
    sku: Annotated[str, typer.Option(help="Read only this SKU again at the ERP.")] = "",
) -> None:
    """Reads the truth again and publishes what differs."""
    if channel:
        _ask("sync.channel", channel=channel)
    else:
        _ask("sync.stock", **({"sku": sku} if sku else {}))


def replay(since: Annotated[datetime, typer.Option(help="From this moment on, UTC.")]) -> None:
    """Reads the stored webhooks once more; what is known already happens no second time."""
    _ask("inbox.replay", since_ms=ms(since.replace(tzinfo=UTC)))


def pause(name: Annotated[str, typer.Argument(help="The connection.")]) -> None:
    """Stops sending to a connection; what changes meanwhile waits."""
    _ask("connection.pause", name=name)


def resume(name: Annotated[str, typer.Argument(help="The connection.")]) -> None:
    """Goes on sending."""
    _ask("connection.resume", name=name)


def _problem(number: int) -> overview.ProblemRow:
    store = opened()
    found = [p for p in store.db.read_now(lambda tx: overview.problems(tx, 100_000)) if p.id == number]
    store.db.close()
    if not found:
        raise BadInput(
            "looking for a problem", str(number), code="unknown_problem", fix="nervo problems lists the open ones."
        )
    return found[0]


def _pair(text: str) -> tuple[str, str]:
    left, sign, right = text.partition("=")
    if not sign:
        raise BadInput("reading a correction", text, code="bad_option", fix="Write it as NAME=VALUE.")
    return left, right


def _ask(command: str, /, **args: Any) -> None:
    store = opened()
    try:
        now = ms(SystemClock().now())
        number = store.db.write_now(
            lambda tx: operations.add_command(tx, command, args, f"cli:{getpass.getuser()}", now)
        )
        state, result = _wait(store.db, number)
        typer.echo(result or f"{command}: {state}")
    finally:
        store.db.close()
    raise typer.Exit(1 if state == "failed" else 0)


def _wait(db: Database, number: int) -> tuple[str, str]:
    """The command's end; while no worker runs it stays queued."""
    for _ in range(int(WAIT_S * 10)):
        row = db.read_now(lambda tx: tx.one("SELECT state, result FROM store_command WHERE id = %s", (number,)))
        if row and row[0] in ("done", "failed"):
            return row[0], row[1]
        if not db.read_now(lambda tx: operations.lease_held(tx, ms(SystemClock().now()))):
            return "queued", "Queued: no worker is running. It is done when nervo up starts."
        time.sleep(0.1)
    return "queued", "Still waiting; nervo status shows how it goes."
