"""A server that answers as a test says, and what reached it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from nervo.kit.simulator import Simulator


class Echo(Simulator):
    """Answers every request with 200 and counts what took effect."""

    def __init__(self) -> None:
        super().__init__()
        self.effects: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        self.effects.append(f"{request.method} {request.path}")
        if request.path == "/moved":
            raise web.HTTPFound("/elsewhere")
        return web.json_response({"amount": 19.90}, headers={"X-Left": "7", "Set-Cookie": "session=abcdefgh"})


@asynccontextmanager
async def serving() -> AsyncIterator[Echo]:
    echo = Echo()
    async with echo.serve():
        yield echo
