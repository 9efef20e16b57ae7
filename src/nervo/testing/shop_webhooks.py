"""A shop's webhooks: real deliveries, taken at a small server of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from nervo.errors import BadInput, Forged, Unsupported
from nervo.ports.shop import Delivery, Hint, WebhookRequest
from nervo.testing.shop_world import ShopWorld

SIGNED = ("sign", "hmac", "token")


@asynccontextmanager
async def listening(taken: list[WebhookRequest]) -> AsyncIterator[str]:
    """Takes every delivery into the list while the block runs; gives the URL."""

    async def take(request: web.Request) -> web.Response:
        taken.append(WebhookRequest({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


class ShopWebhooks:
    """Tests of deliveries: what is verified, and that they say "this changed" and no more."""

    async def test_subscribing_twice_is_subscribing_once(self, world: ShopWorld) -> None:
        world.needs("webhooks")
        async with listening([]) as url:
            first = await world.port.subscribe(url)
            again = await world.port.subscribe(url)
            assert {s.external_id for s in again} == {s.external_id for s in first}
            assert {(s.url, s.active) for s in await world.port.subscriptions()} == {(url, True)}
            assert len({s.topic for s in again}) == len(again)

    async def test_an_order_is_told_by_a_signed_delivery(self, world: ShopWorld) -> None:
        order, taken = await deliveries(world)
        verified = [(d, request) for request in taken for d in [verify(world, request)]]
        told = {hint for d, request in verified for hint in hints(world, d, request)}
        assert Hint("order", order) in told
        assert all(isinstance(hint, Hint) for hint in told)

    async def test_a_hint_leads_to_the_order(self, world: ShopWorld) -> None:
        order, taken = await deliveries(world)
        ids = {h.external_id for r in taken for h in hints(world, verify(world, r), r) if h.entity == "order"}
        assert {(await world.port.order(id)).external_id for id in ids} == {order}

    async def test_a_delivery_that_comes_twice_has_the_same_key_and_hints(self, world: ShopWorld) -> None:
        _, taken = await deliveries(world)
        for request in taken:
            first, second = verify(world, request), verify(world, request)
            assert first == second
            assert hints(world, first, request) == hints(world, second, request)

    async def test_two_deliveries_never_share_a_key(self, world: ShopWorld) -> None:
        _, taken = await deliveries(world)
        keys = [key for request in signed(world, taken) for key in [verify(world, request).event_key] if key]
        assert len(keys) == len(set(keys))

    async def test_deliveries_out_of_order_tell_the_same(self, world: ShopWorld) -> None:
        order, taken = await deliveries(world)
        forth = [hints(world, verify(world, r), r) for r in taken]
        back = [hints(world, verify(world, r), r) for r in reversed(taken)]
        assert forth == back[::-1]
        assert (await world.port.order(order)).external_id == order

    async def test_a_delivery_without_its_signature_is_forged(self, world: ShopWorld) -> None:
        _, taken = await deliveries(world)
        for request in signed(world, taken):
            headers = {k: v for k, v in request.headers.items() if not any(word in k for word in SIGNED)}
            with pytest.raises(Forged):
                verify(world, WebhookRequest(headers, request.body))

    async def test_a_body_changed_by_one_byte_is_forged(self, world: ShopWorld) -> None:
        _, taken = await deliveries(world)
        for request in signed(world, taken):
            for place in (0, len(request.body) // 2, len(request.body) - 1):
                body = bytearray(request.body)
                body[place] ^= 1
                with pytest.raises(Forged):
                    verify(world, WebhookRequest(request.headers, bytes(body)))

    async def test_a_signature_that_is_not_even_one_is_forged(self, world: ShopWorld) -> None:
        _, taken = await deliveries(world)
        for request in signed(world, taken):
            names = [k for k in request.headers if any(word in k for word in SIGNED)]
            for wrong in ("", "A", "è", "0" * 64, "====", request.headers[names[0]][:-2]):
                with pytest.raises(Forged):
                    verify(world, WebhookRequest({**request.headers, **dict.fromkeys(names, wrong)}, request.body))

    async def test_a_body_that_nobody_can_read_is_bad_input(self, world: ShopWorld) -> None:
        _, taken = await deliveries(world)
        for request in signed(world, taken):
            topic = verify(world, request).topic
            for body in (b"", b"{", b"[]", b"\xff\xfe"):
                with pytest.raises(BadInput):
                    world.connector.hints(topic, request.headers, body)  # type: ignore[misc]

    async def test_a_topic_that_is_not_ours_tells_nothing(self, world: ShopWorld) -> None:
        world.needs("webhooks")
        assert world.connector.hints is not None
        assert world.connector.hints("no/such.topic", {}, b'{"id": 1}') == ()

    async def test_without_webhooks_subscribing_is_unsupported_before_any_call(self, world: ShopWorld) -> None:
        world.lacks("webhooks")
        calls = len(world.exchanges)
        with pytest.raises(Unsupported):
            await world.port.subscribe("https://hub.example.com/hook")
        assert len(world.exchanges) == calls


async def deliveries(world: ShopWorld) -> tuple[str, list[WebhookRequest]]:
    """An order that is placed and then cancelled, and what the shop delivered of it."""
    world.needs("webhooks")
    taken: list[WebhookRequest] = []
    async with listening(taken) as url:
        await world.port.subscribe(url)
        order = world.sell(("MUG-1", 1))
        await world.simulator.deliver()
        world.simulator.cancel(order)
        world.clock.advance(2)
        await world.simulator.deliver()
    assert signed(world, taken), "nothing was delivered"
    return order, taken


def verify(world: ShopWorld, request: WebhookRequest) -> Delivery:
    assert world.connector.verify is not None, "webhooks.py has no verify"
    return world.connector.verify(request, world.settings)


def hints(world: ShopWorld, delivery: Delivery, request: WebhookRequest) -> tuple[Hint, ...]:
    assert world.connector.hints is not None, "webhooks.py has no hints"
    return world.connector.hints(delivery.topic, request.headers, request.body)


def signed(world: ShopWorld, taken: list[WebhookRequest]) -> list[WebhookRequest]:
    """Those that tell of something; the rest are pings, which nobody signs."""
    return [request for request in taken if hints(world, verify(world, request), request)]
