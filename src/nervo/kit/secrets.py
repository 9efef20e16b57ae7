"""Secrets stay out of sight: a text type that shows nothing, and a scrubber for whatever is recorded."""

import re
from collections.abc import Iterable

MASK = "•••"
_KEYS = re.compile(
    r"(?i)(authorization|access[-_]?token|consumer_(?:key|secret)|client_secret|api[-_]?key|password|secret|cookie|hmac|signature)"
)
_QUERY = re.compile(r"(?i)((?:consumer_key|consumer_secret|access_token|api_key|key|token|password)=)[^&\s\"']+")


class Secret(str):
    """A secret text. Printed, logged or shown it is masked; `reveal()` gives it to the wire."""

    __slots__ = ()

    def __new__(cls, text: str) -> "Secret":
        return super().__new__(cls, "".join(text))  # str() of a Secret is its mask

    def reveal(self) -> str:
        return "".join(self)

    def __repr__(self) -> str:
        return "Secret(•••)"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK


class Scrubber:
    """Takes known secrets and secret-looking headers and parameters out of texts."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = sorted({k for k in ("".join(s) for s in known) if len(k) >= 6}, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, MASK)
        return _QUERY.sub(rf"\1{MASK}", text) if "=" in text else text

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        return {k: MASK if _KEYS.search(k) else self.text(v) for k, v in headers}
