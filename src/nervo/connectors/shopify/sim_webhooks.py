"""The simulated shop's webhooks: subscriptions, signed deliveries, eight retries over four hours, then the subscription is deleted."""

import base64
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from nervo.connectors.shopify.settings import API_VERSION
from nervo.connectors.shopify.sim_bodies import body
from nervo.connectors.shopify.sim_books import Books, Order, Product, Variant
from nervo.connectors.shopify.sim_catalogue import Answer, Handler, page
from nervo.kit.signatures import hmac_sha256

TIMEOUT_S = 5.0
# Eight retries in four hours; the steps between them are not published. These grow and add up to it.
RETRIES_S = (60.0, 180.0, 360.0, 720.0, 1440.0, 2880.0, 3960.0, 4800.0)


@dataclass(slots=True)
class Subscription:
    id: int
    topic: str
    uri: str

    @property
    def gid(self) -> str:
        return f"gid://shopify/WebhookSubscription/{self.id}"


@dataclass(slots=True)
class Delivery:
    """One event on its way to one address; the body is made once."""

    subscription: Subscription
    webhook_id: str
    event_id: str
    triggered: datetime
    body: bytes
    due: float
    attempt: int = 0


class Webhooks:
    """Subscriptions and what is still to be delivered."""

    def __init__(self, books: Books, shop: str, secret: str) -> None:
        self.books, self.shop, self.secret = books, shop, secret
        self.subscriptions: dict[str, Subscription] = {}
        self.queue: deque[Delivery] = deque()
        self.delivered = 0

    def heard(self, topic: str, subject: Order | Product | tuple[Variant, str]) -> None:
        """Queues a change for every subscription to its topic."""
        wanted = [s for s in self.subscriptions.values() if s.topic == topic]
        if not wanted:
            return
        payload, event = msgspec.json.encode(body(subject)), f"event-{self.books.next_id()}"
        at, due = self.books.clock.now(), self.books.clock.monotonic()
        for s in wanted:
            self.queue.append(Delivery(s, f"webhook-{self.books.next_id()}", event, at, payload, due))

    def handlers(self) -> dict[str, Handler]:
        return {
            "Subscriptions": self.subscriptions_page,
            "Subscribe": self.subscribe,
            "Resubscribe": self.resubscribe,
        }

    def subscriptions_page(self, v: dict[str, Any]) -> Answer:
        chosen, info = page(list(self.subscriptions.values()), 100, v.get("after"))
        return {"webhookSubscriptions": {"nodes": [_node(s) for s in chosen], "pageInfo": info}}

    def subscribe(self, v: dict[str, Any]) -> Answer:
        topic, uri = _topic(v["topic"]), v["subscription"]["uri"]
        wrong = self._wrong(topic, uri)
        if not wrong:
            s = Subscription(self.books.next_id(), topic, uri)
            self.subscriptions[s.gid] = s
        return {"webhookSubscriptionCreate": {"webhookSubscription": None if wrong else _node(s), "userErrors": wrong}}

    def resubscribe(self, v: dict[str, Any]) -> Answer:
        s, uri = self.subscriptions.get(v["id"]), v["subscription"]["uri"]
        gone = [{"field": ["id"], "message": "Webhook subscription does not exist"}]
        wrong = self._wrong(s.topic, uri) if s else gone
        if s and not wrong:
            s.uri = uri
        node = _node(s) if s and not wrong else None
        return {"webhookSubscriptionUpdate": {"webhookSubscription": node, "userErrors": wrong}}

    def _wrong(self, topic: str, uri: str) -> list[Answer]:
        """Only https, except to this machine, where rehearsals are."""
        parts = urlsplit(uri)
        field = ["webhookSubscription", "uri"]
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
            return [{"field": field, "message": "Address protocol http:// is not supported"}]
        if any(s.topic == topic and s.uri == uri for s in self.subscriptions.values()):
            return [{"field": field, "message": "Address for this topic has already been taken"}]
        return []

    async def deliver(self) -> int:
        """Sends what is due now; how many were answered with a 2xx."""
        now = self.books.clock.monotonic()
        due = [d for d in self.queue if d.due <= now]
        later = [d for d in self.queue if d.due > now]
        self.queue = deque(later)
        if not due:
            return 0
        taken = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=1.0)) as session:
            for delivery in due:
                if delivery.subscription.gid in self.subscriptions:
                    taken += await self._send(session, delivery)
        self.delivered += taken
        return taken

    async def _send(self, session: aiohttp.ClientSession, d: Delivery) -> int:
        try:
            async with session.post(
                d.subscription.uri, data=d.body, headers=self.headers(d), allow_redirects=False
            ) as answer:
                if 200 <= answer.status < 300:
                    return 1
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        self._failed(d)
        return 0

    def _failed(self, d: Delivery) -> None:
        if d.attempt >= len(RETRIES_S):
            self.subscriptions.pop(d.subscription.gid, None)
            return
        d.due = self.books.clock.monotonic() + RETRIES_S[d.attempt]
        d.attempt += 1
        self.queue.append(d)

    def headers(self, d: Delivery) -> dict[str, str]:
        """Real names. The signature is over the body alone."""
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": d.subscription.topic,
            "X-Shopify-Hmac-SHA256": base64.b64encode(hmac_sha256(self.secret, d.body)).decode(),
            "X-Shopify-Shop-Domain": self.shop,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": d.webhook_id,
            "X-Shopify-Event-Id": d.event_id,
            "X-Shopify-Triggered-At": d.triggered.isoformat().replace("+00:00", "Z"),
        }


def _topic(enum: str) -> str:
    """ORDERS_CREATE is orders/create: the last underscore stands for the slash."""
    return "/".join(enum.lower().rsplit("_", 1))


def _node(s: Subscription) -> Answer:
    return {"id": s.gid, "topic": s.topic.upper().replace("/", "_"), "uri": s.uri}
