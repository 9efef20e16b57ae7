"""Deliveries: what the simulated shop sends, and what we make of it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from nervo.connectors.woocommerce.connector import WooCommerce, connect
from nervo.connectors.woocommerce.settings import Settings
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.connectors.woocommerce.webhooks import TOPICS, hints, verify
from nervo.errors import BadInput, Forged, Unsupported
from nervo.kit.http import ToolBox
from nervo.kit.secrets import Secret
from nervo.kit.settings import parse
from nervo.kit.signatures import hmac_sha256
from nervo.ports.shop import Delivery, Hint, WebhookRequest


@dataclass
class Receiver:
    """Whoever is at the subscribed address."""

    url: str = ""
    status: int = 200
    got: list[WebhookRequest] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {k.lower(): v for k, v in request.headers.items()}
        self.got.append(WebhookRequest(headers, await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"} if self.status in (301, 302) else {})

    def signed(self) -> list[WebhookRequest]:
        return [r for r in self.got if "x-wc-webhook-signature" in r.headers]

    def pings(self) -> list[WebhookRequest]:
        return [r for r in self.got if "x-wc-webhook-signature" not in r.headers]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    yield receiver
    await runner.cleanup()


def settings(shop: Simulator) -> Any:
    return parse(Settings, shop.settings())


async def test_subscribing_registers_every_topic_once_and_pings_unsigned(
    shop: Simulator, woo: WooCommerce, receiver: Receiver
) -> None:
    first = await woo.subscribe(receiver.url)
    assert await woo.subscribe(receiver.url) == first == await woo.subscriptions()
    assert [s.topic for s in first] == list(TOPICS)
    assert [r.body for r in receiver.got] == [f"webhook_id={s.external_id}".encode() for s in first]
    assert {verify(r, settings(shop)) for r in receiver.got} == {Delivery("ping", "ping")}
    assert hints("ping", {}, receiver.got[0].body) == ()


async def test_a_delivery_is_signed_and_says_which_order(shop: Simulator, woo: WooCommerce, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url)
    order = shop.place_order([("MUG-1", 1)], email="a@example.it")
    assert await shop.deliver() == 2 + 1
    found = [(verify(r, settings(shop)), r) for r in receiver.signed()]
    product = (await woo.find_listings(["MUG-1"]))[0].remote["product"]
    told = {d.topic: hints(d.topic, r.headers, r.body) for d, r in found}
    assert told == {"order.created": (Hint("order", order),), "order.updated": (Hint("order", order),),
                    "product.updated": (Hint("product", product),)}  # fmt: skip
    bodies = [r.body for d, r in found if d.topic.startswith("order.")]
    assert bodies[0] == bodies[1], "created and updated are byte for byte the same"


async def test_the_body_is_as_things_are_at_delivery_and_changes_merge(
    shop: Simulator, woo: WooCommerce, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url)
    order = shop.place_order([("MUG-1", 1)], email="a@example.it", paid=False)
    shop.pay(order)
    shop.cancel(order)
    assert await shop.deliver() == 2 + 1
    orders = [json.loads(r.body) for r in receiver.signed() if r.headers["x-wc-webhook-resource"] == "order"]
    assert [o["status"] for o in orders] == ["cancelled"] * 2


async def test_a_hand_edit_of_stock_says_which_product(shop: Simulator, woo: WooCommerce, receiver: Receiver) -> None:
    await woo.subscribe(receiver.url)
    shop.edit_stock("MUG-1", 1)
    await shop.deliver()
    (request,) = receiver.signed()
    product = (await woo.find_listings(["MUG-1"]))[0].remote["product"]
    assert hints(verify(request, settings(shop)).topic, request.headers, request.body) == (Hint("product", product),)


async def test_an_order_trashed_twice_is_told_twice(
    shop: Simulator, woo: WooCommerce, receiver: Receiver, clock: Any
) -> None:
    await woo.subscribe(receiver.url)
    order = int(shop.place_order([("MUG-1", 1)], email="a@example.it"))
    await shop.deliver()
    receiver.got.clear()
    for _ in range(2):
        shop.orders.delete(order, force=False)
        await shop.deliver()
        shop.orders.rows[order]["status"] = "processing"
        clock.advance(60)
    assert [r.body for r in receiver.signed()] == [b'{"id":%d}' % order] * 2
    assert len({verify(r, settings(shop)).event_key for r in receiver.signed()}) == 2
    shop.orders.delete(order, force=True)
    assert await shop.deliver() == 0, "deleted for good: nobody is told"


async def test_the_seventh_failure_in_a_row_disables_and_subscribing_enables_again(
    shop: Simulator, woo: WooCommerce, receiver: Receiver
) -> None:
    await woo.subscribe(receiver.url)
    receiver.status = 500
    for n in range(1, 8):
        shop.place_order([("MUG-1", 1)], email="a@example.it")
        await shop.deliver()
        active = {s.topic: s.active for s in await woo.subscriptions()}
        assert active["order.created"] == (n < 7)
    sent = len(receiver.got)
    assert await shop.deliver() == 0, "one attempt, never repeated"
    assert len(receiver.got) == sent
    receiver.status = 200
    assert all(s.active for s in await woo.subscribe(receiver.url))
    shop.place_order([("MUG-1", 1)], email="a@example.it")
    assert await shop.deliver() == 3


@pytest.mark.parametrize(("status", "counted"), [(204, False), (302, False), (303, True), (401, True)])
async def test_what_counts_as_a_failure(
    shop: Simulator, woo: WooCommerce, receiver: Receiver, status: int, counted: bool
) -> None:
    await woo.subscribe(receiver.url)
    receiver.status = status
    shop.place_order([("MUG-1", 1)], email="a@example.it")
    await shop.deliver()
    assert [shop.webhook_sender.failures[i] for i in (1, 2, 4)] == [int(counted)] * 3
    assert len(receiver.signed()) == 3, "no redirect is followed"


async def test_a_ping_that_was_not_taken_comes_again_at_each_save(
    shop: Simulator, woo: WooCommerce, receiver: Receiver
) -> None:
    receiver.status = 401
    assert all(s.active for s in await woo.subscribe(receiver.url))
    assert all(n == 0 for n in shop.webhook_sender.failures.values()), "a refused ping is no failed delivery"
    receiver.status = 200
    shop.place_order([("MUG-1", 1)], email="a@example.it")
    await shop.deliver()
    assert len(receiver.pings()) == 4 + 3
    shop.place_order([("MUG-1", 1)], email="a@example.it")
    await shop.deliver()
    assert len(receiver.pings()) == 4 + 3


async def test_with_autodelivery_webhooks_leave_by_themselves(receiver: Receiver) -> None:
    shop = Simulator()
    shop.autodeliver_s = 0.01
    async with shop.serve():
        shop.add_product("MUG", "Tazza", [("MUG-1", None, "19.90", 7)])
        woo = connect(settings(shop), ToolBox())
        await woo.subscribe(receiver.url)
        shop.place_order([("MUG-1", 1)], email="a@example.it")
        for _ in range(500):
            if len(receiver.signed()) == 3:
                break
            await asyncio.sleep(0.01)
        await woo.close()
    assert len(receiver.signed()) == 3


SIGNED = base64.b64encode(hmac_sha256("s3cret", b'{"id":1}')).decode()
FORGED = [
    ({"x-wc-webhook-signature": SIGNED}, b'{"id":2}', "s3cret"),
    ({"x-wc-webhook-signature": SIGNED}, b'{"id":1}', "other"),
    ({"x-wc-webhook-signature": SIGNED}, b'{"id":1}', ""),
    ({"x-wc-webhook-signature": "é"}, b'{"id":1}', "s3cret"),
    ({}, b'{"id":1}', "s3cret"),
    ({}, b"webhook_id=1&id=2", "s3cret"),
    ({"x-wc-webhook-signature": "x"}, b"webhook_id=1", "s3cret"),
]


@pytest.mark.parametrize(("headers", "body", "secret"), FORGED)
def test_a_forged_delivery_is_refused(headers: dict[str, str], body: bytes, secret: str) -> None:
    own = Settings("https://shop.example.it", Secret("ck"), Secret("cs"), Secret(secret))
    with pytest.raises(Forged):
        verify(WebhookRequest(headers, body), own)


def test_a_true_delivery_passes_and_has_no_key_of_its_own() -> None:
    own = Settings("https://shop.example.it", Secret("ck"), Secret("cs"), Secret("s3cret"))
    headers = {
        "x-wc-webhook-signature": SIGNED,
        "x-wc-webhook-topic": "order.updated",
        "x-wc-webhook-delivery-id": "abc",
    }
    assert verify(WebhookRequest(headers, b'{"id":1}'), own) == Delivery("order.updated", "")


def test_a_signed_body_that_cannot_be_read_is_bad_input() -> None:
    with pytest.raises(BadInput):
        hints("order.updated", {}, b"[]")
    assert hints("coupon.updated", {}, b"{}") == ()


async def test_without_a_webhook_secret_nothing_is_registered(shop: Simulator, woo: WooCommerce) -> None:
    shop.webhook_secret = ""
    bare = connect(settings(shop), ToolBox())
    with pytest.raises(Unsupported):
        await bare.subscribe("https://hub.example.it/in")
    await bare.close()
    assert not shop.seen
