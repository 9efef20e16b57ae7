"""An unreliable postman between shops and hub: every delivery twice, some late and overtaken, some never."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
from aiohttp import web

HOPS = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})


class Postman:
    """Takes deliveries at its own address and carries them on to `target`, unchanged. Counts what it did."""

    def __init__(self, target: str, chance: Random, *, longest_delay_s: float = 0.6, lost_share: float = 0.03) -> None:
        self.target, self.chance = target.rstrip("/"), chance
        self.longest_delay_s, self.lost_share = longest_delay_s, lost_share
        self.delivered, self.refused, self.lost = 0, 0, 0
        self.url = ""
        self._rounds: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def work(self) -> AsyncIterator["Postman"]:
        """Delivers while the block runs."""
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession()
        try:
            yield self
        finally:
            for task in list(self._rounds):
                task.cancel()
            await asyncio.gather(*self._rounds, return_exceptions=True)
            await self._session.close()
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        """Says yes at once, as a lost delivery does too: only the sweep finds what it told of."""
        body, headers = await request.read(), {k: v for k, v in request.headers.items() if k.lower() not in HOPS}
        if self.chance.random() < self.lost_share:
            self.lost += 1
            return web.Response(status=200)
        for _ in range(2):
            delay_s = self.longest_delay_s * self.chance.random() ** 3
            task = asyncio.create_task(self._carry(request.path, headers, body, delay_s))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)
        return web.Response(status=200)

    async def _carry(self, path: str, headers: dict[str, str], body: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            async with self._session.post(self.target + path, data=body, headers=headers) as answer:
                self.delivered += answer.status < 300
                self.refused += answer.status >= 300
        except aiohttp.ClientError:
            self.refused += 1
