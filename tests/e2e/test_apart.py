"""`nervo web` and `nervo worker` as processes of their own on one database: webhooks reach the worker, and a dead worker is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from nervo.staging.trading import World, trading_world
from tests.e2e.test_up import Nervo, keys, until

pytestmark = pytest.mark.slow


@pytest.fixture
async def world():
    async with trading_world(11) as made:
        made.sweep_s = 3600
        yield made


async def test_a_webhook_at_the_web_process_is_an_order_through_the_worker_and_a_killed_worker_is_replaced(
    tmp_path: Path, database_url: str, world: World
) -> None:
    nervo = Nervo(tmp_path, database_url)
    await nervo.connect(world)
    file = tmp_path / "config.toml"
    file.write_text(f'public_url = "http://127.0.0.1:{nervo.port}"\n' + file.read_text())
    assert "is live" in await nervo.say("config", "apply", str(file))
    shop, sku = world.shops["woocommerce"], world.bought[0]
    async with nervo.up("web"), nervo.up("worker") as first, nervo.up("worker") as second:
        await until(lambda: shop.quantity(sku), "the first stock push")
        await until(lambda: len(shop.webhook_sender.rows) >= 3, "the subscriptions")
        shop.place_order([(sku, 1)], email="anna@example.it")
        await until(lambda: len(keys(world)) == 1, "the order that a webhook brought")
        said = await nervo.say("status")
        acting = first if f":{first.pid} " in said else second
        acting.kill()
        await acting.wait()
        shop.place_order([(sku, 2)], email="bruno@example.it")
        await until(lambda: len(keys(world)) == 2, "the order after the worker's death")
    assert len(set(keys(world))) == 2
