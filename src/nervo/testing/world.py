"""A connector on its own simulator, and what a test does to them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from nervo import registry
from nervo.errors import MachineError, OutcomeUnknown
from nervo.kit.clock import ManualClock
from nervo.kit.http import Exchange, ToolBox
from nervo.kit.settings import parse
from nervo.kit.simulator import Fault, FaultKind

Act = Callable[[], Awaitable[Any]]
ALWAYS = 1_000_000


@dataclass
class World:
    """The connector, its simulator, the port that is tested, and every exchange that the port kept."""

    connector: registry.Connector
    simulator: Any
    clock: ManualClock
    exchanges: list[Exchange] = field(default_factory=list)
    ports: list[Any] = field(default_factory=list)

    @property
    def settings(self) -> Any:
        """What the connector needs to reach its simulator."""
        return parse(self.connector.settings, self.simulator.settings())

    @property
    def port(self) -> Any:
        return self.ports[0]

    def connect(self) -> Any:
        """Another port with the same settings, as after a restart."""
        port = self.connector.connect(self.settings, ToolBox(self.clock, keep=self.exchanges.append))
        self.ports.append(port)
        return port

    @contextmanager
    def fault(self, kind: FaultKind, *, times: int = ALWAYS, after: int = 0, seconds: float = 0.0) -> Iterator[Fault]:
        """Calls meet this fault while the block runs: every one, or `times` of them after the first `after`."""
        fault = Fault(kind, "", times, after, seconds)
        self.simulator.faults.append(fault)
        try:
            yield fault
        finally:
            self.simulator.faults[:] = [f for f in self.simulator.faults if f is not fault]

    async def calls_of(self, act: Act) -> int:
        """How many calls it makes."""
        before = len(self.exchanges)
        await act()
        return len(self.exchanges) - before

    def verb(self, name: str) -> Callable[..., Any]:
        """An optional verb of the simulator; the test is skipped where it has none."""
        found: Callable[..., Any] | None = getattr(self.simulator, name, None)
        if found is None:
            pytest.skip(f"{self.connector.name}'s simulator has no {name}()")
        return found


@asynccontextmanager
async def opened(name: str, port: type, verbs: Sequence[str]) -> AsyncIterator[World]:
    """A world of this connector; fails in words where a part is not written yet."""
    connector = registry.connector(name)
    if connector.simulator is None:
        pytest.fail(f"{name}/simulator.py is not written: class Simulator(nervo.kit.simulator.Simulator)")
    world = World(connector, connector.simulator(ManualClock()), ManualClock())
    world.clock = world.simulator.clock
    _complete(f"{name}/simulator.py", world.simulator, verbs)
    async with world.simulator.serve():
        _complete(f"{name}/connector.py", world.connect(), methods(port))
        try:
            yield world
        finally:
            for made in world.ports:
                await made.close()


def methods(port: type) -> list[str]:
    """What a connector of this port must have."""
    names = {name for base in port.__mro__ for name in vars(base) if not name.startswith("_")}
    return sorted(names | {"capabilities"})


def _complete(place: str, thing: object, names: Sequence[str]) -> None:
    lacking = [name for name in names if not hasattr(thing, name)]
    if lacking:
        pytest.fail(f"{place} is not finished: it has no {', '.join(lacking)}. docs/connectors.md says what each does.")


async def each_lost_reply(
    world: World, subject: Callable[[], Awaitable[Act]], once: Callable[[], Awaitable[None]]
) -> None:
    """Loses the reply of every call of an operation in turn, repeats the operation and asks `once` whether it was done once.

    `subject` prepares something fresh and gives the operation on it. At least one lost reply must be told as OutcomeUnknown.
    """
    calls, unknown = await world.calls_of(await subject()), 0
    for call in range(calls):
        act = await subject()
        with world.fault(FaultKind.LOST_REPLY, times=1, after=call):
            try:
                await act()
            except MachineError as error:
                unknown += isinstance(error, OutcomeUnknown)
        await act()
        await once()
    assert unknown, "no lost reply was told as OutcomeUnknown"
