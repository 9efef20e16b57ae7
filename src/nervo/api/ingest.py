"""Webhooks in: verified on the raw body, durable, and only then acknowledged. Nothing else happens in the request.

Answers: 200 stored, or stored before; 400 nested too deep; 401 forged; 404 no such door; 405 not a POST; 408 too slow; 413 too large;
415 compressed; 503 the store cannot take it (never a 2xx, so that the sender repeats it).
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog

from nervo.errors import Forged, NervoError
from nervo.kit.clock import Clock
from nervo.ports.shop import Delivery, WebhookRequest
from nervo.store import inbox
from nervo.store.codec import ms, text
from nervo.store.database import Database

PREFIX = "/hooks/"
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
NOT_NOW = "the store cannot take it now; send it again"
TIMEOUT_S = 10.0
KEPT = ("content-type", "user-agent")
KEPT_ENDINGS = (
    "-topic",
    "-event",
    "-event-id",
    "-webhook-id",
    "-delivery-id",
    "-domain",
    "-source",
    "-version",
    "-triggered-at",
)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Door:
    """Where one connection's webhooks come in. `verify` raises Forged."""

    connection: str
    verify: Callable[[WebhookRequest], Delivery]


class Refused(Exception):
    """The delivery is answered with this status and not kept."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why


class Ingest:
    """The ASGI application behind /hooks/<connection>. `refused` counts (connection, status) for the panel and tests."""

    def __init__(
        self,
        db: Database,
        doors: Mapping[str, Door],
        clock: Clock,
        ring: Callable[[str], None] = lambda bell: None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._intake, self._doors, self._clock, self._ring = inbox.Intake(db), doors, clock, ring
        self._timeout_s = timeout_s
        self.refused: Counter[tuple[str, int]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = str(scope["path"]).removeprefix(PREFIX).strip("/")
        try:
            await self._take(name, scope, receive)
        except Refused as refusal:
            self.refused[name if name in self._doors else "", refusal.status] += 1
            log.warning("webhook_refused", connection=name[:100], status=refusal.status, why=refusal.why)
            await _answer(send, refusal.status, refusal.why)
        else:
            await _answer(send, 200, "")
            self._ring("inbox")

    async def _take(self, name: str, scope: Scope, receive: Receive) -> None:
        door = self._doors.get(name)
        if door is None:
            raise Refused(404, "no such connection")
        if scope["method"] != "POST":
            raise Refused(405, "POST only")
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        _look(headers)
        body = None
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await _read(receive)
                await self._keep(door.connection, _verified(door, headers, body), headers, body)
        except TimeoutError as error:
            late = Refused(408, "the body did not come in time") if body is None else Refused(503, NOT_NOW)
            raise late from error

    async def _keep(self, connection: str, delivery: Delivery, headers: Mapping[str, str], body: bytes) -> None:
        kept = text({name: value for name, value in headers.items() if _kept(name)})
        digest = hashlib.sha256(body).hexdigest()
        row = (connection, delivery.topic, delivery.event_key, digest, kept, body, ms(self._clock.now()))
        try:
            await self._intake.add(row)
        except Exception as error:
            log.error("webhook_not_stored", connection=connection, error=repr(error))
            raise Refused(503, NOT_NOW) from error


def _verified(door: Door, headers: Mapping[str, str], body: bytes) -> Delivery:
    try:
        delivery = door.verify(WebhookRequest(headers, body))
    except Forged as error:
        raise Refused(401, error.doing) from error
    except NervoError as error:
        raise Refused(400, str(error)) from error
    if _may_be_json(headers) and _too_deep(body):
        raise Refused(400, f"nested deeper than {MAX_DEPTH}")
    return delivery


def _look(headers: Mapping[str, str]) -> None:
    """Refuses what need not be read."""
    if headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "compressed bodies are not taken")
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise Refused(413, f"larger than {MAX_BODY_BYTES} bytes")


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the sender hung up")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, f"larger than {MAX_BODY_BYTES} bytes")
        if not message.get("more_body"):
            return bytes(body)


@lru_cache(1024)
def _kept(name: str) -> bool:
    """Whether a header says what the delivery is. Signatures, tokens and cookies are never kept."""
    return name in KEPT or name.endswith(KEPT_ENDINGS)


def _may_be_json(headers: Mapping[str, str]) -> bool:
    kind = headers.get("content-type", "")
    return not kind or "json" in kind.lower()


def _too_deep(body: bytes) -> bool:
    """Whether brackets nest deeper than MAX_DEPTH; those inside strings count too, which no real payload minds."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in body.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


async def _answer(send: Send, status: int, why: str) -> None:
    body = why.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
