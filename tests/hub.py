"""A hub on a fresh database, wired to a test world, moved step by step."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections

from nervo.bootstrap import django as setup
from nervo.bootstrap.hub import engine_of
from nervo.flows.catalogue import resume
from nervo.flows.mark_shipped import follow_erp_orders
from nervo.kit.clock import ManualClock
from nervo.rules.config import Config, ConnectionConfig, Guards, PriceRule
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import operations
from nervo.store.database import Database, Tx
from nervo.sync import orders, source
from nervo.sync.commands import Commands
from nervo.sync.context import Hub
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.lease import renew
from nervo.sync.opening import opening
from nervo.sync.products import ProductPublisher
from nervo.sync.publish import Publisher
from nervo.sync.remote import Remote
from nervo.sync.watch import Watch

_folder = Path(tempfile.mkdtemp(prefix="nervo-tests-"))  # of this process: pytest-xdist runs several
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_template: Path | None = None


def configure() -> None:
    """Sets Django up for this process's first database."""
    setup.configure(f"sqlite:///{_folder / 'first.sqlite3'}", _folder, secret_key="tests")


def use_database(url: str) -> None:
    """Points Django at another database, migrated."""
    global _template
    configure()
    connections["default"].close()
    connections.settings["default"] = connections.configure_settings({"default": setup.database(url)})["default"]
    del connections["default"]
    if not url.startswith("sqlite"):
        call_command("migrate", verbosity=0)
    elif _template is None:
        call_command("migrate", verbosity=0)
        connections["default"].close()
        _template = _folder / "template.sqlite3"
        shutil.copy(connections.settings["default"]["NAME"], _template)
    else:
        shutil.copy(_template, connections.settings["default"]["NAME"])


class TestHub:
    """The hub under test: `settle()` runs every loop until nothing moves. `beside`: another process on the same data and clock."""

    __test__ = False

    def __init__(
        self,
        erp: WorldErp,
        shops: dict[str, WorldShop],
        *,
        guards: Guards | None = None,
        mode: str = "write",
        owner: str = "hub-a",
        clock: ManualClock | None = None,
        engine: str = "memory",
        engine_url: str = "",
        **settings: Any,
    ) -> None:
        self.erp, self.shops, self.clock = erp, shops, clock or ManualClock()
        erp.clock = self.clock
        made = {n: ConnectionConfig(n, "world", mode, price=PriceRule("Web")) for n in shops}
        connections = {"erp": ConnectionConfig("erp", "world", "write"), **made}
        config = Config(erp="erp", guards=guards or Guards(), connections=connections, **settings)
        remotes = {"erp": Remote("erp", erp, self.clock, writable=True)}
        remotes |= {n: Remote(n, s, self.clock, writable=mode == "write") for n, s in shops.items()}
        self.hub = Hub(Database(), config, remotes, self.clock, owner=owner)
        self.engine = engine_of(self.hub, engine, engine_url)
        self.hub.start_flow = self.engine.start
        self.watch, self.commands = Watch(self.hub), Commands(self.hub)

    def beside(self, owner: str) -> TestHub:
        return TestHub(self.erp, self.shops, owner=owner, clock=self.clock, guards=self.hub.config.guards)

    async def start(self) -> TestHub:
        await self.lease()
        await opening(self.hub)
        await resume(self.hub)
        await self.settle()
        return self

    async def lease(self) -> bool:
        return await renew(self.hub)

    async def command(self, kind: str, /, actor: str = "anna", **args: object) -> tuple[str, str]:
        """Gives a command, lets it be carried out, and reads how it ended."""
        now = self.hub.now_ms()
        id = await self.hub.db.write(lambda tx: operations.add_command(tx, kind, args, actor, now))
        await self.commands.step()
        await self.commands.idle()
        ((state, result),) = self.ask("SELECT state, result FROM store_command WHERE id = %s", id)
        return str(state), str(result)

    async def settle(self) -> None:
        """Everything that can move moves; time moves on a little with each round. Who rests after an outage is given the time."""
        while any(remote.breaker.refuses for remote in self.hub.remotes.values()):
            self.clock.advance(0.5)
        for _ in range(40):
            moved = await self._round()
            self.clock.advance(0.5)
            if not moved:
                return
        raise AssertionError("the hub does not come to rest")

    async def _round(self) -> int:
        hub = self.hub
        await renew(hub)
        await self.watch.probe()
        await self.commands.step()
        moved = await source.listen(hub) + await source.read_stock(hub) + await follow_erp_orders(hub)
        for channel in hub.channels():
            moved += await orders.sweep(hub, channel) + await orders.read_hinted(hub, channel)
            moved += await ProductPublisher(hub, channel).drain()
            for kind in (StockKind(), PriceKind()):
                moved += await Publisher(hub, channel, kind).drain()
        moved += await resume(hub)
        await self.engine.idle()
        return moved

    def ask(self, sql: str, *args: object) -> list[tuple[object, ...]]:
        def read(tx: Tx) -> list[tuple[object, ...]]:
            return tx.rows(sql, args)

        return self.hub.db.read_now(read)

    async def close(self) -> None:
        await self.engine.stop()
        self.hub.db.close()
