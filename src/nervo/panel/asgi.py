"""The panel as an ASGI application: pages by Django, files under /static/ from memory."""

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.core.asgi import get_asgi_application

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers may keep for ever under its digest."""

    kind: str
    digest: str
    body: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """Every file under static/, by its path there."""
    files = (p for p in FOLDER.rglob("*") if p.is_file() and p.suffix in (".css", ".js", ".svg", ".txt"))
    return {p.relative_to(FOLDER).as_posix(): _asset(p) for p in files}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(f"{kind}; charset=utf-8", hashlib.sha256(body).hexdigest()[:12], body, gzip.compress(body, 9, mtime=0))


def asset_url(path: str) -> str:
    """A file's address, different whenever its content is. Raises KeyError for a file that is not there."""
    return f"{PREFIX}{path}?{assets()[path].digest}"


def application() -> App:
    """The panel; Django has been configured before."""
    pages = get_asgi_application()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await _file(scope, send)
        elif scope["type"] == "http":
            await pages(dict(scope), receive, send)

    return app


async def _file(scope: Scope, send: Send) -> None:
    asset = assets().get(scope["path"].removeprefix(PREFIX))
    if asset is None or scope["method"] not in ("GET", "HEAD"):
        await _answer(send, 404, [], b"")
        return
    headers = {k: v for k, v in scope["headers"]}
    packed = b"gzip" in headers.get(b"accept-encoding", b"")
    body = asset.packed if packed else asset.body
    fresh = headers.get(b"if-none-match") == f'"{asset.digest}"'.encode()
    await _answer(
        send,
        304 if fresh else 200,
        [
            (b"content-type", asset.kind.encode()),
            (b"cache-control", b"public, max-age=31536000, immutable"),
            (b"etag", f'"{asset.digest}"'.encode()),
            (b"vary", b"accept-encoding"),
            (b"x-content-type-options", b"nosniff"),
            *([(b"content-encoding", b"gzip")] if packed else []),
        ],
        b"" if fresh or scope["method"] == "HEAD" else body,
    )


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    if status != 304:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
