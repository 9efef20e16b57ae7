"""Deliveries: signed, deduplicated by their id, retried, and the subscription that Shopify deletes."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from nervo.connectors.shopify import webhooks
from nervo.connectors.shopify.sim_webhooks import RETRIES_S
from nervo.connectors.shopify.tests.conftest import World
from nervo.errors import BadInput, Forged, Rejected
from nervo.kit.signatures import hmac_sha256
from nervo.ports.shop import Delivery, Hint, WebhookRequest


@dataclass
class Hub:
    """A receiver that answers `status` and keeps what came."""

    url: str = ""
    status: int = 200
    came: list[WebhookRequest] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {k.lower(): v for k, v in request.headers.items()}
        self.came.append(WebhookRequest(headers, await request.read()))
        return web.Response(status=self.status)


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    hub, app = Hub(), web.Application()
    app.add_routes([web.post("/hook", hub.receive)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hub
    await runner.cleanup()


def request_of(body: bytes = b"{}", secret: str = "shpss_simulated_secret", **headers: str) -> WebhookRequest:
    signature = base64.b64encode(hmac_sha256(secret, body)).decode()
    plain = {
        "x-shopify-hmac-sha256": signature,
        "x-shopify-shop-domain": "nervo-prova.myshopify.com",
        "x-shopify-topic": "orders/create",
        "x-shopify-webhook-id": "w-1",
    }
    return WebhookRequest(plain | {k.replace("_", "-"): v for k, v in headers.items()}, body)


async def test_a_delivery_from_the_wire_is_verified_and_says_which_order(world: World, hub: Hub) -> None:
    await world.shop.subscribe(hub.url)
    id = world.simulator.place_order([("SKU-1", 1)])
    await world.simulator.deliver()
    hints = set()
    for request in hub.came:
        delivery = webhooks.verify(request, world.shop.client.settings)
        hints |= set(webhooks.hints(delivery.topic, request.headers, request.body))
    item = (await world.listing("SKU-1")).remote["inventory_item"]
    assert hints == {Hint("order", id), Hint("stock", item)}


@pytest.mark.fault(13)
async def test_who_is_not_shopify_or_another_shop_is_forged(world: World) -> None:
    settings = world.shop.client.settings
    assert webhooks.verify(request_of(), settings) == Delivery("orders/create", "w-1")
    for forged in (
        request_of(secret="guessed"),
        request_of(x_shopify_hmac_sha256=""),
        request_of(x_shopify_hmac_sha256="è"),
        request_of(x_shopify_shop_domain="other.myshopify.com"),
        WebhookRequest({}, b"{}"),
        WebhookRequest(request_of().headers, b'{"id":2}'),
    ):
        with pytest.raises(Forged):
            webhooks.verify(forged, settings)


async def test_without_a_secret_everything_is_forged_and_the_old_one_is_good_for_a_while(world: World) -> None:
    bare, rotated = (
        world.connect(client_secret=""),
        world.connect(client_secret="new", old_client_secret="shpss_simulated_secret"),
    )
    with pytest.raises(Forged):
        webhooks.verify(request_of(secret=""), bare.client.settings)
    assert webhooks.verify(request_of(), rotated.client.settings).event_key == "w-1"


def test_a_body_that_nobody_can_read_is_bad_input_and_foreign_topics_say_nothing() -> None:
    assert webhooks.hints("customers/redact", {}, b"\xff") == ()
    for body in (b"\xff", b"[]", b"{}"):
        with pytest.raises(BadInput):
            webhooks.hints("orders/create", {}, body)


async def test_a_retry_repeats_the_id_and_the_original_body(world: World, hub: Hub) -> None:
    await world.shop.subscribe(hub.url)
    id = world.simulator.place_order([("SKU-1", 1)], paid=False)
    hub.status = 500
    await world.simulator.deliver()
    world.simulator.pay(id)
    world.clock.advance(RETRIES_S[0])
    await world.simulator.deliver()
    created = [r for r in hub.came if r.headers["x-shopify-topic"] == "orders/create"]
    assert len(created) == 2
    assert len({(r.headers["x-shopify-webhook-id"], r.body) for r in created}) == 1
    assert b'"financial_status":"pending"' in created[1].body


@pytest.mark.fault(14)
async def test_after_eight_retries_in_four_hours_the_subscription_is_gone_and_made_again(
    world: World, hub: Hub
) -> None:
    await world.shop.subscribe(hub.url)
    hub.status = 503
    world.simulator.place_order([("SKU-1", 1)], paid=False)
    for wait in (0.0, *RETRIES_S):
        assert len(await world.shop.subscriptions()) == 7
        world.clock.advance(wait)
        await world.simulator.deliver()
    assert sum(RETRIES_S) == 4 * 3600
    assert {s.topic for s in await world.shop.subscriptions()} == {
        "orders/updated", "orders/cancelled", "orders/paid", "products/create", "products/update",
    }  # fmt: skip
    assert len(await world.shop.subscribe(hub.url)) == 7


async def test_subscribing_twice_changes_nothing_and_a_new_address_moves_them(world: World) -> None:
    first = await world.shop.subscribe("https://hub.example/1")
    assert await world.shop.subscribe("https://hub.example/1") == first
    moved = await world.shop.subscribe("https://hub.example/2")
    assert [s.external_id for s in moved] == [s.external_id for s in first]
    assert {s.url for s in moved} == {"https://hub.example/2"}


async def test_plain_http_is_refused_and_stock_events_can_be_left_out(world: World) -> None:
    with pytest.raises(Rejected, match="http"):
        await world.shop.subscribe("http://hub.example/")
    shop = world.connect(watch_stock="false")
    assert "inventory_levels/update" not in {s.topic for s in await shop.subscribe("https://hub.example/")}
    await shop.close()
