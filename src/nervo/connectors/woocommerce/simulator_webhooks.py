"""The webhooks of the simulated WooCommerce: one attempt, the body as things are then, disabled at the 7th failure in a row."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec

from nervo.connectors.woocommerce import simulator_shapes as shapes
from nervo.connectors.woocommerce.simulator_shapes import Refusal, Row
from nervo.kit.signatures import hmac_sha256

HOOKS = {
    "order.created": ["woocommerce_new_order"], "order.updated": ["woocommerce_update_order", "woocommerce_order_refunded"],
    "order.deleted": ["wp_trash_post", "woocommerce_trash_order"],
    "product.created": ["woocommerce_process_product_meta", "woocommerce_new_product", "woocommerce_new_product_variation"],
    "product.updated": ["woocommerce_process_product_meta", "woocommerce_update_product", "woocommerce_update_product_variation"],
    "product.deleted": ["wp_trash_post"],
}  # fmt: skip
MAX_FAILURES = 5
AGENT = "WooCommerce/10.0.2 Hookshot (WordPress/6.8.3)"


class Webhooks:
    """Registered webhooks and what waits for delivery. `body_of` builds an object's body at the time it is sent."""

    def __init__(self, now: Callable[[], str], body_of: Callable[[str, int], Row | None]) -> None:
        self.now, self.body_of, self.url = now, body_of, ""
        self.rows: dict[int, Row] = {}
        self.secrets: dict[int, str] = {}
        self.failures: dict[int, int] = {}
        self.unpinged: set[int] = set()
        self.waiting: dict[tuple[int, int], None] = {}
        self._next = 0

    def get(self, id: int) -> Row:
        if id not in self.rows:
            raise Refusal(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
        return self.rows[id]

    async def create(self, values: Mapping[str, Any]) -> Row:
        """The first ping is sent while the caller waits; 201 and active whatever came of it."""
        topic = values.get("topic", "")
        if topic not in HOOKS:
            message = "Webhook topic is required and must be valid."
            raise Refusal(400, "woocommerce_rest_shop_webhook_invalid_topic", message)
        if not str(values.get("delivery_url", "")).startswith(("http://", "https://")):
            message = "Webhook delivery URL must be a valid URL starting with http:// or https://."
            raise Refusal(400, "woocommerce_rest_shop_webhook_invalid_delivery_url", message)
        self._next += 1
        id, (resource, event), now = self._next, topic.split("."), self.now()
        self.rows[id] = {
            "id": id, "name": values.get("name") or topic, "status": values.get("status", "active"), "topic": topic, "resource": resource,
            "event": event, "hooks": HOOKS[topic], "delivery_url": values["delivery_url"], "date_created": now, "date_created_gmt": now,
            "date_modified": None, "date_modified_gmt": None, "_links": shapes.links(self.url, "/wp-json/wc/v3/webhooks", id),
        }  # fmt: skip
        self.secrets[id], self.failures[id] = str(values.get("secret", "")), 0
        self.unpinged.add(id)
        await self._ping(id)
        return self.rows[id]

    async def update(self, id: int, values: Mapping[str, Any]) -> Row:
        row = self.get(id)
        if values.get("status", "active") not in ("active", "paused", "disabled"):
            message = "status is not one of active, paused, and disabled."
            raise shapes.invalid("status", "rest_not_in_enum", message)
        row |= {k: values[k] for k in ("name", "status", "delivery_url") if k in values}
        self.secrets[id] = str(values.get("secret", self.secrets[id]))
        if values.get("status") == "active":
            self.failures[id] = 0
        await self._saved(id)
        return row

    def changed(self, resource: str, event: str, id: int) -> None:
        """Queues a delivery; one that waits for the same object and webhook already is enough."""
        for hook, row in self.rows.items():
            if row["status"] == "active" and row["topic"] == f"{resource}.{event}":
                self.waiting.setdefault((hook, id))

    async def deliver(self) -> int:
        """Sends what waits now, each once; how many were sent. The queues of different webhooks do not wait for each other."""
        due, self.waiting = self.waiting, {}
        if not due:
            return 0
        by_hook: dict[int, list[int]] = {}
        for hook, id in due:
            by_hook.setdefault(hook, []).append(id)
        async with aiohttp.ClientSession() as session:
            sent = await asyncio.gather(*(self._drain(session, hook, ids) for hook, ids in by_hook.items()))
        return sum(sent)

    async def _drain(self, session: aiohttp.ClientSession, hook: int, ids: list[int]) -> int:
        sent = 0
        for id in ids:
            row = self.rows.get(hook)
            if row and row["status"] == "active":
                body = {"id": id} if row["event"] == "deleted" else self.body_of(row["resource"], id)
                await self._send(session, hook, row, msgspec.json.encode(body))
                sent += 1
        return sent

    async def _send(self, session: aiohttp.ClientSession, hook: int, row: Row, body: bytes) -> None:
        """The Delivery-ID is made of the webhook and the second: two in one second share it."""
        headers = {
            "Content-Type": "application/json", "User-Agent": AGENT, "X-WC-Webhook-Source": f"{self.url}/",
            "X-WC-Webhook-Topic": row["topic"], "X-WC-Webhook-Resource": row["resource"], "X-WC-Webhook-Event": row["event"],
            "X-WC-Webhook-Signature": base64.b64encode(hmac_sha256(self.secrets[hook], body)).decode(), "X-WC-Webhook-ID": str(hook),
            "X-WC-Webhook-Delivery-ID": hashlib.md5(f"{hook}{self.now()}".encode(), usedforsecurity=False).hexdigest(),
        }  # fmt: skip
        if 200 <= await _post(session, row["delivery_url"], headers, body) < 303:
            self.failures[hook] = 0
        elif self.failures[hook] > MAX_FAILURES:
            row["status"] = "disabled"
        else:
            self.failures[hook] += 1
        await self._saved(hook)

    async def _saved(self, hook: int) -> None:
        """Each save of a webhook whose ping never arrived pings again."""
        self.rows[hook]["date_modified"] = self.rows[hook]["date_modified_gmt"] = self.now()
        if hook in self.unpinged:
            await self._ping(hook)

    async def _ping(self, hook: int) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": AGENT}
        async with aiohttp.ClientSession() as session:
            status = await _post(session, self.rows[hook]["delivery_url"], headers, f"webhook_id={hook}".encode())
        if status == 200:
            self.unpinged.discard(hook)


async def _post(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status, 0 where nobody answered. Redirects are not followed."""
    timeout = aiohttp.ClientTimeout(total=60)
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False, timeout=timeout) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0
