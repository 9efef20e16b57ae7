"""A shop's webhooks into a hub, with books on both sides."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from nervo.api.ingest import Door, Ingest
from nervo.errors import Forged
from nervo.kit.signatures import hmac_sha256, matches_base64
from nervo.ports.erp import ErpOrder, OrderDraft
from nervo.ports.shop import Delivery, Hint, WebhookRequest
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import inbox
from tests.hub import TestHub


def read_number(topic: str, headers: object, body: bytes) -> tuple[Hint, ...]:
    return (Hint("order", body.decode()),)


def door(name: str, secret: str) -> Door:
    """Verifies by its own secret."""

    def verify(request: WebhookRequest) -> Delivery:
        if not matches_base64(request.headers.get("x-hmac", ""), request.body, [secret]):
            raise Forged("checking a signature")
        return Delivery("orders", request.headers.get("x-event-id", ""))

    return Door(name, verify)


async def post(app, body: Iterator[bytes] | bytes, path: str = "/hooks/shop", secret: str = "s", **headers: str) -> int:
    """A signed delivery in pieces; what is answered."""
    pieces = iter([body]) if isinstance(body, bytes) else body
    signature = base64.b64encode(hmac_sha256(secret, body)) if isinstance(body, bytes) else b""
    given = [(b"x-hmac", signature), *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())]
    answers: list[dict] = []

    async def receive() -> dict:
        piece = next(pieces, None)
        return {
            "type": "http.request",
            "body": piece or b"",
            "more_body": not isinstance(body, bytes) and piece is not None,
        }

    async def send(message: dict) -> None:
        answers.append(message)

    await app({"type": "http", "method": "POST", "path": path, "headers": given}, receive, send)
    return answers[0]["status"]


class Erp(WorldErp):
    """`drafts`: every order as it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: list[OrderDraft] = []

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        self.drafts.append(draft)
        return await super().create_order(draft)


class Line:
    """A shop's webhooks into a hub: the route, the inbox, the ERP."""

    def __init__(self, hub: TestHub, erp: Erp, shop: WorldShop) -> None:
        self.hub, self.erp, self.shop = hub, erp, shop
        self.app = Ingest(hub.hub.db, {"shop": door("shop", "s")}, hub.clock)

    async def post(self, body: bytes, **headers: str) -> int:
        return await post(self.app, body, **headers)

    async def drain(self, reader=read_number) -> None:
        await inbox.drain(self.hub.hub, {"shop": reader})
        await self.hub.settle()

    def kept(self) -> list[tuple[object, ...]]:
        return self.hub.ask("SELECT body FROM store_inbox ORDER BY id")

    def problems(self) -> list[tuple[object, ...]]:
        return self.hub.ask("SELECT code, key FROM store_problem WHERE state = 'open' ORDER BY code, key")
