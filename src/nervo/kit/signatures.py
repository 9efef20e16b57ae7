"""Webhook signatures, compared in constant time on the raw body."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def hmac_sha256(secret: str, body: bytes) -> bytes:
    """The HMAC-SHA256 of the body."""
    return hmac.digest("".join(secret).encode(), body, hashlib.sha256)


def matches_base64(given: str, body: bytes, secrets: Iterable[str]) -> bool:
    """Whether the base64 signature was made with one of the secrets (two are active while one is rotated)."""
    return any([hmac.compare_digest(base64.b64encode(hmac_sha256(s, body)), given.encode()) for s in secrets])


def matches_hex(given: str, body: bytes, secrets: Iterable[str]) -> bool:
    """The same for a hexadecimal signature."""
    return any([hmac.compare_digest(hmac_sha256(s, body).hex().encode(), given.lower().encode()) for s in secrets])
