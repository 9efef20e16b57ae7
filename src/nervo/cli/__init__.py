"""`nervo …`: the commands."""

import atexit
import sys
from typing import TextIO, cast

import structlog
import typer

from nervo.errors import NervoError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An integration hub between ERPs and e-commerce.",
)


@app.callback()
def everywhere() -> None:
    from nervo.bootstrap.lines import Lines

    lines = Lines(sys.stderr)
    atexit.register(lines.close)
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, lines)),
        processors=[structlog.processors.JSONRenderer()],
    )


def _register() -> None:
    from nervo.cli import act, backup, configuration, connect, demo, look, serve

    for command in (serve.up, serve.web, serve.worker, connect.connectors, connect.connect, connect.mode, connect.check,
                    look.status, look.orders, act.sync, act.replay, act.pause, act.resume, look.flows, look.drift,
                    backup.backup, backup.restore, backup.rotate_key, demo.demo):  # fmt: skip
        app.command(command.__name__.replace("_", "-"))(command)
    app.add_typer(act.app, name="problems")
    app.add_typer(configuration.app, name="config")


def main() -> None:
    """Runs a command. What a person can mend is said in one line, without a traceback."""
    _register()
    try:
        app()
    except NervoError as error:
        typer.echo(f"nervo: {error}", err=True)
        sys.exit(1)
