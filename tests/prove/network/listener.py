"""What both proxies stand on: a free port of loopback, where each connection is a task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

Writer = asyncio.StreamWriter
GONE = (ConnectionError, asyncio.IncompleteReadError, OSError)


class Listener:
    """What accepts on a free port of loopback; each connection is a task that ends with the block."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.address = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._taken, "127.0.0.1", 0, limit=2**26)
        self.address = server.sockets[0].getsockname()[:2]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def task(self, work: Awaitable[None]) -> None:
        """Work that ends with the block."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _taken(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.task(self._kept(reader, writer))

    async def _kept(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            with suppress(*GONE):
                await self.connection(reader, writer)
        finally:
            writer.close()

    async def connection(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        raise NotImplementedError
