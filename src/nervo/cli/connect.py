"""`nervo connect`, `nervo mode`, `nervo check`, `nervo connectors`: systems, tested before they are saved."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from nervo import registry
from nervo.bootstrap import configuration
from nervo.bootstrap.connections import connected
from nervo.cli.opened import Opened, opened
from nervo.errors import BadInput, NervoError
from nervo.kit.clock import SystemClock
from nervo.kit.settings import Field, form, parse
from nervo.ports.common import Identity
from nervo.rules.config import ConnectionConfig
from nervo.store.codec import ms
from nervo.sync import identity
from nervo.sync.remote import Remote

Pairs = Annotated[
    list[str], typer.Option("--set", help="FIELD=VALUE; a secret as FIELD=- is read from standard input.")
]


def connectors() -> None:
    """Which systems nervo can connect."""
    table = Table("name", "kind", "system", "API version", "tier")
    for found in registry.connectors().values():
        table.add_row(found.name, found.kind, found.title, found.vendor_api_version, found.tier)
    Console().print(table)


def connect(
    connector: Annotated[str, typer.Argument(help="Which system: see nervo connectors.")],
    name: Annotated[str, typer.Option(help="Your name for this connection.")] = "",
    pairs: Pairs = [],  # noqa: B006 - typer's way
    untested: Annotated[
        bool, typer.Option("--untested", help="Save although the test fails or cannot be made.")
    ] = False,
) -> None:
    """Connects a system: asks for its settings, tests them, then saves. It stays read-only until `nervo mode NAME write`."""
    found, name = registry.connector(connector), name or connector
    store = opened()
    given = _given(form(found.settings), dict(_pair(p) for p in pairs), store, name)
    seen = asyncio.run(_test(ConnectionConfig(name, connector), parse(found.settings, given)))
    if not seen and not untested:
        raise typer.Exit(1)
    version = _save(store, name, found, given, seen)
    typer.echo(f"Saved {name} (configuration version {version}). It is read-only until: nervo mode {name} write")
    store.db.close()


def _pair(text: str) -> tuple[str, str]:
    field, sign, value = text.partition("=")
    if not sign:
        raise BadInput("reading --set", text, code="bad_option", fix="Write it as FIELD=VALUE.")
    return field, sys.stdin.readline().rstrip("\n") if value == "-" else value


def _given(fields: tuple[Field, ...], given: dict[str, Any], store: Opened, name: str) -> dict[str, Any]:
    """What was given, completed by what is kept, then by asking on a terminal."""
    connection = configuration.checked(configuration.live(store.db)[1]).connections.get(name)
    kept: Mapping[str, Any] = connection.settings if connection else {}
    for field in fields:
        if field.name in given or field.name in kept:
            given.setdefault(field.name, kept.get(field.name))
        elif field.required and sys.stdin.isatty():
            given[field.name] = typer.prompt(
                f"{field.label} ({field.help})" if field.help else field.label, hide_input=field.secret
            )
    return given


async def _test(connection: ConnectionConfig, settings: Any) -> Identity | None:
    """Asks the system who it is; what it says, check by check. None where it fails."""
    remote: Remote = connected(connection, settings, SystemClock())
    try:
        found: Identity = await remote.call("check")
    except NervoError as error:
        typer.echo(f"✗ {error}", err=True)
        return None
    finally:
        await remote.port.close()
    typer.echo(f"✓ {found.name} · {found.account} · {found.version} · {found.currency}")
    for check in found.checks:
        typer.echo(f"{'✓' if check.ok else '✗'} {check.name}{f': {check.detail}' if check.detail else ''}")
    return found if all(check.ok for check in found.checks) else None


def _save(store: Opened, name: str, found: registry.Connector, given: Mapping[str, Any], seen: Identity | None) -> int:
    secret = {f.name for f in form(found.settings) if f.secret}
    secrets = {k: str(v) for k, v in given.items() if k in secret and v}
    plain = {k: v for k, v in given.items() if k not in secret and v not in (None, "")}
    document = configuration.with_connection(
        configuration.live(store.db)[1], name, {"connector": found.name, "settings": plain}, is_erp=found.kind == "erp"
    )
    now = ms(SystemClock().now())
    configuration.checked(document)
    store.db.write_now(lambda tx: configuration.put_secrets(tx, store.vault, name, secrets))
    if seen:
        store.db.write_now(lambda tx: identity.accept(tx, name, seen, now))
    return configuration.apply(store.db, document, "cli", f"connect {name}", now)


def mode(
    name: Annotated[str, typer.Argument(help="The connection.")],
    mode: Annotated[str, typer.Argument(help="read: nothing is ever written there. write: flows run.")],
) -> None:
    """Switches a connection between read and write."""
    store = opened()
    document = configuration.live(store.db)[1]
    if name not in configuration.checked(document).connections:
        raise BadInput("switching a connection", name, code="unknown_connection", fix="nervo status shows their names.")
    document = configuration.with_connection(document, name, {"mode": mode}, is_erp=False)
    version = configuration.apply(store.db, document, "cli", f"{name} to {mode}", ms(SystemClock().now()))
    typer.echo(f"{name} is in mode {mode} (configuration version {version}).")
    store.db.close()


def check(name: Annotated[str, typer.Argument(help="The connection.")]) -> None:
    """Asks a connected system who it is and what we may do there."""
    store = opened()
    connection = configuration.checked(configuration.live(store.db)[1]).connections.get(name)
    if connection is None:
        raise BadInput("checking a connection", name, code="unknown_connection", fix="nervo status shows their names.")
    settings = configuration.settings_of(store.db, store.vault, connection)
    store.db.close()
    if not asyncio.run(_test(connection, settings)):
        raise typer.Exit(1)
