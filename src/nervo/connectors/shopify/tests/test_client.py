"""The token, the cost, and what refusals become."""

import json
from collections.abc import Callable

import pytest
from aiohttp import web

from nervo.connectors.shopify.client import TooCostly
from nervo.connectors.shopify.tests.conftest import World
from nervo.errors import AuthFailed, BadInput, Misunderstood, OutcomeUnknown, RateLimited, Unavailable
from nervo.kit.simulator import Fault, FaultKind
from nervo.ports.common import Cursor

PATH = "graphql.json"


@pytest.mark.fault(41)
async def test_a_token_is_granted_once_and_again_before_its_24_hours_are_over(world: World) -> None:
    shop = world.connect(token="", client_id="nervo-client")
    await shop.check()
    await shop.check()
    assert grants(world) == 1
    world.clock.advance(86_390)
    await shop.check()
    assert grants(world) == 2
    await shop.close()


def grants(world: World) -> int:
    return sum(seen.path.endswith("access_token") for seen in world.simulator.seen)


@pytest.mark.fault(41)
async def test_a_granted_token_that_was_revoked_is_granted_anew(world: World) -> None:
    shop = world.connect(token="", client_id="nervo-client")
    await shop.check()
    world.simulator.tokens.clear()
    assert (await shop.check()).name == "nervo prova"
    await shop.close()


async def test_a_wrong_client_secret_and_a_missing_one_are_auth_failed(world: World) -> None:
    for given in ({"client_secret": "wrong"}, {"client_secret": ""}, {"client_id": ""}):
        shop = world.connect(**({"token": "", "client_id": "nervo-client"} | given))
        with pytest.raises(AuthFailed):
            await shop.check()
        await shop.close()


@pytest.mark.fault(41)
async def test_a_revoked_fixed_token_is_auth_failed(world: World) -> None:
    world.simulator.tokens.clear()
    with pytest.raises(AuthFailed):
        await world.shop.listings(None)


async def test_no_secret_is_in_what_is_recorded(world: World) -> None:
    shop = world.connect(token="", client_id="nervo-client")
    await shop.check()
    text = repr(world.exchanges)
    assert world.exchanges
    assert not any(secret in text for secret in ("shpat_", "shpss_"))
    await shop.close()


async def test_the_pace_is_learnt_from_the_first_answer(world: World) -> None:
    await world.shop.check()
    bucket = world.shop.client.http.pace.of()
    assert (bucket.rate, bucket.burst) == (1000.0, 20_000.0)


@pytest.mark.fault(36)
async def test_throttled_waits_until_the_bucket_holds_enough(world: World) -> None:
    world.simulator.faults.append(Fault(FaultKind.RATE_LIMITED, PATH))
    with pytest.raises(RateLimited) as caught:
        await world.shop.listings(None)
    assert caught.value.retry_after_s == pytest.approx(0.1)


async def test_an_empty_bucket_says_how_long_to_wait(world: World) -> None:
    world.simulator.rate = 10.0
    world.simulator._points = 0.0
    with pytest.raises(RateLimited) as caught:
        await world.shop.listings(None)
    assert caught.value.retry_after_s == pytest.approx(1.0)  # 10 points for asking the location


async def test_a_page_that_costs_too_much_is_halved_for_the_next_attempt(world: World) -> None:
    for _ in range(30):
        world.simulator.place_order([("SKU-1", 1)])
    world.simulator.cost_factor = 6.0
    after = Cursor(world.clock.now()).rewound(60)
    with pytest.raises(TooCostly):
        await world.shop.orders(after)
    page = await world.shop.orders(after)
    assert (world.shop.client.page["Orders"], len(page.items), page.more) == (12, 30, False)


REFUSALS: list[tuple[int, object, type[Exception], type[Exception]]] = [
    (200, {"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}, Unavailable, OutcomeUnknown),
    (200, {"errors": [{"message": "x", "extensions": {"code": "ACCESS_DENIED"}}]}, AuthFailed, AuthFailed),
    (200, {"errors": [{"message": "x", "extensions": {"code": "SHOP_INACTIVE"}}]}, AuthFailed, AuthFailed),
    (200, {"errors": [{"message": "x", "extensions": {"code": "undefinedField"}}]}, Misunderstood, Misunderstood),
    (200, {"errors": "Not understood"}, Misunderstood, Misunderstood),
    (200, {}, Misunderstood, Misunderstood),
    (402, {}, AuthFailed, AuthFailed),
    (429, {}, RateLimited, RateLimited),
    (502, {}, Unavailable, OutcomeUnknown),
    (503, {}, Unavailable, OutcomeUnknown),
]


@pytest.mark.parametrize(("status", "body", "reading", "writing"), REFUSALS)
async def test_what_refusals_become(
    world: World, status: int, body: object, reading: type[Exception], writing: type[Exception]
) -> None:
    listing = await world.listing("SKU-1")
    world.simulator.unauthorised = answers(status, body)  # type: ignore[method-assign]
    for call, error in (
        (lambda: world.shop.listings(None), reading),
        (lambda: world.shop.put_prices([world.price(listing, "9")]), writing),
    ):
        world.simulator.faults.append(Fault(FaultKind.UNAUTHORISED, PATH))
        with pytest.raises(error):
            await call()


def answers(status: int, body: object) -> Callable[[], web.Response]:
    return lambda: web.json_response(body, status=status)


async def test_an_answer_that_nobody_can_read_is_misunderstood(world: World) -> None:
    world.simulator.faults.append(Fault(FaultKind.GARBAGE, PATH))
    with pytest.raises(Misunderstood):
        await world.shop.listings(None)


async def test_a_shop_that_is_down_is_unavailable_to_readers_and_the_outcome_of_a_write_unknown(world: World) -> None:
    listing = await world.listing("SKU-1")
    world.simulator.faults.append(Fault(FaultKind.DROP, PATH, times=2))
    with pytest.raises(Unavailable):
        await world.shop.listings(None)
    with pytest.raises(OutcomeUnknown):
        await world.shop.put_prices([world.price(listing, "9")])
    world.simulator.down = True
    with pytest.raises(Unavailable):
        await world.shop.listings(None)
    with pytest.raises(OutcomeUnknown):
        await world.shop.put_prices([world.price(listing, "9")])


async def test_an_access_scope_that_is_missing_is_named(world: World) -> None:
    world.simulator.scopes.remove("write_inventory")
    failing = [c for c in (await world.shop.check()).checks if not c.ok]
    assert [c.name for c in failing] == ["write_inventory"]
    with pytest.raises(AuthFailed, match="write_inventory"):
        await world.stock({"SKU-1": 1})


async def test_a_version_that_shopify_no_longer_serves_shows_in_the_checks(world: World) -> None:
    world.simulator.version = "2027-01"
    failing = [c for c in (await world.shop.check()).checks if not c.ok]
    assert [(c.name, "2027-01" in c.detail) for c in failing] == [("version", True)]


async def test_another_shop_and_another_location_show_in_the_checks(world: World) -> None:
    shop = world.connect(shop="other.myshopify.com", location="404")
    assert [c.name for c in (await shop.check()).checks if not c.ok] == ["shop", "location"]
    await shop.close()


def test_plain_http_goes_to_this_machine_only(world: World) -> None:
    with pytest.raises(BadInput):
        world.connect(url="http://shop.example")


async def test_the_real_path_and_version_are_called(world: World) -> None:
    await world.shop.check()
    seen = world.simulator.seen[-1]
    assert (seen.method, seen.path) == ("POST", "/admin/api/2026-07/graphql.json")
    assert json.loads(seen.body)["operationName"] == "About"
