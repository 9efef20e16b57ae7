"""A server that has imported everything and forks hub processes: each is `nervo up`, serving a moment after it was asked for.

python -m tests.prove.kills.forks FOLDER DATABASE_URL PORT NAME LATE_S LEASE_S
Commands, one a line: install (FOLDER/world.json), start, kill (-9). Says "pid N", "acts N", "ended STATUS". Its end is its children's.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from nervo import registry
from nervo.api import serving
from nervo.bootstrap import connections, demo, django, supervisor
from nervo.bootstrap.settings import Settings
from nervo.bootstrap.vault import open_vault
from nervo.cli import serve
from nervo.cli.opened import opened
from nervo.kit.http import Http
from nervo.sync import lease

PR_SET_PDEATHSIG = 1
WARNINGS = 30


@dataclass(frozen=True, slots=True)
class Given:
    """What a world tells of itself to whoever installs it."""

    text: str
    secret: dict[str, dict[str, str]]

    def document(self) -> str:
        return self.text

    def secrets(self) -> dict[str, dict[str, str]]:
        return self.secret


class Forks:
    """One hub at a time in one folder. The hub's writes are marked with `name`."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name = settings, name
        self.child = 0

    def serve(self) -> None:
        """Until stdin ends."""
        for line in sys.stdin:
            match line.strip():
                case "install":
                    self.child = forked(self._install)
                    say(f"ended {self._reap()}")
                case "start":
                    self.child = forked(self._hub)
                    say(f"pid {self.child}")
                case "kill":
                    os.kill(self.child, signal.SIGKILL)
                    say(f"ended {self._reap()}")

    def end(self) -> None:
        if self.child:
            os.kill(self.child, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        return os.waitstatus_to_exitcode(status)

    def _install(self) -> None:
        told = json.loads((self.settings.data_dir / "world.json").read_text())
        store = opened(self.settings)
        demo.install(Given(told["document"], told["secrets"]), store.db, store.vault)  # type: ignore[arg-type]
        store.db.close()

    def _hub(self) -> None:
        log = (self.settings.data_dir / f"{self.name}.log").open("a", buffering=1)
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(WARNINGS),
            processors=[
                structlog.processors.TimeStamper(),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            logger_factory=structlog.WriteLoggerFactory(log),
        )
        faulthandler.register(signal.SIGUSR1)  # where it stands, for a person who looks
        serving.run(
            serve.serve(
                self.settings, work=True, ready=lambda address: None, trading=lambda: say(f"acts {os.getpid()}")
            )
        )


def forked(work: Callable[[], None]) -> int:
    """A child that does this and nothing else, and that does not outlive its parent."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            work()
            code = 0
    except BaseException:  # noqa: BLE001 - the last word of this child
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def in_a_hurry(name: str, late_s: float, lease_s: float) -> None:
    """Writes take effect within `late_s` here, or not at all; and each says which hub sent it."""
    call = Http.call

    async def marked(self: Http, method: str, path: str, *, headers: Any = None, **rest: Any) -> Any:
        return await call(self, method, path, headers={**(headers or {}), "X-Hub": name}, **rest)

    def connect_all(*args: Any) -> connections.Connections:
        made = connections.connect_all(*args)
        for remote in made.remotes.values():
            remote.port.capabilities = replace(remote.port.capabilities, late_application_s=late_s)
        return made

    Http.call = marked  # type: ignore[method-assign]
    supervisor.connect_all = connect_all
    lease.LEASE_S, lease.RENEW_S = lease_s, lease_s / 4


def main(folder: str, database_url: str, port: str, name: str, late_s: str, lease_s: str) -> None:
    settings = Settings(Path(folder), database_url, port=int(port), environment="staging")
    key = open_vault(settings.key_file).derive("django")
    django.configure(database_url, settings.data_dir, secret_key=key, environment="staging")
    for module in ("nervo.panel.asgi", "nervo.panel.urls", "nervo.store.models"):
        importlib.import_module(module)  # here, so that no child has to
    for connector in registry.connectors():
        registry.connector(connector)
    in_a_hurry(name, float(late_s), float(lease_s))
    gc.freeze()
    forks = Forks(settings, name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say("ready 0")
    try:
        forks.serve()
    finally:
        forks.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
