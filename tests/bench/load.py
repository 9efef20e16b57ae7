"""A load generator: keep-alive connections without pipelining, each body signed and unique."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from typing import cast

HEAD = (
    "POST /hooks/shop HTTP/1.1\r\nhost: nervo\r\ncontent-type: application/json\r\nuser-agent: Shopify-Captain-Hook\r\n"
    "x-shopify-topic: orders/updated\r\nx-shopify-shop-domain: {shop}\r\nx-shopify-api-version: 2026-07\r\n"
    "x-shopify-webhook-id: {event}\r\nx-shopify-hmac-sha256: {signature}\r\ncontent-length: {length}\r\n\r\n"
)


class Letters:
    """Signed requests, no two alike. The HMAC of the part that all bodies share is computed once."""

    def __init__(self, shop: str, secret: str, size: int) -> None:
        start = b'{"admin_graphql_api_id": "gid://shopify/Order/1042", "note": "' + b"x" * (size - 90)
        self._shop, self._start, self._mac = shop, start, hmac.new(secret.encode(), start, hashlib.sha256)
        self._made = 0

    def next(self) -> bytes:
        self._made += 1
        tail = b'%020d"}' % self._made
        mac = self._mac.copy()
        mac.update(tail)
        event = hashlib.blake2b(tail, digest_size=16).hexdigest()
        signature, length = base64.b64encode(mac.digest()).decode(), len(self._start) + len(tail)
        head = HEAD.format(shop=self._shop, event=event, signature=signature, length=length)
        return head.encode() + self._start + tail


class Sender(asyncio.Protocol):
    """One connection: the next request leaves when the last one was answered."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        if self._load.left <= 0:
            self._transport.close()
            return
        self._load.left -= 1
        self._buffer = b""
        self._sent = time.perf_counter()
        self._transport.write(self._load.letters.next())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\r\n\r\n" in self._buffer:
            self._load.answered(int(self._buffer[9:12]), time.perf_counter() - self._sent)
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.closed()


class Load:
    """So many requests over so many connections; `seconds` holds each answer's time, `refused` those that were not 200."""

    def __init__(self, letters: Letters, requests: int) -> None:
        self.letters, self.left = letters, requests
        self.seconds: list[float] = []
        self.refused = 0
        self._open = 0
        self._over = asyncio.Event()

    async def run(self, port: int, connections: int) -> float:
        """Sends all; how many seconds it took."""
        loop = asyncio.get_running_loop()
        self._open = connections
        started = time.perf_counter()
        for _ in range(connections):
            await loop.create_connection(lambda: Sender(self), "127.0.0.1", port)
        await self._over.wait()
        return time.perf_counter() - started

    def answered(self, status: int, seconds: float) -> None:
        self.seconds.append(seconds)
        self.refused += status != 200

    def closed(self) -> None:
        self._open -= 1
        if not self._open:
            self._over.set()
