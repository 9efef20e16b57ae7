"""Hub processes as a campaign handles them: started, stopped, continued, killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nervo.staging.trading import World
from tests.postgres import free_port

KILLED = -signal.SIGKILL
LATE_S = 5.0
LEASE_S = 8.0
START_S = 120.0


class Ended(AssertionError):
    """A hub process ended by itself, or never began to act."""


class Hubs:
    """The hub processes of one folder and port, one after the other."""

    def __init__(self, folder: Path, name: str, port: int, server: asyncio.subprocess.Process) -> None:
        self.folder, self.name, self.port, self.pid = folder, name, port, 0
        self.url = f"http://127.0.0.1:{port}"
        self._server = server
        self._answers: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._acting = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def install(self, world: World) -> None:
        """The world's configuration and secrets go into the database, which is made."""
        told = {"document": world.document(), "secrets": world.secrets()}
        (self.folder / "world.json").write_text(json.dumps(told))
        if code := await self._ask("install"):
            raise Ended(f"installing the configuration ended with {code}")

    async def start(self) -> None:
        """Begins a process. It may not serve yet."""
        self._acting.clear()
        await self._ask("start")

    async def acting(self) -> None:
        """Returns once the process has built its hub and takes webhooks."""
        try:
            async with asyncio.timeout(START_S):
                await self._acting.wait()
        except TimeoutError:
            raise Ended(f"{self.name} did not begin to act in {START_S:.0f} s; see {self.name}.log") from None

    async def kill(self) -> None:
        """kill -9; returns once it is dead."""
        code = await self._ask("kill")
        self.pid = 0
        if code != KILLED:
            raise Ended(f"{self.name} ended by itself with {code}")

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def end(self) -> None:
        """Ends the server and with it the hub, whatever state they are in."""
        assert self._server.stdin
        self._server.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._server.wait()
        finally:
            if self._server.returncode is None:
                self._server.kill()
                await self._server.wait()
            self._reader.cancel()

    async def ready(self) -> None:
        word, _ = await self._answers.get()
        assert word == "ready", word

    async def _ask(self, command: str) -> int:
        assert self._server.stdin
        self._server.stdin.write(f"{command}\n".encode())
        word, number = await self._answers.get()
        if word == "gone":
            raise Ended(f"the server of {self.name} ended")
        return number

    async def _read(self) -> None:
        assert self._server.stdout
        async for line in self._server.stdout:
            word, number = line.decode().split()
            if word == "pid":
                self.pid = int(number)
            if word != "acts":
                await self._answers.put((word, int(number)))
            elif int(number) == self.pid:
                self._acting.set()
        await self._answers.put(("gone", 0))


@asynccontextmanager
async def hubs(
    folder: Path, database_url: str, name: str = "hub", *, late_s: float = LATE_S, lease_s: float = LEASE_S
) -> AsyncIterator[Hubs]:
    """A place for hub processes; none is left when the block ends, however it ends."""
    port = free_port()
    arguments = [str(folder), database_url, str(port), name, str(late_s), str(lease_s)]
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.prove.kills.forks", *arguments, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=(folder / f"{name}.err").open("a"), start_new_session=True,
    )  # fmt: skip
    made = Hubs(folder, name, port, server)
    try:
        await made.ready()
        yield made
    finally:
        await made.end()
