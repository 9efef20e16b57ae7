"""HTTP for connectors: one session per connection, time-outs that tell "not sent" from "unknown", every exchange recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractStreamWriter

from nervo.errors import Misunderstood, OutcomeUnknown, RateLimited, Unavailable
from nervo.kit.clock import Clock, SystemClock
from nervo.kit.pacing import Pace, may_leave, urgency
from nervo.kit.secrets import Scrubber
from nervo.kit.text import as_utf8

MAX_ANSWER_BYTES = 64 * 1024 * 1024
LONGEST_PAUSE_S = 3_600.0
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer with secrets masked. `status` 0: no answer came; `error` says why."""

    at: datetime
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: str
    status: int
    response_headers: Mapping[str, str]
    response_body: str
    elapsed_ms: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read whole; text in UTF-8, whatever it came in. Header names in lower case. `safe`: what was asked may be repeated."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    safe: bool = True

    @property
    def given_up(self) -> type[Unavailable] | type[OutcomeUnknown]:
        """What a 5xx stands for, 503 too: a gateway says it of a system that took the call and was too slow (Varnish, Fastly: "503
        first byte timeout"), so that nobody knows of a write."""
        return Unavailable if self.safe else OutcomeUnknown

    def json(self, doing: str) -> Any:
        """The body as JSON. Raises Misunderstood when it is not."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise Misunderstood(doing, f"{error}: {self.body[:200]!r}", status=self.status) from error


@dataclass(frozen=True, slots=True)
class ToolBox:
    """What a connector is built with: clock, pace, who keeps the exchanges, and how long a call may take."""

    clock: Clock = SystemClock()
    pace: Pace | None = None
    keep: Callable[[Exchange], None] | None = None
    timeout_s: float = 30.0


class _Leaving(aiohttp.BytesPayload):
    """A body that asks whether it may leave when its connection is there and it is about to be written, headers and all: a call may
    wait long for a connection, and a machine may stand still meanwhile. `refusal`: what it was told; then nothing has left."""

    def __init__(self, body: bytes, check: Callable[[], None]) -> None:
        super().__init__(body)
        self._check = check
        self.refusal: Exception | None = None

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        try:
            self._check()
        except Exception as refusal:
            self.refusal = refusal
            raise
        await super().write_with_length(writer, content_length)


class Http:
    """Calls to one host. Follows no redirects, reads no more than MAX_ANSWER_BYTES, checks certificates.

    Raises Unavailable when nothing was sent or the call is safe to repeat, OutcomeUnknown when an unsafe call may have taken
    effect, RateLimited while they want no calls. Status codes are the connector's to judge.
    """

    def __init__(
        self,
        base_url: str,
        tools: ToolBox,
        *,
        headers: Mapping[str, str] | None = None,
        auth: aiohttp.BasicAuth | None = None,
        known_secrets: tuple[str, ...] = (),
        connections: int = 8,
        idle_s: float = 15.0,
    ) -> None:
        self.base_url, self.tools = base_url.rstrip("/"), tools
        self.scrub = Scrubber(known_secrets)
        self.pace = tools.pace or Pace(tools.clock)
        self._headers, self._auth, self._connections = dict(headers or {}), auth, connections
        # Shorter than the server keeps idle connections: a call on one that it is closing has an unknown outcome.
        self._idle_s = idle_s
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        operation: str = "",
        cost: float = 1.0,
        priority: int | None = None,
        safe: bool | None = None,
    ) -> Answer:
        """One request. `safe` overrides what the method says (a GraphQL query is a safe POST), `priority` what the task's is. After
        a 429 nothing leaves for as long as they asked: RateLimited."""
        bucket = self.pace.of(operation)
        if left := bucket.closed_s():
            doing = self.scrub.text(f"calling {method} {self.base_url}{path}")
            raise RateLimited(doing, f"they asked to wait {left:.1f} s more", retry_after_s=left)
        await bucket.take(cost, urgency.get() if priority is None else priority)
        payload = msgspec.json.encode(json) if json is not None else body
        leaving: _Leaving | bytes | None = payload
        if check := may_leave.get():
            check()
            leaving = payload if method in SAFE else _Leaving(payload or b"", check)
        safe = method in SAFE if safe is None else safe
        sent = {**self._headers, **(headers or {})} | ({"Content-Type": "application/json"} if json is not None else {})
        started = self.tools.clock.monotonic()
        try:
            answer = await self._send(method, path, params, leaving, sent, timeout_s or self.tools.timeout_s)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._record(method, path, params, sent, payload, None, started, repr(error))
            if isinstance(leaving, _Leaving) and leaving.refusal:
                raise leaving.refusal from None
            raise self._failure(method, path, error, safe) from error
        answer = replace(answer, safe=safe)
        self._record(method, path, params, sent, payload, answer, started, "")
        if answer.status == 429:
            bucket.close_for(_asked_s(answer, self.tools.clock.now()))
        return answer

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        payload: _Leaving | bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
    ) -> Answer:
        url = path if path.startswith("http") else self.base_url + path
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(10.0, timeout_s))
        async with self._open().request(
            method, url, params=params, data=payload, headers=headers, timeout=timeout, allow_redirects=False
        ) as r:
            body = await r.content.read(MAX_ANSWER_BYTES) if r.content_length is None else await r.read()
            while r.content_length is None and not r.content.at_eof():
                body += await r.content.read(MAX_ANSWER_BYTES)
                if len(body) > MAX_ANSWER_BYTES:
                    raise aiohttp.ClientPayloadError("answer too large")
            kind = r.headers.get("content-type", "")
            return Answer(r.status, {k.lower(): v for k, v in r.headers.items()}, as_utf8(body, kind))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=self._idle_s)
            self._session = aiohttp.ClientSession(
                connector=connector, auth=self._auth, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
            )
            # aiohttp 3.14 sends a GET, PUT or DELETE again by itself when its connection breaks, untold and unrecorded.
            self._session._retry_connection = False
        return self._session

    def _failure(self, method: str, path: str, error: BaseException, safe: bool) -> Unavailable | OutcomeUnknown:
        doing = self.scrub.text(f"calling {method} {self.base_url}{path}")
        not_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        kind = Unavailable if safe or not_sent else OutcomeUnknown
        return kind(doing, self.scrub.text(str(error) or type(error).__name__))

    def _record(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        payload: bytes | None,
        answer: Answer | None,
        started: float,
        error: str,
    ) -> None:
        if self.tools.keep is None:
            return
        clock, scrub = self.tools.clock, self.scrub
        query = "?" + "&".join(f"{k}={v}" for k, v in params.items()) if params else ""
        self.tools.keep(
            Exchange(
                clock.now(),
                method,
                scrub.text((path if path.startswith("http") else self.base_url + path) + query),
                scrub.headers(headers.items()),
                scrub.text((payload or b"").decode("utf-8", "replace")),
                answer.status if answer else 0,
                scrub.headers(answer.headers.items()) if answer else {},
                scrub.text(answer.body.decode("utf-8", "replace")) if answer else "",
                (clock.monotonic() - started) * 1000,
                scrub.text(error),
            )
        )


def _asked_s(answer: Answer, now: datetime) -> float:
    """How long a 429 asks to wait: seconds, or until a date; a second where it does not say."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text) if text.strip().isdigit() else (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        seconds = 1.0
    return min(LONGEST_PAUSE_S, max(0.0, seconds))
