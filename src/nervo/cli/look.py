"""`nervo status`, `nervo orders`, `nervo flows`, `nervo drift`: what is going on."""

from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from nervo.bootstrap import configuration
from nervo.cli.opened import opened
from nervo.errors import BadInput
from nervo.rules.config import Config
from nervo.rules.flowmap import DataFlow, data_flows
from nervo.store import orders as orders_store
from nervo.store import overview
from nervo.store.codec import moment, plain
from nervo.store.database import Tx


def status() -> None:
    """Connections, orders by state, open problems, lag from the ERP to each channel."""
    store, console = opened(), Console()
    config = configuration.checked(configuration.live(store.db)[1])
    console.print(_connections(config, store.db.read_now(overview.connections)))
    seen = store.db.read_now(
        lambda tx: (overview.orders_by_state(tx), overview.problems_by_code(tx), overview.lease(tx))
    )
    orders, problems, holder = seen
    console.print("orders    " + (" · ".join(f"{state} {n}" for state, n in orders.items()) or "none"))
    console.print("problems  " + (" · ".join(f"{code} {n}" for code, n in problems.items()) or "none"))
    for channel in config.channels():
        lag = store.db.read_now(partial(overview.lag_ms, channel=channel.name))
        if lag:
            console.print(f"lag       {channel.name}: p50 {lag[0]} ms, p99 {lag[1]} ms, waiting {lag[2]}")
    console.print(f"worker    {holder or 'none: start nervo up'}")
    store.db.close()


def _connections(config: Config, states: dict[str, overview.ConnectionRow]) -> Table:
    table = Table("connection", "system", "role", "mode", "state", "last contact (UTC)", "last error")
    for name, connection in config.connections.items():
        row = states.get(name) or overview.ConnectionRow(name, "new", 0, "", False)
        role = "ERP" if name == config.erp else "channel"
        state = "paused" if row.paused else row.state
        table.add_row(name, connection.connector, role, connection.mode, state, _time(row.last_ok_ms), row.error)
    return table


def orders(
    number: Annotated[
        str, typer.Argument(help="An order's number at the channel or in the ERP: shows its timeline.")
    ] = "",
    state: Annotated[
        str, typer.Option(help="Only this state: received, held, in_erp, shipped, cancelled, ignored.")
    ] = "",
    limit: Annotated[int, typer.Option(help="How many.")] = 50,
) -> None:
    """The latest orders, or one order's timeline."""
    store = opened()
    if number:
        store.db.read_now(lambda tx: _timeline(tx, number))
    else:
        table = Table("channel", "number", "ERP", "placed (UTC)", "customer", "total", "payment", "state")
        for row in store.db.read_now(lambda tx: overview.orders(tx, state, limit)):
            table.add_row(row.connection, row.number, row.erp_number, _time(row.placed_ms), row.customer_name,
                          f"{row.total} {row.currency}", row.payment_status, row.state)  # fmt: skip
        Console().print(table)
    store.db.close()


def _timeline(tx: Tx, number: str) -> None:
    found = overview.find_orders(tx, number)
    if not found:
        raise BadInput("looking for an order", number, code="unknown_order", fix="nervo orders lists the latest.")
    for row in found:
        typer.echo(
            f"{row.connection} {row.number} · {row.customer_name} · {row.total} {row.currency} · {row.state} {row.erp_number}"
        )
        kept = orders_store.get(tx, row.id)
        for line in kept.order.lines if kept else ():
            typer.echo(
                f"  line {line.line_id}: {line.quantity} × {line.sku or 'no SKU'} {line.title} {line.total_gross}"
            )
        for at_ms, code, values, actor in overview.events(tx, row.id):
            told = " ".join(f"{k}={v}" for k, v in _values(values).items())
            typer.echo(
                f"  {moment(at_ms):%Y-%m-%d %H:%M:%S.%f}"[:-3]
                + f"  {code:22} {told}{'' if actor == 'nervo' else f' · {actor}'}"
            )


def _values(text: str) -> dict[str, Any]:
    values: dict[str, Any] = plain(text)
    return values


def flows(markdown: Annotated[bool, typer.Option("--markdown", help="As a document to keep.")] = False) -> None:
    """The data-flow map of the live configuration: entity, direction, source of truth, trigger, fields, rule."""
    store = opened()
    config = configuration.checked(configuration.live(store.db)[1])
    store.db.close()
    found = data_flows(config)
    if markdown:
        typer.echo(_markdown(config, found))
        return
    table = Table("entity", "from → to", "source of truth", "trigger", "fields", "rule", "runs")
    for flow in found:
        table.add_row(flow.entity, f"{flow.source} → {flow.target}", flow.source_of_truth, flow.trigger, flow.fields, flow.rule,
                      "yes" if flow.runs else "read-only")  # fmt: skip
    Console().print(table)


def _markdown(config: Config, found: list[DataFlow]) -> str:
    columns = ("entity", "from", "to", "source of truth", "trigger", "fields", "rule", "runs")
    rows = [columns, ("---",) * len(columns)] + [
        (f.entity, f.source, f.target, f.source_of_truth, f.trigger, f.fields, f.rule, "yes" if f.runs else "read-only")
        for f in found
    ]
    head = f"# Data flows of {config.company or 'this company'}\n\nSource of truth: {config.erp}\n\n"
    return head + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def drift(limit: Annotated[int, typer.Option(help="How many.")] = 50) -> None:
    """Where a channel showed something else than we had published: hand edits, found by the read-back sweep."""
    store = opened()
    table = Table("channel", "kind", "key", "we had published", "it showed", "when (UTC)")
    for channel, kind, key, expected, found, at_ms in store.db.read_now(lambda tx: overview.drift(tx, limit)):
        table.add_row(channel, kind, key, expected, found, _time(at_ms))
    Console().print(table)
    store.db.close()


def _time(at_ms: int) -> str:
    return f"{moment(at_ms):%Y-%m-%d %H:%M:%S}" if at_ms else "never"
