"""A hub on a fresh database, wired to a test world, moved step by step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from django.core.management import call_command
from django.db import connections

from nervo.bootstrap import django as setup
from nervo.errors import MachineError
from nervo.flows.cancel_order import cancel_order
from nervo.flows.engine import MemoryEngine
from nervo.flows.mark_shipped import follow_erp_orders, mark_shipped, problem_for
from nervo.flows.place_order import PlaceOrder, record_payments
from nervo.kit.clock import ManualClock
from nervo.rules.config import Config, ConnectionConfig, Guards, PriceRule
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import operations
from nervo.store.database import Database, Tx
from nervo.sync import orders, source
from nervo.sync.context import Hub
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.products import ProductPublisher, link_existing
from nervo.sync.publish import Publisher, recover
from nervo.sync.remote import Remote

_template: Path | None = None


def use_database(url: str) -> None:
    """Points Django at another database, migrated."""
    global _template
    first = Path(tempfile.gettempdir()) / "nervo-tests.sqlite3"
    setup.configure(f"sqlite:///{first}", first.parent, secret_key="tests")
    connections["default"].close()
    connections.settings["default"] = connections.configure_settings({"default": setup.database(url)})["default"]
    del connections["default"]
    if not url.startswith("sqlite"):
        call_command("migrate", verbosity=0)
    elif _template is None:
        call_command("migrate", verbosity=0)
        connections["default"].close()
        _template = first.with_name("nervo-tests-template.sqlite3")
        shutil.copy(connections.settings["default"]["NAME"], _template)
    else:
        shutil.copy(_template, connections.settings["default"]["NAME"])


class TestHub:
    """The hub under test: `settle()` runs every loop until nothing moves."""

    __test__ = False

    def __init__(
        self, erp: WorldErp, shops: dict[str, WorldShop], *, guards: Guards | None = None, mode: str = "write"
    ) -> None:
        self.clock = ManualClock()
        made = {n: ConnectionConfig(n, "world", mode, price=PriceRule("Web")) for n in shops}
        config = Config(
            erp="erp", guards=guards or Guards(), connections={"erp": ConnectionConfig("erp", "world", "write"), **made}
        )
        remotes = {"erp": Remote("erp", erp, self.clock, writable=True)}
        remotes |= {n: Remote(n, s, self.clock, writable=mode == "write") for n, s in shops.items()}
        self.hub = Hub(Database(), config, remotes, self.clock, owner="hub-a")
        flows = {
            "place_order": PlaceOrder(self.hub),
            "cancel_order": lambda i: cancel_order(self.hub, i),
            "update_payment": lambda i: record_payments(self.hub, i),
            "mark_shipped": lambda i: mark_shipped(self.hub, i),
        }
        self.engine = MemoryEngine(flows, self._failed, self.clock)
        self.hub.start_flow = self.engine.start

    async def _failed(self, flow: str, order_id: int, error: Exception) -> None:
        if not isinstance(error, MachineError):
            await self.hub.db.write(lambda tx: problem_for(tx, self.hub, order_id, error))

    async def start(self) -> TestHub:
        await self.lease()
        await source.first_reading(self.hub)
        for channel in self.hub.channels():
            await link_existing(self.hub, channel)
            await recover(self.hub, channel)
        await self.settle()
        return self

    async def lease(self) -> None:
        taken = await self.hub.db.write(
            lambda tx: operations.take_lease(tx, "hub", self.hub.owner, self.hub.now_ms(), 15_000)
        )
        self.hub.epoch = taken or 0

    async def settle(self) -> None:
        """Everything that can move moves; time moves on a little with each round."""
        for _ in range(40):
            moved = await self._round()
            self.clock.advance(0.5)
            if not moved:
                return
        raise AssertionError("the hub does not come to rest")

    async def _round(self) -> int:
        hub = self.hub
        moved = await source.listen(hub) + await source.read_stock(hub) + await follow_erp_orders(hub)
        for channel in hub.channels():
            moved += await orders.sweep(hub, channel) + await orders.read_hinted(hub, channel)
            moved += await ProductPublisher(hub, channel).drain()
            for kind in (StockKind(), PriceKind()):
                moved += await Publisher(hub, channel, kind).drain()
        await self.engine.idle()
        return moved

    def ask(self, sql: str, *args: object) -> list[tuple[object, ...]]:
        def read(tx: Tx) -> list[tuple[object, ...]]:
            return tx.rows(sql, args)

        return self.hub.db.read_now(read)

    async def close(self) -> None:
        await self.engine.stop()
        self.hub.db.close()
