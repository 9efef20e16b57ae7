"""A plain TCP proxy for what does not speak HTTP, in a process of its own, so that it is as fast as the wire that it stands for.

python -m tests.prove.network.pipe URL: says its port, then obeys lines: "delay S", "cut", "stall S".
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from tests.prove.network import wire
from tests.prove.network.listener import GONE, Listener, Writer


class Pipe(Listener):
    """A plain TCP proxy, for what does not speak HTTP: bytes are delayed by `delay_s`, held while `stalled`, or all cut off."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.delay_s = 0.0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.connections, self.cut_off = 0, 0
        self._open: set[Writer] = set()

    def cut(self) -> None:
        """RST on every connection, at this very moment."""
        for writer in list(self._open):
            wire.reset(writer)
            self.cut_off += 1
        self._open.clear()

    @asynccontextmanager
    async def stalled(self) -> AsyncIterator[None]:
        """Nothing passes, and new connections are accepted and never answered, while the block runs."""
        self.flowing.clear()
        try:
            yield
        finally:
            self.flowing.set()

    async def stall(self, seconds: float) -> None:
        async with self.stalled():
            await asyncio.sleep(seconds)

    async def connection(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        await self.flowing.wait()
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self.connections += 1
        ends = {writer, far_writer}
        self._open |= ends
        ways = [
            asyncio.ensure_future(self._flow(reader, far_writer)),
            asyncio.ensure_future(self._flow(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open -= ends
            far_writer.close()

    async def _flow(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        with suppress(*GONE):
            while data := await reader.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self.flowing.wait()
                writer.write(data)
                await writer.drain()


@dataclass
class Line:
    """A pipe's process; `url` leads through it, `applied` counts what it was told."""

    process: asyncio.subprocess.Process
    url: str
    applied: Counter[str] = field(default_factory=Counter)

    def tell(self, what: str, seconds: float = 0.0) -> None:
        assert self.process.stdin
        self.applied[what] += bool(seconds) or what == "cut"
        self.process.stdin.write(f"{what} {seconds}\n".encode())


@asynccontextmanager
async def piped(url: str) -> AsyncIterator[Line]:
    """The same place through a pipe."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin and process.stdout
    port = int(await process.stdout.readline())
    parts = urlsplit(url)
    who = f"{parts.username}@" if parts.username else ""
    try:
        yield Line(process, urlunsplit(parts._replace(netloc=f"{who}127.0.0.1:{port}")))
    finally:
        process.stdin.close()
        await process.wait()


async def obey(url: str) -> None:
    """Until nobody speaks any more."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with Pipe(url).serve() as pipe:
        print(pipe.address[1], flush=True)
        while line := await commands.readline():
            what, seconds = line.split()
            match what:
                case b"delay":
                    pipe.delay_s = float(seconds)
                case b"cut":
                    pipe.cut()
                case b"stall":
                    pipe.task(pipe.stall(float(seconds)))


if __name__ == "__main__":
    asyncio.run(obey(sys.argv[1]))
