"""As much HTTP/1.1 as the proxy needs: whole messages in and out."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

from tests.prove.network.toxics import Exchange

HOPS = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "expect"})


async def read_head(reader: asyncio.StreamReader) -> Exchange | None:
    """A message's head; None where the other side has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    line, *rest = head.decode("latin-1").strip().split("\r\n")
    pairs = (row.partition(":") for row in rest)
    return Exchange(line, [(name.strip().lower(), value.strip()) for name, _, value in pairs])


async def read_body(reader: asyncio.StreamReader, message: Exchange, *, to_the_end: bool = False) -> bytes:
    """The body that a head announces; `to_the_end` of the connection where it announces none."""
    if message.header("transfer-encoding") == "chunked":
        return b"".join([chunk async for chunk in _chunks(reader)])
    if length := message.header("content-length"):
        return await reader.readexactly(int(length))
    return await reader.read() if to_the_end else b""


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")


def head(message: Exchange, *framing: str) -> bytes:
    """The head with its own framing instead of the one it came with."""
    kept = [f"{name}: {value}" for name, value in message.headers if name not in HOPS]
    return "\r\n".join([message.line, *kept, *framing, "", ""]).encode("latin-1")


def whole(message: Exchange, *framing: str) -> bytes:
    return head(message, f"content-length: {len(message.body)}", *framing) + message.body


def chunked(body: bytes, pieces: int = 4) -> list[bytes]:
    """The body as chunks, without the last one that ends it."""
    size = max(1, -(-len(body) // pieces))
    return [b"%x\r\n%b\r\n" % (len(part), part) for i in range(0, len(body), size) if (part := body[i : i + size])]


async def ask(host: str, port: int, request: Exchange) -> Exchange:
    """One exchange on a connection of its own."""
    reader, writer = await asyncio.open_connection(host, port, limit=2**26)
    try:
        writer.write(whole(request, "connection: close"))
        await writer.drain()
        answer = await read_head(reader)
        if answer is None:
            raise ConnectionResetError(f"{host}:{port} closed without an answer")
        answer.body = await read_body(reader, answer, to_the_end=True)
        return answer
    finally:
        writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """RST: closed with nothing lingering."""
    if connection := writer.get_extra_info("socket"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
