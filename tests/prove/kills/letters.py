"""Deliveries to the hub, each repeated until it is acknowledged, and the sender's own record of what was."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

import aiohttp

from nervo.kit.signatures import hmac_sha256
from nervo.staging.postman import Postman
from nervo.staging.trading import World

AGAIN_S = 0.05
ANSWER_S = 12.0
AGAIN_SHARE, TWICE_SHARE = 0.2, 0.15


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery as the hub has to know it again: by its event key, or by its body under its topic."""

    connection: str
    topic: str
    event: str
    digest: str


@dataclass(slots=True)
class Record:
    """What the senders know. `cut`: how often a connection broke between request and answer, so that nobody could say."""

    acknowledged: Counter[Letter] = field(default_factory=Counter)
    open: Counter[Letter] = field(default_factory=Counter)
    cut: int = 0
    refused: Counter[int] = field(default_factory=Counter)


class Sender:
    """Sends to one hub's address, or in turn to those of several on the same data, and writes the record."""

    def __init__(self, record: Record, urls: Sequence[str], http: aiohttp.ClientSession) -> None:
        self.record, self.urls, self._http = record, cycle(urls), http

    async def deliver(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Until the hub answers with a 2xx, or all is over."""
        letter = letter_of(path, headers, body)
        self.record.open[letter] += 1
        while not await self._taken(path, headers, body):
            await asyncio.sleep(AGAIN_S)
            if self._http.closed:
                return
        self.record.acknowledged[letter] += 1
        self.record.open[letter] -= 1

    async def _taken(self, path: str, headers: Mapping[str, str], body: bytes) -> bool:
        if self._http.closed:
            return False
        try:
            async with self._http.post(next(self.urls) + path, data=body, headers=headers) as answer:
                self.record.refused[answer.status] += answer.status >= 300
                return answer.status < 300
        except aiohttp.ClientConnectorError:
            return False
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.record.cut += 1
            return False


def letter_of(path: str, headers: Mapping[str, str], body: bytes) -> Letter:
    told = {name.lower(): value for name, value in headers.items()}
    topic = told.get("x-shopify-topic") or told.get("x-wc-webhook-topic") or "ping"
    ping = body.startswith(b"webhook_id=")
    event = "ping" if ping else told.get("x-shopify-webhook-id", "")
    return Letter(path.rsplit("/", 1)[-1], "ping" if ping else topic, event, hashlib.sha256(body).hexdigest())


class Faithful(Postman):
    """The unreliable postman between shops and hub, but that what he carries he carries until it was taken."""

    def __init__(self, sender: Sender, chance: Random) -> None:
        super().__init__("", chance, lost_share=0.02)
        self._sender = sender

    async def _carry(self, path: str, headers: dict[str, str], body: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self._sender.deliver(path, headers, body)


class Correspondence:
    """Many signed deliveries over several connections at once: new ones, old ones again, some twice in the same moment."""

    def __init__(
        self, world: World, sender: Sender, chance: Random, *, connections: int = 6, pause_s: float = 0.05
    ) -> None:
        self.world, self.sender, self.chance = world, sender, chance
        self.connections, self.pause_s = connections, pause_s
        self._old: deque[tuple[str, dict[str, str], bytes]] = deque(maxlen=400)
        self._secrets = {name: given for name, given in world.settings().items() if name in world.shops}

    async def flow(self, may: asyncio.Event) -> None:
        """Until cancelled, while `may` is set."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self._connection(may))

    async def _connection(self, may: asyncio.Event) -> None:
        while True:
            await may.wait()
            letter = self._next()
            copies = 2 if self.chance.random() < TWICE_SHARE else 1
            await asyncio.gather(*(self.sender.deliver(*letter) for _ in range(copies)))
            await asyncio.sleep(self.chance.expovariate(1 / self.pause_s))

    def _next(self) -> tuple[str, dict[str, str], bytes]:
        if self._old and self.chance.random() < AGAIN_SHARE:
            return self.chance.choice(self._old)
        letter = self._shopify() if self.chance.random() < 0.8 else self._woocommerce()
        self._old.append(letter)
        return letter

    def _shopify(self) -> tuple[str, dict[str, str], bytes]:
        """Mostly echoes of stock, which cost nothing but the row; some name an order, which is then read again."""
        order = self._some_order("shopify") if self.chance.random() < 0.1 else ""
        topic = "orders/updated" if order else "inventory_levels/update"
        told = {"admin_graphql_api_id": f"gid://shopify/Order/{order}"} if order else {"inventory_item_id": 1}
        body, secret = self._body(told), self._secrets["shopify"]
        return "/hooks/shopify", {
            "Content-Type": "application/json", "X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": secrets.token_hex(16),
            "X-Shopify-Shop-Domain": self.world.shops["shopify"].shop, "X-Shopify-Hmac-SHA256": _signed(secret["client_secret"], body),
        }, body  # fmt: skip

    def _woocommerce(self) -> tuple[str, dict[str, str], bytes]:
        order = self._some_order("woocommerce")
        body = self._body({"id": int(order) if order else 1})
        return "/hooks/woocommerce", {
            "Content-Type": "application/json", "X-WC-Webhook-Topic": "order.updated" if order else "product.updated",
            "X-WC-Webhook-Signature": _signed(self._secrets["woocommerce"]["webhook_secret"], body),
        }, body  # fmt: skip

    def _some_order(self, shop: str) -> str:
        placed = [p.id for p in self.world.placed[-50:] if p.shop == shop]
        return self.chance.choice(placed) if placed else ""

    def _body(self, told: dict[str, object]) -> bytes:
        return json.dumps(told | {"note": secrets.token_hex(self.chance.choice((20, 200, 2_000)))}).encode()


def _signed(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac_sha256(secret, body)).decode()


async def sending(stack: AsyncExitStack, record: Record, urls: Sequence[str]) -> Sender:
    """A sender whose connections end with the stack."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S, connect=2.0)
    http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
    return Sender(record, urls, http)
