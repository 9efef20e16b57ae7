"""The demo: a real hub on a real store between an ERP and two shops of the rehearsal world, with faults, checked by their books."""

import asyncio
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nervo.bootstrap.hub import Running, open_store
from nervo.errors import RateLimited, Unavailable
from nervo.kit.clock import SystemClock
from nervo.rules.config import parse
from nervo.staging.world import WorldErp, WorldShop
from nervo.store.database import Database

CONFIG = """
company = "Demo"
erp = "erp"
environment = "staging"
[connections.erp]
connector = "world"
mode = "write"
[connections.shop]
connector = "world"
mode = "write"
sweep_s = 1
price = { price_list = "Web" }
[connections.market]
connector = "world"
mode = "write"
sweep_s = 1
price = { price_list = "Web" }
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What the world's books say at the end. Times in ms, from an ERP change to the value at a channel."""

    orders: int
    in_erp: int
    duplicates: int
    held: int
    lost: int
    diverged: int
    p50: int
    p99: int

    @property
    def good(self) -> bool:
        return not (self.duplicates or self.lost or self.diverged) and self.orders == self.in_erp + self.held

    def line(self) -> str:
        return (
            f"orders {self.orders} in_erp {self.in_erp} duplicates {self.duplicates} held {self.held} lost {self.lost} "
            f"diverged {self.diverged} propagation_ms p50 {self.p50} p99 {self.p99}"
        )


class Demo:
    """A trading day in a minute: `orders` sales over two channels while replies are lost, calls refused and the ERP goes down."""

    def __init__(self, orders: int, seed: int, skus: int = 60) -> None:
        self.orders, self.chance = orders, random.Random(seed)
        self.erp, self.skus = WorldErp(), [f"ART-{i:03}" for i in range(skus)]
        for sku in self.skus:
            self.erp.stock(sku, 1000)
        self.shops = {"shop": WorldShop(self.skus, compare_and_set=True), "market": WorldShop(self.skus)}

    async def run(self, most_s: float) -> Result:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/nervo.sqlite3"
            db = await asyncio.to_thread(open_store, url, Path(folder), secret_key="demo")
            running = Running(db, parse(CONFIG), {"erp": self.erp, **self.shops}, SystemClock(), "demo", poll_s=0.05)
            await running.start()
            async with asyncio.timeout(most_s):
                await self._trade()
                await self._rest(running)
            result = self._result(db)
            await running.stop()
            await asyncio.to_thread(db.close)
        return result

    async def _trade(self) -> None:
        for number in range(self.orders):
            shop = self.shops[self.chance.choice(["shop", "market"])]
            sku = self.chance.choice(self.skus)
            unknown = self.chance.random() < 0.01
            shop.sell({sku: self.chance.randint(1, 3), **({"GHOST": 1} if unknown else {})})
            if self.chance.random() < 0.3:
                self.erp.stock(self.chance.choice(self.skus), self.chance.randint(500, 2000))
            self._fault(number)
            await asyncio.sleep(0.03)

    def _fault(self, number: int) -> None:
        roll = self.chance.random()
        if number == self.orders // 3:
            for operation in ("create_order", "find_order", "stock_of", "changed_stock", "confirm_order"):
                for _ in range(6):
                    self.erp.faults.fail(operation, Unavailable(operation, "the ERP is down"))
        elif roll < 0.05:
            self.erp.faults.lose_reply("create_order")
        elif roll < 0.10:
            self.chance.choice(list(self.shops.values())).faults.lose_reply("put_stock")
        elif roll < 0.15:
            for shop in self.shops.values():
                shop.faults.fail("put_stock", RateLimited("put_stock", "slow down", retry_after_s=0.2))

    async def _rest(self, running: Running) -> None:
        """Until every order is placed or held and every channel shows what it should."""
        while self._unfinished(running.hub.db) or self._diverged(running.hub.db):  # noqa: ASYNC110 - the books ring no bell
            await asyncio.sleep(0.2)

    def _unfinished(self, db: Database) -> int:
        sold = sum(len(s.sold) for s in self.shops.values())
        kept = db.read_now(lambda tx: tx.one("SELECT count(*) FROM store_saleorder WHERE state <> 'received'"))
        return sold - int(kept[0] if kept else 0)

    def _diverged(self, db: Database) -> int:
        """SKUs that a channel shows differently from the ERP's figure less what held orders keep."""
        rows = db.read_now(lambda tx: tx.rows("SELECT sku, quantity FROM store_hold WHERE released_tick IS NULL"))
        kept: dict[str, int] = {}
        for sku, quantity in rows:
            kept[sku] = kept.get(sku, 0) + int(quantity)
        return sum(
            1
            for shop in self.shops.values()
            for s in self.skus
            if shop.shown[s] != int(self.erp.figure(s)) - kept.get(s, 0)
        )

    def _result(self, db: Database) -> Result:
        sold = sum(len(s.sold) for s in self.shops.values())
        held_row = db.read_now(lambda tx: tx.one("SELECT count(*) FROM store_saleorder WHERE state = 'held'"))
        held = int(held_row[0]) if held_row else 0
        times = sorted(
            r[0]
            for r in db.read_now(lambda tx: tx.rows("SELECT latency_ms FROM store_publication WHERE kind = 'stock'"))
        )
        writes, in_erp = len(self.erp.book), len(set(self.erp.book))
        return Result(sold, in_erp, writes - in_erp, held, sold - in_erp - held, self._diverged(db),
                      times[len(times) // 2], times[int(len(times) * 0.99)])  # fmt: skip
