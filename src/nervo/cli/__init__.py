"""`nervo …`: the commands."""

import asyncio
import sys
from typing import Annotated

import structlog
import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="An integration hub between ERPs and e-commerce.")


@app.callback()
def everywhere() -> None:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr), processors=[structlog.processors.JSONRenderer()]
    )


@app.command()
def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Print one line of figures only; exit 0 only where they hold.")
    ] = False,
    orders: Annotated[int, typer.Option(help="How many orders are placed.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed draws the same orders and faults.")] = 1,
) -> None:
    """A hub between a rehearsal ERP and two rehearsal shops, with lost replies, refusals and an ERP outage."""
    from nervo.bootstrap.demo import Demo

    if not check:
        typer.echo(
            f"{orders} orders on two channels; replies get lost, calls are refused, the ERP goes down. A moment …"
        )
    result = asyncio.run(Demo(orders, seed).run(most_s=60))
    typer.echo(result.line())
    raise typer.Exit(0 if result.good else 1)


def main() -> None:
    app()
