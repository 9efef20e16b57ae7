"""The trading world is believable, and the same for the same seed."""

import asyncio
from random import Random

import aiohttp
from aiohttp import web
from stdnum import ean
from stdnum.it import codicefiscale, iva

from nervo.staging.catalogue import catalogue, skus
from nervo.staging.customers import customers
from nervo.staging.people import People
from nervo.staging.postman import Postman
from nervo.staging.reckoning import shown_at
from nervo.staging.trading import trading_world


def test_the_catalogue_has_sixty_skus_with_valid_gtins_in_two_warehouses() -> None:
    articles = catalogue(Random(1))
    items = [item for article in articles for item in article.items]
    assert len(set(skus(articles))) == len(items) >= 60
    assert all(ean.is_valid(item.gtin) and set(item.stock) == {"MI", "RM"} and item.price > 0 for item in items)


def test_customers_have_identifiers_that_a_gestionale_accepts() -> None:
    people = customers(Random(1), 120)
    fiscal = [c.fiscal for c in people if c.fiscal]
    vat_numbers, tax_codes = [f.vat_number for f in fiscal if f.vat_number], [f.tax_code for f in fiscal if f.tax_code]
    assert (
        len(vat_numbers) >= 20
        and all(iva.is_valid(v) for v in vat_numbers)
        and len(set(vat_numbers)) == len(vat_numbers)
    )
    assert len(tax_codes) >= 20 and all(codicefiscale.is_valid(t) for t in tax_codes)
    assert len({c.email for c in people}) == 120


async def test_the_same_seed_draws_the_same_orders() -> None:
    async def drawn(seed: int) -> list[tuple[str, str, tuple[tuple[str, int], ...]]]:
        async with trading_world(seed) as world:
            for shop in world.shops.values():
                for sku in world.bought:
                    shop.edit_stock(sku, 50)
            people = People(world)
            for _ in range(20):
                people.buy()
            return [(p.shop, p.email, p.lines) for p in world.placed]

    first, again, other = await drawn(5), await drawn(5), await drawn(6)
    assert first == again != other and {shop for shop, _, _ in first} == {"woocommerce", "shopify"}


async def test_what_a_channel_has_to_show_follows_its_rule() -> None:
    async with trading_world(1) as world:
        sku = world.bought[0]
        world.erp.set_stock(sku, "MI", 200)
        world.erp.set_stock(sku, "RM", 7)
        assert (shown_at(world, "woocommerce", sku, 2), shown_at(world, "shopify", sku, 2)) == (205, 90)
        world.erp.set_stock(sku, "MI", 5)
        assert (shown_at(world, "woocommerce", sku, 2), shown_at(world, "shopify", sku, 2)) == (10, 2)


async def test_the_postman_delivers_twice_late_and_sometimes_never() -> None:
    got: list[tuple[str, bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.path, await request.read(), request.headers["X-Sign"]))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/hooks/{name}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with Postman(target, Random(2), longest_delay_s=0.05, lost_share=0.2).work() as postman:
        async with aiohttp.ClientSession() as session:
            for n in range(30):
                async with session.post(
                    f"{postman.url}/hooks/shop", data=b"%d" % n, headers={"X-Sign": f"s{n}"}
                ) as answer:
                    assert answer.status == 200
        await asyncio.sleep(0.3)
        assert postman.lost > 0 and postman.delivered == 2 * (30 - postman.lost) == len(got)
    assert all(sign == f"s{int(body)}" and path == "/hooks/shop" for path, body, sign in got)
    bodies = [int(body) for _, body, _ in got]
    assert bodies != sorted(bodies)
    await runner.cleanup()
