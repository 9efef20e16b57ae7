"""`nervo config …`: the company's decisions as versions of one TOML document."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from nervo.bootstrap import configuration
from nervo.cli.opened import opened
from nervo.errors import BadInput
from nervo.kit.clock import SystemClock
from nervo.rules.changes import Change, changes
from nervo.store import operations
from nervo.store.codec import moment, ms

app = typer.Typer(no_args_is_help=True, help="The configuration: connections, rules, guards. Secrets are kept apart.")
File = Annotated[Path, typer.Argument(help="A TOML file; - reads standard input.")]


@app.command()
def show(version: Annotated[int, typer.Option(help="An earlier version.")] = 0) -> None:
    """Prints the live configuration as TOML."""
    store = opened()
    number, document = configuration.live(store.db)
    if version:
        found = store.db.read_now(lambda tx: operations.config(tx, version))
        if found is None:
            raise BadInput(
                "showing the configuration", str(version), code="unknown_version", fix="See nervo config history."
            )
        number, document = version, found
    typer.echo(
        f"# version {number}\n{document}" if number else "# No configuration yet: nervo connect makes the first."
    )
    store.db.close()


@app.command()
def diff(file: File) -> None:
    """What a file would change; nothing is applied. Exit 1 where something differs."""
    store = opened()
    document = _read(file)
    configuration.checked(document)
    found = changes(configuration.live(store.db)[1], document)
    _print(found)
    store.db.close()
    raise typer.Exit(1 if found else 0)


@app.command()
def apply(file: File, note: Annotated[str, typer.Option(help="Why.")] = "") -> None:
    """Makes a file the live configuration. A running hub follows within a second."""
    store = opened()
    document = _read(file)
    configuration.checked(document)
    _print(changes(configuration.live(store.db)[1], document))
    version = configuration.apply(store.db, document, "cli", note, ms(SystemClock().now()))
    typer.echo(f"Version {version} is live.")
    store.db.close()


@app.command()
def rollback(version: Annotated[int, typer.Argument(help="The version to go back to.")]) -> None:
    """Makes an earlier version live again, as a new one."""
    store = opened()
    before = configuration.live(store.db)[1]
    number = configuration.rollback(store.db, version, "cli", ms(SystemClock().now()))
    _print(changes(before, configuration.live(store.db)[1]))
    typer.echo(f"Version {number} is live; it is version {version} again.")
    store.db.close()


@app.command()
def history() -> None:
    """All versions: when, who, why."""
    store = opened()
    table = Table("version", "when (UTC)", "who", "why")
    for number, created_ms, author, note in store.db.read_now(operations.config_history):
        table.add_row(str(number), f"{moment(created_ms):%Y-%m-%d %H:%M:%S}", author, note)
    Console().print(table)
    store.db.close()


def _read(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"reading {file}", str(error), code="bad_file", fix="Give a readable TOML file in UTF-8."
        ) from error


def _print(found: list[Change]) -> None:
    if not found:
        typer.echo("Nothing differs.")
    for change in found:
        before = "" if change.before is None else f"- {change.path} = {change.before!r}"
        after = "" if change.after is None else f"+ {change.path} = {change.after!r}"
        typer.echo("\n".join(line for line in (before, after) if line))
