"""Tryton's JSON-RPC: one call, its session, and its refusals as our errors."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import msgspec

from nervo.connectors.tryton.settings import Settings
from nervo.connectors.tryton.wire import outgoing, wanted
from nervo.errors import (
    AuthFailed,
    Conflict,
    Misunderstood,
    NervoError,
    NotFound,
    RateLimited,
    Rejected,
    Unavailable,
    Unsupported,
)
from nervo.kit.http import Answer, Http, ToolBox
from nervo.kit.pacing import BULK
from nervo.kit.rows import decoded_rows
from nervo.kit.secrets import Scrubber

T = TypeVar("T")
P = TypeVar("P")
Domain = list[Any]
# Tryton answers a long poll after its own `long_polling_timeout`; one that we gave up on would keep a thread of it busy.
BELL_TIMEOUT_S = 28.0
BELL_CHANNEL = "nervo"
TOO_SLOW = "Set long_polling_timeout = 20 under [bus] in trytond.conf."
IDLE_S = 1.0  # gunicorn closes idle connections after 2 s

STATUS: dict[int, type[NervoError]] = {
    401: AuthFailed, 403: Rejected, 404: NotFound, 409: Conflict, 422: Misunderstood, 429: RateLimited, 500: Misunderstood,
}  # fmt: skip
REFUSALS: dict[str, type[NervoError]] = {
    "UserError": Rejected,
    "ConcurrencyException": Conflict,
    "LoginException": AuthFailed,
}
# A field that a module adds, and the model to ask whether the module is there.
OPTIONAL = {
    "product.product": {
        "attributes": "products.attributes",
        "weight": "products.weight",
        "weight_uom": "products.weight_uom.symbol",
    },
    "stock.shipment.out": {
        "shipping_reference": "shipments.shipping_reference",
        "carrier": "shipments.carrier.rec_name",
    },
}


class _Result(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: list[Any] | None = None


class _Message(msgspec.Struct):
    message_id: str


class _Rung(msgspec.Struct):
    message: _Message | None = None


class Client:
    """One database as one user. The session is opened at the first call and again when Tryton has forgotten it."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        self.settings = settings
        secrets = (settings.password.reveal(),)
        self.http = Http(settings.url, tools, known_secrets=secrets, idle_s=IDLE_S)
        # The answer to a login holds the session's token: that exchange is not recorded. A bell holds a connection for long.
        quiet = replace(tools, keep=None)
        self._door = Http(settings.url, quiet, known_secrets=secrets, idle_s=IDLE_S)
        self._bell = Http(settings.url, quiet, known_secrets=secrets, idle_s=IDLE_S)
        self.has_bus = False
        self._session = ""
        self._login = asyncio.Lock()
        self._without: frozenset[str] | None = None
        self.company: int | None = None

    async def close(self) -> None:
        for http in (self.http, self._door, self._bell):
            await http.close()

    async def version(self) -> str:
        """The server's series, e.g. "8.2"."""
        answer = await self.http.call(
            "POST", "/rpc/", json={"id": 1, "method": "common.server.version", "params": []}, safe=True
        )
        return str(_judged(answer, "asking Tryton's version", str))

    async def search(self, model: str, domain: Domain, *, limit: int | None = None, order: Sequence[tuple[str, str]] | None = None,
                     context: Mapping[str, Any] | None = None) -> list[int]:  # fmt: skip
        """Ids of records."""
        return await self.rpc(model, "search", domain, 0, limit, order, type=list[int], context=context, safe=True)

    async def find(
        self,
        model: str,
        domain: Domain,
        kind: type[T],
        *,
        limit: int | None = None,
        order: Sequence[tuple[str, str]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[T]:
        """Records as structs."""
        fields = wanted(kind, without=await self._missing_fields())
        wire: type[list[T]] = list[kind]  # type: ignore[valid-type]
        return await self.rpc(
            model, "search_read", domain, 0, limit, order, fields, type=wire, context=context, safe=True
        )

    async def find_each(
        self,
        model: str,
        domain: Domain,
        kind: type[T],
        place: type[P],
        *,
        order: Sequence[tuple[str, str]],
        context: Mapping[str, Any] | None = None,
    ) -> list[T | P]:
        """Records as structs; one that does not read so as its place."""
        fields = wanted(kind, without=await self._missing_fields())
        found = await self.rpc(
            model, "search_read", domain, 0, None, order, fields, type=list[msgspec.Raw], context=context, safe=True
        )
        return decoded_rows(found, kind, place, f"reading {model} in Tryton")

    async def rows(
        self, model: str, domain: Domain, fields: Sequence[str], *, limit: int, order: Sequence[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        """Records as plain dictionaries, inactive ones among them. A poll of a feed: it gives way to all other calls."""
        return await self.rpc(model, "search_read", domain, 0, limit, order, list(fields), type=list[dict[str, Any]],
                              context={"active_test": False}, safe=True, priority=BULK)  # fmt: skip

    async def read(
        self, model: str, ids: Sequence[int], kind: type[T], *, context: Mapping[str, Any] | None = None
    ) -> list[T]:
        """These records as structs, in no promised order. Raises Rejected when one does not exist."""
        if not ids:
            return []
        fields = wanted(kind, without=await self._missing_fields())
        wire: type[list[T]] = list[kind]  # type: ignore[valid-type]
        return await self.rpc(model, "read", list(ids), fields, type=wire, context=context, safe=True)

    async def create(self, model: str, values: Mapping[str, Any]) -> int:
        """A new record's id."""
        return (await self.rpc(model, "create", [values], type=list[int]))[0]

    async def button(self, model: str, name: str, ids: Sequence[int]) -> None:
        """Presses a button on records. A warning is answered "yes" once, and the button pressed again."""
        await self.rpc(model, name, list(ids), type=object)

    async def rpc(
        self,
        model: str,
        method: str,
        *params: Any,
        type: type[T],
        context: Mapping[str, Any] | None = None,
        safe: bool = False,
        priority: int | None = None,
    ) -> T:
        """One model method. UserWarning: skipped for this once, then called again."""
        full = {**({"company": self.company} if self.company else {}), **(context or {})}
        name = f"model.{model}.{method}"
        try:
            return await self._authorised(name, [*params, full], type, safe, priority)
        except _Warned as warned:
            await self._authorised("model.res.user.warning.skip", [warned.name, False, full], object, False)
            try:
                return await self._authorised(name, [*params, full], type, safe)
            except _Warned as again:
                raise Rejected(f"calling {name} in Tryton", again.said, code="warning") from again

    async def wizard(self, name: str, state: str, model: str, ids: Sequence[int]) -> None:
        """Runs a wizard's one state on records."""
        base = {"company": self.company}
        session = (await self._authorised(f"wizard.{name}.create", [base], list[Any], False))[0]
        context = {**base, "active_model": model, "active_id": ids[0], "active_ids": list(ids)}
        await self._authorised(f"wizard.{name}.execute", [session, {}, state, context], object, False)
        await self._authorised(f"wizard.{name}.delete", [session, base], object, False)

    async def bell(self, after: str) -> str:
        """Waits on Tryton's bus; the id of the message behind `after`, empty when none came."""
        return await self._in_session(partial(self._listen, after))

    async def _listen(self, after: str, session: str) -> str:
        try:
            answer = await self._bell.call(
                "POST", f"/{self.settings.database}/bus", json={"channels": [BELL_CHANNEL], "last_message": after or None},
                headers={"Authorization": f"Session {session}"}, operation="bus", safe=True, timeout_s=BELL_TIMEOUT_S,
            )  # fmt: skip
        except Unavailable as error:
            if type(error.__cause__) is TimeoutError:
                raise Unsupported(
                    "waiting for Tryton's doorbell", error.said, code="bus_too_slow", fix=TOO_SLOW
                ) from error
            raise
        doing = "waiting for Tryton's doorbell"
        if answer.status == 501:
            raise Unsupported(doing, "HTTP 501", code="no_bus", fix="Set allow_subscribe under [bus] in trytond.conf.")
        if answer.status != 200:
            raise _failed(answer, doing)
        rung = _decoded(answer.body, _Rung, doing)
        return rung.message.message_id if rung.message else ""

    async def _authorised(
        self, method: str, params: list[Any], type: type[T], safe: bool, priority: int | None = None
    ) -> T:
        return await self._in_session(partial(self._post, method, params, type, safe, priority))

    async def _in_session(self, call: Callable[[str], Awaitable[T]]) -> T:
        used = self._session or await self._log_in("")
        try:
            return await call(used)
        except AuthFailed:
            return await call(await self._log_in(used))

    async def _post(
        self, method: str, params: list[Any], type: type[T], safe: bool, priority: int | None, session: str
    ) -> T:
        answer = await self.http.call(
            "POST", f"/{self.settings.database}/rpc/", json={"id": 1, "method": method, "params": outgoing(params)},
            headers={"Authorization": f"Session {session}"}, operation=method, safe=safe, priority=priority,
        )  # fmt: skip
        return _judged(answer, f"calling {method} in Tryton", type)

    async def _log_in(self, forgotten: str) -> str:
        async with self._login:
            if self._session != forgotten:
                return self._session
            user, password = self.settings.user, self.settings.password.reveal()
            body = {"id": 1, "method": "common.db.login", "params": [user, {"password": password}, "en"]}
            answer = await self._door.call("POST", f"/{self.settings.database}/rpc/", json=body, safe=True)
            uid, token, *bus = _judged(answer, f"logging in to Tryton as {user}", list[Any])
            self.has_bus = bool(bus and bus[0])
            self._session = base64.b64encode(f"{user}:{uid}:{token}".encode()).decode()
            self.http.scrub = Scrubber((password, str(token), self._session))
            return self._session

    async def _missing_fields(self) -> frozenset[str]:
        if self._without is None:
            missing: set[str] = set()
            for model, fields in OPTIONAL.items():
                known = await self.rpc(model, "fields_get", None, type=dict[str, Any], safe=True)
                missing |= {path for field, path in fields.items() if field not in known}
            self._without = frozenset(missing)
        return self._without


class _Warned(Exception):
    """Tryton asks whether it may go on."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(name, said)
        self.name, self.said = name, said


def _judged(answer: Answer, doing: str, type: type[T]) -> T:
    """The result as `type`, or what went wrong as our error."""
    if answer.status != 200:
        raise _failed(answer, doing)
    found = _decoded(answer.body, _Result, doing)
    if found.error is not None:
        raise _refused(found.error, doing)
    return _decoded(found.result, type, doing)


def _failed(answer: Answer, doing: str) -> NervoError:
    kind = STATUS.get(answer.status) or (answer.given_up if answer.status >= 500 else Misunderstood)
    if kind is RateLimited:
        return RateLimited(doing, f"HTTP {answer.status}", retry_after_s=_seconds(answer.headers.get("retry-after")))
    return kind(doing, f"HTTP {answer.status}", status=answer.status)


def _decoded(raw: bytes | msgspec.Raw, type: type[T], doing: str) -> T:
    try:
        return msgspec.json.decode(raw, type=type)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Misunderstood(doing, f"{error}: {bytes(raw)[:200]!r}") from error


def _refused(error: list[Any], doing: str) -> Exception:
    name, detail = str(error[0]) if error else "", error[1] if len(error) > 1 else ""
    said = str(detail[0]) if isinstance(detail, list) and detail else str(detail)
    if name == "UserWarning" and isinstance(detail, list) and len(detail) > 1:
        return _Warned(str(detail[0]), str(detail[1]))
    if name in REFUSALS:
        return REFUSALS[name](doing, said)
    # Anything else is an exception's own text: a model, field or method that this Tryton does not have.
    return Misunderstood(doing, name)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None
