"""Vendure's Admin API: one GraphQL call, its session, and its refusals as our errors."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from nervo.connectors.vendure import queries
from nervo.connectors.vendure.settings import Settings
from nervo.errors import (
    AuthFailed,
    Misunderstood,
    NervoError,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
)
from nervo.kit.http import Answer, Http, ToolBox
from nervo.kit.secrets import Scrubber

T = TypeVar("T")

TOKEN_HEADER = "vendure-auth-token"
IDLE_S = 3.0  # Node closes idle connections after 5 s
STATUS: dict[int, type[NervoError]] = {
    401: AuthFailed, 403: AuthFailed, 404: NotFound, 429: RateLimited,
}  # fmt: skip
# Vendure answers 200 (400 for a document it cannot read) with errors[].extensions.code. A mutation is one transaction.
CODES: dict[str, type[NervoError]] = {
    "FORBIDDEN": AuthFailed, "UNAUTHORIZED": AuthFailed, "ENTITY_NOT_FOUND": NotFound, "USER_INPUT_ERROR": Rejected,
    "ILLEGAL_OPERATION": Rejected, "CHANNEL_NOT_FOUND": Rejected, "NO_VALID_CHANNEL": Rejected, "INTERNAL_SERVER_ERROR": Unavailable,
    "GRAPHQL_VALIDATION_FAILED": Misunderstood, "BAD_USER_INPUT": Misunderstood, "GRAPHQL_PARSE_FAILED": Misunderstood,
}  # fmt: skip


class _Extensions(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    message: str
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)


class _Reply(msgspec.Struct):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[_Error] | None = None


class _Refusal(msgspec.Struct):
    """A member of a result union that is an ErrorResult."""

    errorCode: str = ""
    message: str = ""
    transitionError: str = ""


class Client:
    """One channel as one administrator. The session is opened at the first call and again when Vendure has forgotten it."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        self.settings = settings
        headers = {"vendure-token": settings.channel} if settings.channel else {}
        secrets = (settings.password.reveal(), settings.webhook_secret.reveal())
        self.http = Http(settings.url, tools, headers=headers, known_secrets=secrets, idle_s=IDLE_S)
        # The answer to a login holds the session's token in a header: that exchange is not recorded.
        self._door = Http(
            settings.url, replace(tools, keep=None), headers=headers, known_secrets=secrets, idle_s=IDLE_S
        )
        self._secrets = secrets
        self._session = ""
        self._login = asyncio.Lock()

    async def close(self) -> None:
        await self.http.close()
        await self._door.close()

    async def query(self, document: str, fields: Mapping[str, type[T]], **variables: Any) -> dict[str, T]:
        """A query's top fields, each as its type. A null field is absent."""
        doing = f"asking for {' and '.join(fields)} in Vendure"
        data = await self._ask(document, variables, True, doing)
        return {
            name: _decoded(data[name], kind, doing)
            for name, kind in fields.items()
            if data.get(name, b"null") != b"null"
        }

    async def mutate(self, document: str, field: str, type: type[T], **variables: Any) -> T:
        """A mutation's field. Raises Rejected with Vendure's errorCode when the answer is an ErrorResult."""
        doing = f"calling {field} in Vendure"
        found = (await self._ask(document, variables, False, doing))[field]
        refusal = _decoded(found, _Refusal, doing) if found.startswith(b"{") else _Refusal()
        if refusal.errorCode:
            said = ": ".join(t for t in (refusal.message, refusal.transitionError) if t)
            raise Rejected(doing, said, code=refusal.errorCode.lower())
        return _decoded(found, type, doing)

    async def _ask(self, document: str, variables: Mapping[str, Any], safe: bool, doing: str) -> Mapping[str, bytes]:
        used = self._session or await self._log_in("")
        try:
            return await self._post(document, variables, safe, used, doing)
        except AuthFailed:
            return await self._post(document, variables, safe, await self._log_in(used), doing)

    async def _post(
        self, document: str, variables: Mapping[str, Any], safe: bool, session: str, doing: str
    ) -> Mapping[str, bytes]:
        body = {"query": document, "variables": dict(variables)}
        answer = await self.http.call(
            "POST", f"/{self.settings.admin_path}", json=body, headers={"Authorization": f"Bearer {session}"}, safe=safe
        )
        return {name: bytes(raw) for name, raw in _judged(answer, doing).items()}

    async def _log_in(self, forgotten: str) -> str:
        async with self._login:
            if self._session != forgotten:
                return self._session
            doing = f"logging in to Vendure as {self.settings.user}"
            variables = {"user": self.settings.user, "password": self.settings.password.reveal()}
            body = {"query": queries.LOGIN, "variables": variables}
            answer = await self._door.call("POST", f"/{self.settings.admin_path}", json=body, safe=True)
            refusal = _decoded(bytes(_judged(answer, doing)["login"]), _Refusal, doing)
            token = answer.headers.get(TOKEN_HEADER, "")
            if refusal.errorCode:
                raise AuthFailed(doing, refusal.message, code=refusal.errorCode.lower())
            if not token:
                raise Misunderstood(
                    doing, f"no {TOKEN_HEADER}", fix='Add "bearer" to authOptions.tokenMethod of the server.'
                )
            self._session = token
            self.http.scrub = Scrubber((*self._secrets, token))
            return token


def _judged(answer: Answer, doing: str) -> dict[str, msgspec.Raw]:
    """The data, or what went wrong as our error."""
    if answer.status not in (200, 400):
        kind = STATUS.get(answer.status) or (answer.given_up if answer.status >= 500 else Misunderstood)
        if kind is RateLimited:
            wait = answer.headers.get("retry-after", "")
            raise RateLimited(doing, f"HTTP {answer.status}", retry_after_s=float(wait) if wait.isdigit() else None)
        raise kind(doing, f"HTTP {answer.status}", status=answer.status)
    reply = _decoded(answer.body, _Reply, doing)
    if reply.errors:
        first = reply.errors[0]
        raise CODES.get(first.extensions.code, Misunderstood)(doing, first.message)
    if reply.data is None:
        raise Misunderstood(doing, f"no data: {answer.body[:200]!r}")
    return reply.data


def _decoded(raw: bytes, type: type[T], doing: str) -> T:
    try:
        return msgspec.json.decode(raw, type=type)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Misunderstood(doing, f"{error}: {raw[:200]!r}") from error
