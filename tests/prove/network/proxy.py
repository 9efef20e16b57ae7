"""A fault proxy between two real parties. `toxics` is looked at for every request, so that it may change while it runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

from tests.prove.network import wire
from tests.prove.network.listener import GONE, Listener, Writer
from tests.prove.network.toxics import Exchange, Kind, Toxic, in_a_second, page

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BEAT_S = 0.02
LONGEST_S = 120.0  # how long a connection that is never answered is kept, if its client stays


class Proxy(Listener):
    """Between an HTTP client and `target`. `repeatable` says which requests the network may pass on twice: safe ones.

    `asked` counts requests, `passed` those that reached the far side, `applied` what toxics did, by kind; `under_way` are
    late requests that have not landed yet.
    """

    def __init__(
        self, target: str, chance: Random, *, repeatable: Callable[[Exchange], bool] = lambda r: r.method in SAFE
    ) -> None:
        super().__init__(target)
        self.chance, self.repeatable = chance, repeatable
        self.toxics: list[Toxic] = []
        self.asked, self.passed, self.under_way = 0, 0, 0
        self.applied: Counter[Kind] = Counter()
        self._recorded: dict[str, Exchange] = {}

    @contextmanager
    def under(self, *toxics: Toxic) -> Iterator[None]:
        """These toxics, and no others, while the block runs."""
        before, self.toxics = self.toxics, list(toxics)
        try:
            yield
        finally:
            self.toxics = before

    async def connection(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        """Requests one after the other, as long as both sides keep the connection."""
        served = 0
        while (request := await wire.read_head(reader)) is not None:
            request.body = await wire.read_body(reader, request)
            self.asked += 1
            if toxic := self._drawn(request, served):
                self.applied[toxic.kind] += 1
            if not await self._exchange(request, toxic, reader, writer):
                return
            served += 1

    def _drawn(self, request: Exchange, served: int) -> Toxic | None:
        said = f"{request.place} {request.body.decode('utf-8', 'replace')}"
        for toxic in self.toxics:
            if toxic.match in said and self._may(toxic, request, served) and self.chance.random() < toxic.share:
                toxic.times -= 1
                if toxic.times <= 0:
                    self.toxics.remove(toxic)
                return toxic
        return None

    def _may(self, toxic: Toxic, request: Exchange, served: int) -> bool:
        match toxic.kind:
            case Kind.CLOSE_KEPT:
                return served > 0
            case Kind.DUPLICATE:
                return self.repeatable(request)
            case Kind.STALE:
                return request.method == "GET" and request.place in self._recorded
        return True

    async def _exchange(
        self, request: Exchange, toxic: Toxic | None, reader: asyncio.StreamReader, writer: Writer
    ) -> bool:
        """One request under at most one toxic; whether the connection is kept."""
        kind = toxic.kind if toxic else None
        match kind:
            case Kind.STALL:
                return await self._silent(reader)
            case Kind.CLOSE_KEPT:
                return False
            case Kind.RESET:
                wire.reset(writer)
                return False
            case Kind.LATE:
                assert toxic
                self.task(self._later(request, toxic.seconds))
                return bool(toxic.status) and await _whole(writer, page(toxic.status))
            case Kind.STORM | Kind.THROTTLE | Kind.REDIRECT | Kind.STALE:
                assert toxic
                return await _whole(writer, self._own(request, toxic))
            case Kind.LATENCY:
                assert toxic
                await asyncio.sleep((toxic.seconds + toxic.jitter_s * self.chance.random()) / 2)
        answer = await self._pass(request)
        if kind is Kind.DUPLICATE:
            answer = await self._pass(request)
        return await self._answered(answer, toxic, reader, writer)

    async def _answered(
        self, answer: Exchange, toxic: Toxic | None, reader: asyncio.StreamReader, writer: Writer
    ) -> bool:
        """The answer as the toxic leaves it; whether the connection is kept."""
        match toxic.kind if toxic else None:
            case Kind.NO_ANSWER:
                return await self._silent(reader)
            case Kind.RESET_AFTER:
                wire.reset(writer)
                return False
            case Kind.LOST_REPLY:
                return False
            case Kind.GATEWAY:
                assert toxic
                return await _whole(writer, page(toxic.status or 504))
            case Kind.GARBAGE:
                return await _whole(writer, page(200))
            case Kind.TRUNCATE:
                writer.write(
                    wire.head(answer, f"content-length: {len(answer.body) + 1}") + answer.body[: len(answer.body) // 2]
                )
            case Kind.CUT_CHUNKED:
                chunks = wire.chunked(answer.body)
                writer.write(wire.head(answer, "transfer-encoding: chunked") + b"".join(chunks[: len(chunks) // 2]))
            case Kind.SLOW_CLOSE:
                assert toxic
                writer.write(wire.head(answer, "connection: close") + answer.body)
                await writer.drain()
                await asyncio.sleep(toxic.seconds)
            case Kind.LATENCY:
                assert toxic
                await asyncio.sleep((toxic.seconds + toxic.jitter_s * self.chance.random()) / 2)
                return await _whole(writer, answer)
            case Kind.BANDWIDTH:
                assert toxic
                return await _in_pieces(writer, answer, max(1, int(toxic.size * BEAT_S)), BEAT_S)
            case Kind.SLICER:
                assert toxic
                return await _in_pieces(writer, answer, max(1, toxic.size), 0.0)
            case _:
                return await _whole(writer, answer)
        await writer.drain()
        return False

    async def _pass(self, request: Exchange) -> Exchange:
        self.passed += 1
        answer = await wire.ask(self.host, self.port, request)
        if request.method == "GET":
            self._recorded[request.place] = answer
        return answer

    async def _later(self, request: Exchange, seconds: float) -> None:
        self.under_way += 1
        await asyncio.sleep(seconds)
        with suppress(*GONE):
            await self._pass(request)
        self.under_way -= 1

    async def _silent(self, reader: asyncio.StreamReader) -> bool:
        """No answer until the client gives up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                await reader.read()
        return False

    def _own(self, request: Exchange, toxic: Toxic) -> Exchange:
        """An answer that the far side knows nothing of."""
        match toxic.kind:
            case Kind.THROTTLE:
                return page(
                    429,
                    *(
                        [("retry-after", in_a_second() if toxic.retry_after == "date" else toxic.retry_after)]
                        if toxic.retry_after
                        else []
                    ),
                )
            case Kind.REDIRECT:
                return page(302, ("location", "/maintenance.html"))
            case Kind.STALE:
                return self._recorded[request.place]
        return page(toxic.status or 503)


async def _whole(writer: Writer, answer: Exchange) -> bool:
    writer.write(wire.whole(answer))
    await writer.drain()
    return True


async def _in_pieces(writer: Writer, answer: Exchange, size: int, pause_s: float) -> bool:
    told = wire.whole(answer)
    for start in range(0, len(told), size):
        writer.write(told[start : start + size])
        await writer.drain()
        await asyncio.sleep(pause_s)
    return True
