"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing else can run, with TCP in memory.

What runs on it is the program as it is, aiohttp and all; a day of waiting costs what happens in it.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
Factory = Callable[[], asyncio.BaseProtocol]
Address = tuple[str, int]


class Deadlock(RuntimeError):
    """Everything waits, and nothing will ever happen."""


class Wires(Protocol):
    """The network that a loop's connections go through."""

    def listen(self, factory: Factory, port: int) -> Address: ...

    def close(self, address: Address) -> None: ...

    def reaches(self, address: Address) -> bool: ...

    def connect(self, address: Address, protocol: asyncio.BaseProtocol) -> asyncio.Transport: ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. Its connections go through `wires`; nothing leaves this process."""

    def __init__(self, wires: Wires) -> None:
        self._seconds, self._wires = 0.0, wires
        self._dialled: dict[int, Address] = {}
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self._seconds

    def jump(self, seconds: float) -> None:
        """Lets time pass."""
        self._seconds += seconds

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Only notes where this socket would go; `create_connection` connects in memory and closes it."""
        await asyncio.sleep(0)
        if not self._wires.reaches(address[:2]):
            raise ConnectionRefusedError(111, f"nobody listens at {address}")
        self._dialled[sock.fileno()] = address[:2]

    async def create_connection(self, protocol_factory: Factory, *args: Any, **options: Any) -> Any:
        sock: socket.socket = options["sock"]
        address = self._dialled.pop(sock.fileno())
        sock.close()
        protocol = protocol_factory()
        return self._wires.connect(address, protocol), protocol

    async def create_server(self, protocol_factory: Factory, host: Any = None, port: Any = 0, **options: Any) -> Any:
        return _Listening(self._wires, self._wires.listen(protocol_factory, int(port or 0)))


class _Listening:
    """As much of an asyncio server as aiohttp asks for; it is its own socket."""

    def __init__(self, wires: Wires, address: Address) -> None:
        self._wires, self._address = wires, address
        self.sockets = [self]

    def getsockname(self) -> Address:
        return self._address

    def close(self) -> None:
        self._wires.close(self._address)

    async def wait_closed(self) -> None: ...


class _Jump(selectors.BaseSelector):
    """No file is ever ready: time passes instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("everything waits, and no timer is set")
        self._loop.jump(max(0.0, timeout))
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualClock:
    """A clock of a virtual loop. `skew_s` is how wrong its wall is."""

    def __init__(self, loop: VirtualLoop, start: datetime = START) -> None:
        self._loop, self._start = loop, start
        self.skew_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() + self.skew_s)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
