"""The rehearsal ERP's HTTP: one function per call, and its refusals as our errors."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from nervo.connectors.rehearsal_erp import wire
from nervo.connectors.rehearsal_erp.settings import Settings
from nervo.errors import (
    AuthFailed,
    Conflict,
    Misunderstood,
    NervoError,
    NotFound,
    RateLimited,
    Rejected,
)
from nervo.kit.http import Answer, Http, ToolBox

T = TypeVar("T")

ROOT = "/api/v1"
BELL_S = 25
NEEDED_RIGHTS = ("catalogue", "stock", "customers", "orders", "payments")
STATUS: dict[int, type[NervoError]] = {
    400: Misunderstood, 401: AuthFailed, 403: AuthFailed, 404: NotFound, 405: Misunderstood, 409: Rejected, 413: Rejected,
    422: Rejected, 423: Conflict, 429: RateLimited,
}  # fmt: skip
FIXES = {
    "unknown_sku": "Create the SKU in the ERP, then press Retry.",
    "period_closed": "Open the period in the ERP or correct the order's date, then press Retry.",
    "bad_vat": "Compare the article's VAT rate in the ERP with the order's, then press Retry.",
    "bad_vat_number": "Correct the customer's partita IVA, then press Retry.",
    "bad_tax_code": "Correct the customer's codice fiscale, then press Retry.",
    "total_differs": "Compare the order's lines with its total, then press Retry.",
}


class Taken(Exception):
    """Something is already there under that key or identifier: its id."""

    def __init__(self, code: str, id: str) -> None:
        super().__init__(code, id)
        self.code, self.id = code, id


class Client:
    """One company with one token."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        self.settings = settings
        token = settings.token.reveal()
        headers = {"Authorization": f"Bearer {token}"}
        # The doorbell holds one connection for as long as it waits.
        self.http = Http(settings.url, tools, headers=headers, known_secrets=(token,), connections=17)

    async def close(self) -> None:
        await self.http.close()

    async def read(self, path: str, type: type[T], doing: str, **params: object) -> T:
        """A GET. Parameters that are None are left out."""
        given = {k: str(v) for k, v in params.items() if v is not None}
        answer = await self.http.call(
            "GET", ROOT + path, params=given, timeout_s=BELL_S + 15 if path == "/bell" else None
        )
        return _judged(answer, doing, type)

    async def ask(self, path: str, body: wire.Document, type: type[T], doing: str) -> T:
        """A POST that changes nothing."""
        return await self._post(path, body, type, doing, safe=True)

    async def write(self, path: str, body: wire.Document | None, type: type[T], doing: str) -> T:
        """A POST that changes something. Raises Taken where the key is in use."""
        return await self._post(path, body, type, doing, safe=False)

    async def _post(self, path: str, body: wire.Document | None, type: type[T], doing: str, *, safe: bool) -> T:
        answer = await self.http.call("POST", ROOT + path, json={} if body is None else body, safe=safe)
        return _judged(answer, doing, type)


def _judged(answer: Answer, doing: str, type: type[T]) -> T:
    if answer.status not in (200, 201):
        raise _refused(answer, doing)
    try:
        return msgspec.json.decode(answer.body, type=type)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Misunderstood(doing, f"{error}: {answer.body[:200]!r}") from error


def _refused(answer: Answer, doing: str) -> Exception:
    kind = STATUS.get(answer.status) or (answer.given_up if answer.status >= 500 else Misunderstood)
    if kind is RateLimited:
        return RateLimited(doing, "too many calls", retry_after_s=_seconds(answer.headers))
    fault = _fault(answer)
    if answer.status == 409 and fault.code in ("reference_taken", "customer_exists"):
        return Taken(fault.code, fault.id)
    said = fault.message or f"HTTP {answer.status}"
    if kind is Rejected:
        return Rejected(doing, said, code=fault.code or None, fix=FIXES.get(fault.code, ""))
    return kind(doing, said)


def _fault(answer: Answer) -> wire.Fault:
    try:
        return msgspec.json.decode(answer.body, type=wire.Refusal).error
    except (msgspec.ValidationError, msgspec.DecodeError):
        return wire.Fault(code="", message="")


def _seconds(headers: Mapping[str, Any]) -> float | None:
    given = str(headers.get("retry-after", ""))
    return float(given) if given.isdigit() else None
