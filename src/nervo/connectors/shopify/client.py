"""Shopify's Admin API: one GraphQL call, its token, its cost, and its refusals as our errors."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from nervo.connectors.shopify import queries, wire
from nervo.connectors.shopify.settings import API_VERSION, Settings
from nervo.errors import (
    AuthFailed,
    BadInput,
    Misunderstood,
    NervoError,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from nervo.kit.http import Answer, Http, ToolBox
from nervo.kit.pacing import NORMAL, URGENT
from nervo.kit.secrets import Scrubber

T = TypeVar("T")

PATH = f"/admin/api/{API_VERSION}/graphql.json"
STATUS: dict[int, type[NervoError]] = {
    401: AuthFailed, 402: AuthFailed, 403: AuthFailed, 404: AuthFailed, 423: AuthFailed, 429: RateLimited, 430: Unavailable,
}  # fmt: skip
# OutcomeUnknown stands for "a mutation may have taken effect"; of a query it becomes Unavailable.
CODES: dict[str, type[NervoError]] = {
    "THROTTLED": RateLimited, "ACCESS_DENIED": AuthFailed, "SHOP_INACTIVE": AuthFailed, "INTERNAL_SERVER_ERROR": OutcomeUnknown,
    "TIMEOUT": OutcomeUnknown, "MAX_COST_EXCEEDED": Unavailable, "RESOURCE_NOT_FOUND": NotFound,
}  # fmt: skip
FIRST_GUESS = {"query": 100.0, "mutation": 10.0}
TOKEN_SPARE_S = 300.0


class _ErrorDetail(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    message: str
    extensions: _ErrorDetail = msgspec.field(default_factory=_ErrorDetail)


class _Throttle(msgspec.Struct):
    maximumAvailable: float
    currentlyAvailable: float
    restoreRate: float


class _Cost(msgspec.Struct):
    throttleStatus: _Throttle
    requestedQueryCost: float = 0.0


class _Extensions(msgspec.Struct):
    cost: _Cost | None = None


class _Reply(msgspec.Struct):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[_Error] | str | None = None
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float = 86_399.0


class TooCostly(Unavailable):
    """A query above what Shopify takes at once: its page was halved, ask again."""


class Client:
    """One shop as one app. A token is fetched at the first call and before it expires, unless a fixed one is set."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        self.settings = settings
        self._secrets = (settings.client_secret, settings.old_client_secret, settings.token)
        base = _checked(settings.base_url())
        self.http = Http(base, tools, known_secrets=self._secrets)
        # The answer to a grant is a token: that exchange is not recorded.
        self._door = Http(base, replace(tools, keep=None), known_secrets=self._secrets)
        self._token, self._token_until = settings.token.reveal(), float("inf")
        self._granting = asyncio.Lock()
        self._costs: dict[str, float] = {}
        self.page = {"Listings": 250, "ListingsById": 250, "Orders": 25}
        self.served_version = ""

    async def close(self) -> None:
        await self.http.close()
        await self._door.close()

    async def query(self, document: str, fields: Mapping[str, type[T]], **variables: Any) -> dict[str, T]:
        """A query's top fields, each as its type. A null field is absent."""
        data = await self._ask(document, variables)
        doing = f"reading {queries.operation(document)[1]} from Shopify"
        return {
            name: _decoded(data[name], kind, doing)
            for name, kind in fields.items()
            if data.get(name, b"null") != b"null"
        }

    async def mutate(self, document: str, *, priority: int = NORMAL, **variables: Any) -> wire.Payload:
        """A mutation's only field. Refusals are in its `userErrors`; what they mean is the caller's to say."""
        data = await self._ask(document, variables, priority)
        return _decoded(next(iter(data.values())), wire.Payload, f"calling {queries.operation(document)[1]} in Shopify")

    async def mutate_many(self, document: str, **variables: Any) -> dict[str, wire.Payload]:
        """A mutation with several fields, each answer by its alias."""
        data = await self._ask(document, variables)
        doing = f"calling {queries.operation(document)[1]} in Shopify"
        return {name: _decoded(raw, wire.Payload, doing) for name, raw in data.items()}

    async def _ask(self, document: str, variables: Mapping[str, Any], priority: int = NORMAL) -> dict[str, bytes]:
        used = await self._valid_token("")
        try:
            return await self._post(document, variables, used, priority)
        except AuthFailed as error:
            if self.settings.token or error.values.get("status") != 401:
                raise
            return await self._post(document, variables, await self._valid_token(used), priority)

    async def _post(self, document: str, variables: Mapping[str, Any], token: str, priority: int) -> dict[str, bytes]:
        kind, name = queries.operation(document)
        body = {"query": document, "operationName": name, "variables": dict(variables)}
        cost = self._costs.get(name, FIRST_GUESS[kind])
        headers = {"X-Shopify-Access-Token": token}
        answer = await self.http.call(
            "POST", PATH, json=body, headers=headers, cost=cost, priority=priority, safe=kind == "query"
        )
        return self._judged(answer, kind, name)

    def _judged(self, answer: Answer, kind: str, name: str) -> dict[str, bytes]:
        """The data, or what went wrong as our error."""
        doing = f"{'reading' if kind == 'query' else 'calling'} {name} in Shopify"
        self.served_version = answer.headers.get("x-shopify-api-version", self.served_version)
        if answer.status != 200:
            raise _http_error(answer, doing)
        reply = _decoded(answer.body, _Reply, doing)
        if cost := reply.extensions.cost:
            self._learn(name, cost)
        if reply.errors:
            raise self._graphql_error(reply, kind, name, doing)
        if reply.data is None:
            raise Misunderstood(doing, f"no data: {answer.body[:200]!r}")
        return {field: bytes(raw) for field, raw in reply.data.items()}

    def _learn(self, name: str, cost: _Cost) -> None:
        """The shop's own limit now; the next call of this kind is expected to cost the same."""
        status = cost.throttleStatus
        self.http.pace.of().learn(
            available=status.currentlyAvailable, rate=status.restoreRate, burst=status.maximumAvailable
        )
        if cost.requestedQueryCost:
            self._costs[name] = cost.requestedQueryCost

    def _graphql_error(self, reply: _Reply, kind: str, name: str, doing: str) -> NervoError:
        first = reply.errors[0] if isinstance(reply.errors, list) else _Error(str(reply.errors))
        code, said = first.extensions.code, first.message
        if code == "THROTTLED" or said == "Throttled":
            return RateLimited(doing, said, retry_after_s=_wait_s(reply.extensions.cost))
        if code == "MAX_COST_EXCEEDED" and self.page.get(name, 1) > 1:
            self.page[name] = self.page[name] // 2
            return TooCostly(doing, said)
        error = CODES.get(code, Misunderstood)
        if error is OutcomeUnknown and kind == "query":
            error = Unavailable
        fix = "Give the app this access scope in Shopify." if code == "ACCESS_DENIED" else ""
        return error(doing, said, fix=fix)

    async def _valid_token(self, refused: str) -> str:
        clock = self.http.tools.clock
        async with self._granting:
            if self._token and self._token != refused and clock.monotonic() < self._token_until - TOKEN_SPARE_S:
                return self._token
            self._token, life_s = await self._grant()
            self._token_until = clock.monotonic() + life_s
            self.http.scrub = Scrubber((*self._secrets, self._token))
            return self._token

    async def _grant(self) -> tuple[str, float]:
        """A token by the client-credentials grant and its life in seconds (24 hours)."""
        doing, settings = f"asking {self.settings.domain()} for an access token", self.settings
        if not settings.client_id or not settings.client_secret:
            raise AuthFailed(doing, "no client id and secret, and no token", fix="Fill them in.")
        body = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.reveal(),
            "grant_type": "client_credentials",
        }
        answer = await self._door.call(
            "POST", "/admin/oauth/access_token", json=body, safe=True, priority=URGENT, cost=0
        )
        if 400 <= answer.status < 429:
            raise AuthFailed(
                doing, f"HTTP {answer.status}", fix="Check client id, secret and that the app is installed."
            )
        if answer.status != 200:
            raise _http_error(answer, doing)
        grant = _decoded(answer.body, _Grant, doing)
        return grant.access_token, grant.expires_in


def _checked(url: str) -> str:
    """Plain HTTP only to this machine: a rehearsal's simulator."""
    parts = urlsplit(url)
    try:
        loopback = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if parts.scheme == "https" or (parts.scheme == "http" and loopback):
        return url
    raise BadInput("reading the address of a Shopify shop", url, code="bad_settings", fix="Use https.")


def _http_error(answer: Answer, doing: str) -> NervoError:
    error = STATUS.get(answer.status) or (answer.given_up if answer.status >= 500 else Misunderstood)
    if error is RateLimited:
        wait = answer.headers.get("retry-after", "")
        return RateLimited(doing, f"HTTP {answer.status}", retry_after_s=_seconds(wait))
    return error(doing, f"HTTP {answer.status}", status=answer.status)


def _seconds(text: str) -> float:
    return float(text) if text.replace(".", "", 1).isdigit() else 1.0


def _wait_s(cost: _Cost | None) -> float:
    """Until the bucket holds what was asked for."""
    if cost is None:
        return 1.0
    status = cost.throttleStatus
    return max(0.1, (cost.requestedQueryCost - status.currentlyAvailable) / (status.restoreRate or 1.0))


def _decoded(raw: bytes, type: type[T], doing: str) -> T:
    try:
        return msgspec.json.decode(raw, type=type)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Misunderstood(doing, f"{error}: {raw[:200]!r}") from error
