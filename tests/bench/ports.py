"""Lean ports for benches: an ERP with a journal of moves, shops that note when each figure reached them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

from nervo.model.orders import Order
from nervo.model.stock import StockFigure
from nervo.ports.common import Cursor, Identity, ItemOutcome, Outcome, Page
from nervo.ports.erp import ErpCapabilities, ErpOrder
from nervo.ports.shop import Listing, ShopCapabilities, StockWrite
from nervo.rules.config import Config, ConnectionConfig, Guards, PriceRule

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NO_GUARDS = Guards(mass_zero_percent=Decimal(100))


class BenchErp:
    """`quantity` by SKU at one warehouse; `move` writes its journal."""

    def __init__(self, skus: Sequence[str], page: int = 10_000) -> None:
        self.capabilities = ErpCapabilities(products=False, prices=False, stock_batch=250, doorbell=True)
        self.skus, self.page = skus, page
        self.moved: dict[str, int] = {}
        self.journal: list[str] = []
        self._moved = asyncio.Event()

    def move(self, sku: str, quantity: int) -> None:
        self.moved[sku] = quantity
        self.journal.append(sku)
        self._moved.set()

    async def check(self) -> Identity:
        return Identity("bench", "bench")

    async def doorbell(self, after: str) -> tuple[str, bool]:
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                await self._moved.wait()
        rang = self._moved.is_set()
        self._moved.clear()
        return "", rang

    async def changed_orders(self, after: Cursor | None) -> Page[ErpOrder]:
        return Page((), after, False)

    def _figure(self, sku: str) -> StockFigure:
        return StockFigure(sku, "WH", Decimal(self.moved.get(sku, 25)))

    async def stock_snapshot(self, after: str | None) -> tuple[tuple[StockFigure, ...], str | None]:
        start = int(after or 0)
        end = start + self.page
        return tuple(map(self._figure, self.skus[start:end])), str(end) if end < len(self.skus) else None

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        at, now = int(after.id or 0) if after else len(self.journal), len(self.journal)
        return Page(tuple(self.journal[at:now]), Cursor(START, str(now)), False)

    async def stock_of(self, skus: Sequence[str]) -> tuple[StockFigure, ...]:
        return tuple(map(self._figure, skus))

    async def close(self) -> None: ...


class BenchShop:
    """Answers after `own_s`. `arrived` holds (time, SKU, quantity) of each write, as the call came in."""

    def __init__(self, skus: Sequence[str], own_s: float = 0.0) -> None:
        self.capabilities = ShopCapabilities(stock_batch=250, late_application_s=1.0)
        self.skus, self.own_s = skus, own_s
        self.arrived: list[tuple[float, str, int]] = []
        self.shown: dict[str, int] = {}
        self.calls = 0

    async def listings(self, after: str | None) -> tuple[tuple[Listing, ...], str | None]:
        start = int(after or 0)
        end = start + 5_000
        page = tuple(Listing(sku, {"id": sku}) for sku in self.skus[start:end])
        return page, str(end) if end < len(self.skus) else None

    async def check(self) -> Identity:
        return Identity("bench", "bench")

    async def orders(self, after: Cursor | None) -> Page[Order]:
        return Page((), after or Cursor(START), False)

    async def read_listings(self, items: Sequence[Mapping[str, str]]) -> tuple[Listing, ...]:
        return tuple(Listing(i["id"], i, self.shown.get(i["id"])) for i in items)

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        now = time.perf_counter()
        self.calls += 1
        self.shown.update((item.sku, item.quantity) for item in items)
        self.arrived += [(now, item.sku, item.quantity) for item in items]
        if self.own_s:
            await asyncio.sleep(self.own_s)
        return tuple(ItemOutcome(item.sku, Outcome.DONE) for item in items)

    async def close(self) -> None: ...


def names(count: int) -> list[str]:
    return [f"SKU-{i:07}" for i in range(count)]


def config(shops: Sequence[str]) -> Config:
    made = {
        n: ConnectionConfig(n, "bench", "write", publishes=("stock",), price=PriceRule("Web"), sweep_s=3600)
        for n in shops
    }
    return Config(erp="erp", guards=NO_GUARDS, connections={"erp": ConnectionConfig("erp", "bench", "write"), **made})
