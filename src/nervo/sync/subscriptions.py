"""Webhook subscriptions: a platform may delete or switch them off at any time, so that they are looked at and made again."""

from functools import partial

import structlog

from nervo.errors import AuthFailed, OperatorError
from nervo.ports.shop import Subscription
from nervo.rules.config import ConnectionConfig
from nervo.store import journal, operations
from nervo.store.database import Tx
from nervo.sync.context import Hub

log = structlog.get_logger()


class Subscriptions:
    """One channel's subscriptions to our public address. Every process makes sure of them once; then it looks for what is gone."""

    def __init__(self, hub: Hub, channel: ConnectionConfig) -> None:
        self.hub, self.channel = hub, channel
        self.remote = hub.remotes[channel.name]
        self._topics: frozenset[str] = frozenset()

    async def step(self) -> int:
        """Subscribes again where something is missing or inactive; the sweep reads what came meanwhile. Always 0: no hurry."""
        name, public_url = self.channel.name, self.hub.config.public_url.rstrip("/")
        if not public_url or not self.remote.port.capabilities.webhooks or not self.remote.writable:
            return 0
        if self.hub.may_send(name):
            try:
                await self._ensure(f"{public_url}/hooks/{name}")
            except AuthFailed:
                raise
            except OperatorError as error:
                await self.hub.db.write(partial(self._refused, error=error))
        return 0

    async def _ensure(self, address: str) -> None:
        there = _active(await self.remote.call("subscriptions"), address)
        if self._topics and there >= self._topics:
            return
        now = _active(await self.remote.call("subscribe", address), address)
        if self._topics:
            log.warning("resubscribed", channel=self.channel.name, missing=sorted(self._topics - there))
        again, self._topics = bool(self._topics), now
        await self.hub.db.write(lambda tx: self._note(tx, again or bool(now - there)))
        self.hub.ring(f"sweep:{self.channel.name}")

    def _refused(self, tx: Tx, error: OperatorError) -> None:
        journal.problem_of(tx, error, self.channel.name, "webhook", "*", self.hub.now_ms())

    def _note(self, tx: Tx, made: bool) -> None:
        journal.close(tx, self.channel.name, "webhook", "*", "nervo")
        if made:
            operations.count(tx, f"subscribed:{self.channel.name}")


def _active(subscriptions: tuple[Subscription, ...], address: str) -> frozenset[str]:
    return frozenset(s.topic for s in subscriptions if s.active and s.url == address)
