"""From configuration to connected ports: each connection's connector, settings, pace and recorder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from nervo import registry
from nervo.bootstrap import configuration
from nervo.bootstrap.vault import Vault
from nervo.errors import NervoError
from nervo.kit.clock import Clock
from nervo.kit.http import ToolBox
from nervo.kit.pacing import Chance
from nervo.ports.shop import Delivery, WebhookRequest
from nervo.rules.config import Config, ConnectionConfig
from nervo.store.database import Database
from nervo.sync.inbox import Reader
from nervo.sync.remote import Remote

Verify = Callable[[WebhookRequest], Delivery]


@dataclass(slots=True)
class Connections:
    """What a configuration connects: ports to call, readers and verifiers of webhooks, and what could not be connected."""

    remotes: dict[str, Remote] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    verifiers: dict[str, Verify] = field(default_factory=dict)
    failed: dict[str, NervoError] = field(default_factory=dict)

    async def close(self) -> None:
        for remote in self.remotes.values():
            await remote.port.close()


def connect_all(db: Database, vault: Vault, config: Config, clock: Clock) -> Connections:
    """Every connection that can be made; nothing is called yet. One that cannot is in `failed` and stops no other."""
    made = Connections()
    for connection in config.connections.values():
        try:
            _add(made, connection, configuration.settings_of(db, vault, connection), clock)
        except NervoError as error:
            made.failed[connection.name] = error
    return made


def _add(made: Connections, connection: ConnectionConfig, settings: Any, clock: Clock) -> None:
    found = registry.connector(connection.connector)
    made.remotes[connection.name] = connected(connection, settings, clock)
    if found.verify and found.hints:
        made.verifiers[connection.name] = partial(_verified, found.verify, settings)
        made.readers[connection.name] = found.hints


def connected(connection: ConnectionConfig, settings: Any, clock: Clock, chance: Chance | None = None) -> Remote:
    """One connection's remote, paced as its manifest says, every exchange kept. `chance` spreads its repeats."""
    found = registry.connector(connection.connector)
    remote = Remote(connection.name, None, clock, writable=connection.writable, chance=chance or Random())
    remote.port = found.connect(settings, ToolBox(clock, found.limits.pace(clock), remote.keep))
    return remote


def _verified(verify: Callable[[WebhookRequest, Any], Delivery], settings: Any, request: WebhookRequest) -> Delivery:
    return verify(request, settings)


def remotes_of(config: Config, ports: Mapping[str, Any], clock: Clock) -> dict[str, Remote]:
    """Remotes for ports that are already there: rehearsals and tests."""
    return {n: Remote(n, port, clock, writable=config.connections[n].writable) for n, port in ports.items()}
