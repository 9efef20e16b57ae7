"""A network in memory between named parties, seeded: latency, and what goes wrong with a request on its way and back."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from nervo.staging.virtual import Address, Factory

LINGER_S = 5.0
FIRST_PORT = 20_000


class Trouble(StrEnum):
    """What may happen to one exchange."""

    DROP = "drop"  # the request is lost, the connection is reset
    HANG = "hang"  # the request is lost, nobody says so
    LOST = "lost"  # it arrives; the connection is reset instead of the reply
    MUTE = "mute"  # it arrives; the reply never comes
    LATE = "late"  # the connection is reset, and then it arrives
    SLOW = "slow"  # the reply takes long
    CUT = "cut"  # half of the reply, then a reset
    TWICE = "twice"  # it arrives, and later once more


@dataclass
class Party:
    """Somebody on the network. What a frozen one is told waits for it; a dead one hears and says nothing."""

    name: str
    alive: bool = True
    frozen: bool = False
    waiting: list[tuple[Callable[[], None], Context]] = field(default_factory=list)

    def hear(self, told: Callable[[], None], context: Context) -> None:
        if self.frozen:
            self.waiting.append((told, context))
        elif self.alive:
            context.run(told)

    def thaw(self) -> None:
        """It runs again, and is told what it has missed."""
        self.frozen = False
        waiting, self.waiting = self.waiting, []
        for told, context in waiting:
            self.hear(told, context)


OUTSIDE = Party("outside")
party: ContextVar[Party] = ContextVar("party", default=OUTSIDE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request on its way."""

    number: int
    at: float
    client: Party
    server: Party
    line: str  # "POST /api/v1/orders"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The trouble that an exchange meets. `seconds`: how late, how slow."""

    kind: Trouble
    seconds: float = 0.0


class Network:
    """Wires for a virtual loop. `trouble` is asked of every exchange; `said` is told of each as it leaves."""

    def __init__(self, chance: Random, *, latency_s: tuple[float, float] = (0.001, 0.02)) -> None:
        self.chance, self.latency_s = chance, latency_s
        self.trouble: Callable[[Exchange], Drawn | None] = lambda exchange: None
        self.said: Callable[[Exchange, Drawn | None], None] = lambda exchange, drawn: None
        self.exchanges = 0
        self.met: Counter[str] = Counter()
        self._servers: dict[Address, tuple[Party, Factory, Context]] = {}
        self._links: list[_Link] = []
        self._port = FIRST_PORT

    def listen(self, factory: Factory, port: int) -> Address:
        if not port:
            self._port += 1
        address = ("127.0.0.1", port or self._port)
        self._servers[address] = party.get(), factory, copy_context()
        return address

    def close(self, address: Address) -> None:
        self._servers.pop(address, None)

    def reaches(self, address: Address) -> bool:
        return address in self._servers and self._servers[address][0].alive

    def connect(self, address: Address, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
        there, factory, context = self._servers[address]
        self._links = [link for link in self._links if not link.over]
        link = _Link(self, _End(party.get(), protocol, copy_context()), _End(there, factory(), context), factory)
        self._links.append(link)
        return link.client

    def cut(self, who: Party) -> None:
        """All connections of a party break, as when its process dies."""
        for link in list(self._links):
            if who in (link.client.party, link.server.party):
                link.reset()

    def draw(self, client: Party, server: Party, data: bytes) -> Drawn | None:
        self.exchanges += 1
        line = data[:200].split(b"\r\n", 1)[0].rsplit(b" ", 1)[0].decode("latin-1")
        exchange = Exchange(self.exchanges, asyncio.get_running_loop().time(), client, server, line)
        drawn = self.trouble(exchange)
        if drawn:
            self.met[drawn.kind] += 1
        self.said(exchange, drawn)
        return drawn

    def delay_s(self) -> float:
        return self.chance.uniform(*self.latency_s)


class _End(asyncio.Transport):
    """One end of a connection: what is written here is heard at the other end."""

    def __init__(self, who: Party, protocol: asyncio.BaseProtocol, context: Context) -> None:
        super().__init__()
        self.party, self.protocol, self.context = who, protocol, context
        self.link: _Link
        self.closing = False
        self._free_at = 0.0

    def tell(self, told: Callable[[], None], after_s: float) -> None:
        """This end hears it then, and not before what it was told earlier."""
        loop = asyncio.get_running_loop()
        self._free_at = max(self._free_at, loop.time() + after_s)
        loop.call_at(self._free_at, self.party.hear, told, self.context)

    def data(self, data: bytes) -> None:
        if not self.closing:
            self.protocol.data_received(data)  # type: ignore[attr-defined]

    def lost(self, error: Exception | None) -> None:
        if not self.closing or error is None:
            self.closing = True
            self.protocol.connection_lost(error)

    def write(self, data: Any) -> None:
        if not self.closing and self.party.alive:
            self.link.wrote(self, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None, context=self.context.copy())
            self.link.closed(self)

    def abort(self) -> None:
        self.close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 0) if name in ("peername", "sockname") else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class _Link:
    """A connection, one exchange after the other."""

    def __init__(self, net: Network, client: _End, server: _End, factory: Factory) -> None:
        self.net, self.client, self.server, self._factory = net, client, server, factory
        client.link = server.link = self
        self.over = False
        self._asking, self._request = False, b""
        self._trouble: Drawn | None = None
        client.protocol.connection_made(client)
        server.tell(lambda: server.protocol.connection_made(server), 0.0)

    @property
    def _kind(self) -> Trouble | None:
        return self._trouble.kind if self._trouble else None

    def wrote(self, end: _End, data: bytes) -> None:
        if end is self.client:
            self._asked(data)
        else:
            self._answered(data)

    def _asked(self, data: bytes) -> None:
        if not self._asking:
            self._asking, self._request = True, b""
            self._trouble = self.net.draw(self.client.party, self.server.party, data)
        self._request += data
        delay_s = self.net.delay_s()
        match self._kind:
            case Trouble.DROP:
                self.reset(delay_s)
            case Trouble.HANG:
                return
            case Trouble.LATE:
                assert self._trouble
                self._pass_on(data, self._trouble.seconds)
                self.client.tell(lambda: self.client.lost(ConnectionResetError("reset")), delay_s)
            case _:
                self._pass_on(data, delay_s)

    def _pass_on(self, data: bytes, after_s: float) -> None:
        self.server.tell(lambda: self.server.data(data), after_s)

    def _answered(self, data: bytes) -> None:
        first, self._asking, delay_s = self._asking, False, self.net.delay_s()
        match self._kind:
            case Trouble.LOST:
                self.client.tell(lambda: self.client.lost(ConnectionResetError("reset")), delay_s)
            case Trouble.MUTE | Trouble.LATE | Trouble.HANG | Trouble.DROP:
                return
            case Trouble.CUT:
                if first:
                    self.client.tell(lambda: self.client.data(data[: len(data) // 2]), delay_s)
                self.client.tell(lambda: self.client.lost(ConnectionResetError("reset")), delay_s)
            case Trouble.SLOW:
                assert self._trouble
                self.client.tell(lambda: self.client.data(data), delay_s + (self._trouble.seconds if first else 0.0))
            case _:
                self.client.tell(lambda: self.client.data(data), delay_s)
        if first and self._kind is Trouble.TWICE:
            self._again(self._request)

    def _again(self, request: bytes) -> None:
        """The same bytes on a connection of their own, whose reply nobody hears."""
        assert self._trouble
        nobody = _End(OUTSIDE, asyncio.Protocol(), self.client.context)
        again = _Link(self.net, nobody, _End(self.server.party, self._factory(), self.server.context), self._factory)
        again._pass_on(request, self._trouble.seconds)
        again.closed(nobody, self._trouble.seconds)

    def closed(self, end: _End, after_s: float = 0.0) -> None:
        """One end has closed; the other hears of it, the server a little later, since it may still be at work."""
        self.over = True
        if end is self.client:
            self.server.tell(lambda: self._gone(self.server), after_s + LINGER_S)
        else:
            self.client.tell(lambda: self._gone(self.client), self.net.delay_s())

    def _gone(self, end: _End) -> None:
        if not end.closing:
            end.lost(None)

    def reset(self, after_s: float = 0.0) -> None:
        self.over = True
        self.client.tell(lambda: self.client.lost(ConnectionResetError("reset")), after_s)
        self.server.tell(lambda: self._gone(self.server), after_s + LINGER_S)
