"""The running hub between the trading world's simulators, with a fault proxy on every edge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from nervo import registry
from nervo.bootstrap.hub import Running
from nervo.cli.demo import doorstep
from nervo.kit.clock import SystemClock
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.rules.config import Config
from nervo.staging.people import People
from nervo.staging.trading import World, trading_world
from nervo.store.database import Database
from nervo.sync.remote import Remote
from tests.prove.network.proxy import Proxy

TIMEOUT_S = 1.0  # of a connector's call
LATE_S = 1.2  # how late a write may land after its client was cut off; the hub is told more than that
POLL_S = 0.2
HOOKS = "hooks"


@dataclass
class Line:
    """A world, its hub and the proxies between them: "erp", each shop by its name, and "hooks" for their webhooks."""

    world: World
    people: People
    running: Running
    edges: Mapping[str, Proxy]
    readers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return self.running.hub.db


@asynccontextmanager
async def line(
    db: Database, seed: int, *, unique_keys: bool = True, timeout_s: float = TIMEOUT_S, **rules: int
) -> AsyncIterator[Line]:
    """Everything started and subscribed, no toxic yet. `rules` are the channels' own periods (sweep_s, readback_s …)."""
    chance = Random(seed)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(trading_world(seed))
        world.erp.unique_keys = unique_keys
        simulators = {"erp": world.erp, **world.shops}
        edges = {n: await stack.enter_async_context(Proxy(s.url, chance).serve()) for n, s in simulators.items()}
        given = {name: parsed(world, name, edges[name].url) for name in simulators}
        verifiers = {n: partial(_verified, _brand(world, n).verify, given[n]) for n in world.shops}
        rung: list[Running] = []
        address = await stack.enter_async_context(doorstep(db, verifiers, lambda bell: rung[0].hub.ring(bell)))
        hooks = Proxy(address, chance, repeatable=lambda request: True)
        edges[HOOKS] = await stack.enter_async_context(hooks.serve())
        config = ruled(world, edges[HOOKS].url, **rules)
        remotes = {name: remote(config, world, name, given[name], timeout_s) for name in simulators}
        for one in remotes.values():
            stack.push_async_callback(one.port.close)
        readers = {name: _brand(world, name).hints for name in world.shops}
        running = Running(db, config, remotes, SystemClock(), "prove", readers=readers, poll_s=POLL_S)
        rung.append(running)
        stack.push_async_callback(running.stop)
        await running.start()
        yield Line(world, People(world), running, edges)


def ruled(world: World, public_url: str, **rules: int) -> Config:
    """The world's configuration with other periods and our public address."""
    config = world.config
    connections = {n: c if n == config.erp else replace(c, **rules) for n, c in config.connections.items()}
    return replace(config, connections=connections, public_url=public_url)


def remote(config: Config, world: World, name: str, settings: Any, timeout_s: float) -> Remote:
    """A connection as `bootstrap` makes it, but for its shorter time-out."""
    found, clock = _brand(world, name), SystemClock()
    made = Remote(name, None, clock, writable=config.connections[name].writable)
    made.port = found.connect(settings, ToolBox(clock, found.limits.pace(clock), made.keep, timeout_s))
    made.port.capabilities = replace(made.port.capabilities, late_application_s=2 * LATE_S)
    return made


def parsed(world: World, name: str, url: str) -> Any:
    return parse(_brand(world, name).settings, {**world.settings()[name], "url": url})


def _brand(world: World, name: str) -> Any:
    return registry.connector(world.config.connections[name].connector)


def _verified(verify: Any, settings: Any, request: Any) -> Any:
    return verify(request, settings)
