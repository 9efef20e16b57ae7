"""`nervo up` as a merchant uses it: connected by command, trading with served simulators, killed, started again, joined by a second."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nervo.staging.trading import ERP, World, trading_world

PATIENCE_S = 30.0
WAITED_OUT_S = (
    60.0  # after a restore, what was published may still be on its way for so long: WooCommerce's late_application_s
)
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nervo:
    """One installation: its commands and its processes."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.port = free_port()
        self.environment = {
            **os.environ, "NERVO_DATA_DIR": str(folder), "NERVO_DATABASE_URL": database_url, "NERVO_PORT": str(self.port),
            "NERVO_ENVIRONMENT": "staging", "COLUMNS": "250",
        }  # fmt: skip

    async def start(self, *args: str, **environment: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nervo", *args, env={**self.environment, **environment}, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    async def say(self, *args: str, stdin: str = "") -> str:
        process = await self.start(*args)
        out, _ = await process.communicate(stdin.encode())
        return out.decode()

    @asynccontextmanager
    async def up(self, *args: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await self.start(*(args or ("up",)), **environment)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 20)

    async def connect(self, world: World) -> None:
        for name, given in world.settings().items():
            secrets = world.secrets()[name]
            pairs = [part for k, v in given.items() for part in ("--set", f"{k}=-" if k in secrets else f"{k}={v}")]
            typed = "\n".join(v for k, v in given.items() if k in secrets) + "\n"
            said = await self.say("connect", ERP if name == "erp" else name, "--name", name, *pairs, stdin=typed)
            assert "Saved" in said, said
        file = Path(self.environment["NERVO_DATA_DIR"]) / "config.toml"
        file.write_text(world.document())
        assert "is live" in await self.say("config", "apply", str(file))


async def until(true: Callable[[], Any], what: str, most_s: float = PATIENCE_S) -> None:
    for _ in range(int(most_s * 20)):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {most_s} s: {what}")


def keys(world: World) -> list[str]:
    return [row["key"] for row in world.erp.orders() if row["state"] != "draft"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with trading_world(7) as made:
        made.sweep_s = 1
        yield made


@pytest.fixture
async def nervo(tmp_path: Path, database_url: str, world: World) -> Nervo:
    made = Nervo(tmp_path, database_url)
    await made.connect(world)
    return made


async def test_connected_by_command_it_trades_goes_on_after_a_kill_and_a_second_one_stands_by(
    nervo: Nervo, world: World
) -> None:
    shop, sku = world.shops["woocommerce"], world.bought[0]
    async with nervo.up() as first:
        await until(
            lambda: shop.quantity(sku) == world.erp.figure(sku, "MI") + world.erp.figure(sku, "RM"),
            "the first stock push",
        )
        shop.place_order([(sku, 1)], email="anna@example.it")
        await until(lambda: len(keys(world)) == 1, "the first order in the ERP")
        first.kill()
        await first.wait()
    shop.place_order([(sku, 2)], email="bruno@example.it")
    async with nervo.up(), nervo.up("up", "--port", str(free_port())):
        await until(lambda: len(keys(world)) == 2, "the order of the time when nothing ran")
        await until(
            lambda: shop.quantity(sku) == world.erp.figure(sku, "MI") + world.erp.figure(sku, "RM"),
            "the stock after it",
        )
        said = await nervo.say("status")
        assert "in_erp 2" in said and "write" in said, said
        await asyncio.sleep(2)
    assert sorted(keys(world)) == sorted(set(keys(world)))


async def test_an_order_with_an_unknown_sku_is_corrected_by_command_and_is_then_in_the_erp(
    nervo: Nervo, world: World
) -> None:
    shop = world.shops["woocommerce"]
    async with nervo.up():
        await until(lambda: shop.quantity(world.bought[0]), "the first stock push")
        order = shop.place_order([("CAL-PROMO", 1)], email="anna@example.it")
        problem = await found(nervo, r"│ (\d+) +│ unknown_sku", "problems")
        line = await found(nervo, r"line (\S+): 1 × CAL-PROMO", "orders", order)
        assert keys(world) == []
        said = await nervo.say("problems", "correct", problem, "--sku", f"{line}=NOT-THERE")
        assert "NOT-THERE" in said and keys(world) == [], said
        await nervo.say("problems", "correct", problem, "--sku", f"{line}={world.bought[0]}")
        await until(lambda: len(keys(world)) == 1, "the corrected order in the ERP")
        assert "unknown_sku" not in await nervo.say("problems")
        assert f"{world.bought[0]}" in await nervo.say("orders", order)


async def found(nervo: Nervo, pattern: str, *command: str) -> str:
    for _ in range(30):
        match = re.search(pattern, said := await nervo.say(*command))
        if match:
            return match[1]
    raise AssertionError(f"{pattern} not in {said}")


async def test_the_panel_and_the_webhook_route_answer(nervo: Nervo) -> None:
    async with nervo.up() as process:
        assert process.stdout
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert "/first/" in line, line
        async with aiohttp.ClientSession(f"http://127.0.0.1:{nervo.port}") as http:
            async with http.get("/", allow_redirects=False) as page:
                assert page.status == 302
            async with http.get(line.split()[-1].split(str(nervo.port))[1]) as page:
                assert page.status == 200 and "Content-Security-Policy" in page.headers
            async with http.post("/hooks/nobody", data=b"{}") as answer:
                assert answer.status == 404


@pytest.mark.fault(54)
async def test_a_backup_restored_elsewhere_loses_and_repeats_nothing_that_happened_since(
    nervo: Nervo, world: World, tmp_path: Path
) -> None:
    shop, sku, file = world.shops["woocommerce"], world.bought[0], str(tmp_path / "backup.jsonl.gz")

    def right() -> bool:
        return shop.quantity(sku) == world.erp.figure(sku, "MI") + world.erp.figure(sku, "RM")

    async with nervo.up():
        await until(right, "the first stock push")
        shop.place_order([(sku, 1)], email="anna@example.it")
        await until(lambda: len(keys(world)) == 1, "the order before the backup")
        await nervo.say("backup", file)
        shop.place_order([(sku, 2)], email="bruno@example.it")
        await until(lambda: len(keys(world)) == 2, "the order after it")
    shop.edit_stock(sku, 999)
    restored = Nervo(tmp_path, f"sqlite:///{tmp_path / 'restored.sqlite3'}")
    assert "Restored: 1 orders" in await restored.say("restore", file)
    async with restored.up():
        shop.place_order([(sku, 1)], email="carla@example.it")
        await until(lambda: len(keys(world)) == 3, "the order after the restore")
        await until(right, "the stock that was edited meanwhile", WAITED_OUT_S + PATIENCE_S)
        assert await found(restored, r"(in_erp 3)", "status")
    written = [row["key"] for row in world.erp.orders()]
    assert len(written) == len(set(written)) == 3
