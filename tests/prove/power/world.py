"""The foreign systems of the campaign. They keep their books through every power cut of ours; so each of their states is remembered
together with the place in the record at which it came about, and every call that is on its way is noted."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from nervo.errors import OutcomeUnknown
from nervo.kit.clock import ManualClock
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync.lease import RENEW_S
from tests.prove.power.journal import Journal

ERP_LATE_S = 30.0
LOST = 0.08
LATE = 0.15


class Watcher:
    """Tells the record what happens outside."""

    def __init__(self, journal: Journal, rng: Random) -> None:
        self.journal, self.rng, self.world = journal, rng, None
        self._calls = 0

    def remember(self) -> None:
        self.journal.note("world", pickle.dumps(self.world))

    async def on_the_way(self, call: Callable[[], Any], left: tuple[Any, ...], *, may_be_lost: bool) -> Any:
        self._calls += 1
        number = self._calls
        self.journal.note("left", (number, *left))
        try:
            await asyncio.sleep(self.rng.uniform(0, 0.004))  # the hub's other work goes on meanwhile
            result = await call()
        finally:
            self.remember()
            self.journal.note("back", number)
        if may_be_lost and self.rng.random() < LOST:
            raise OutcomeUnknown(str(left[0]), "no answer")
        return result


class _Watched:
    watcher: Watcher | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("watcher", "beat")}

    async def _seen(self, call: Callable[[], Any], *left: Any, may_be_lost: bool = True) -> Any:
        return await (self.watcher.on_the_way(call, left, may_be_lost=may_be_lost) if self.watcher else call())


class Erp(_Watched, WorldErp):
    """Takes a second order under the same key; what it was sent may take effect long after it was given up."""

    def __init__(self) -> None:
        super().__init__(unique=False)
        self.capabilities = replace(self.capabilities, late_application_s=ERP_LATE_S)

    async def create_customer(self, party: Any, order: Any, key: str) -> str:
        call = super().create_customer
        return await self._seen(lambda: call(party, order, key), "create_customer", key)

    async def create_order(self, draft: Any) -> Any:
        call = super().create_order
        if self.watcher and self.watcher.rng.random() < LATE:
            self.lands_after_s.append(self.watcher.rng.uniform(1.0, ERP_LATE_S - 1.0))
        return await self._seen(lambda: call(draft), "create_order", draft.key)

    async def confirm_order(self, erp_id: str) -> Any:
        call = super().confirm_order
        return await self._seen(lambda: call(erp_id), "confirm_order", erp_id)

    async def record_payment(self, erp_id: str, payment: Any, key: str) -> Any:
        call = super().record_payment
        return await self._seen(lambda: call(erp_id, payment, key), "record_payment", key)


class Shop(_Watched, WorldShop):
    """A shop of this name that sells what it shows."""

    def __init__(self, name: str, skus: list[str]) -> None:
        super().__init__(skus)
        self.name = name

    async def put_stock(self, items: Any) -> Any:
        call = super().put_stock
        return await self._seen(lambda: call(items), "put_stock", self.name, [i.sku for i in items])

    async def put_prices(self, items: Any) -> Any:
        call = super().put_prices
        return await self._seen(lambda: call(items), "put_prices", self.name, [i.sku for i in items])

    async def fulfil(self, external_id: str, fulfilment: Any, key: str) -> Any:
        call = super().fulfil
        return await self._seen(lambda: call(external_id, fulfilment, key), "fulfil", self.name, may_be_lost=False)


class Clock(_Watched, ManualClock):
    """Stands still until somebody sleeps; `beat` is done at every step of a sleep, as the hub's own beat would be."""

    beat: Callable[[], Awaitable[Any]] | None = None

    async def sleep(self, seconds: float) -> None:
        while seconds > 0:
            self.advance(min(seconds, RENEW_S))
            seconds -= RENEW_S
            await (self.beat() if self.beat else asyncio.sleep(0))

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        if self.watcher:
            self.watcher.journal.note("clock", self.monotonic())


@dataclass
class World:
    """An ERP, its shops, and the time it is there."""

    erp: Erp
    shops: dict[str, Shop]
    clock: Clock

    def watch(self, watcher: Watcher) -> None:
        watcher.world = self
        for system in (self.erp, self.clock, *self.shops.values()):
            system.watcher = watcher


def new_world(skus: int) -> World:
    names = [f"SKU-{i:02}" for i in range(skus)]
    world = World(Erp(), {shop: Shop(shop, names) for shop in ("north", "south")}, Clock())
    world.erp.clock = world.clock
    for i, name in enumerate(names):
        world.erp.stock(name, 200 + 10 * i)
    return world


def wrong_in_the_books(world: World) -> list[str]:
    """What the foreign systems' own books say of us when all is quiet: lost, twice, or not what the ERP says."""
    erp, wrong = world.erp, list[str]()
    wrong += [f"{key} is {n} orders in the ERP" for key in set(erp.book) if (n := erp.book.count(key)) > 1]
    wrong += [f"{mail} is {n} customers" for mail in set(erp.customer_book) if (n := erp.customer_book.count(mail)) > 1]
    wrong += [f"{key} was confirmed {n} times" for key, n in erp.confirmations.items() if n > 1]
    placed = {tuple(key.split("-")[:2]): key for key in erp.orders}
    for name, shop in world.shops.items():
        for number, order in shop.sold.items():
            key = placed.get((name, number))
            if key is None or not erp.confirmations[key]:
                wrong.append(f"order {number} of {name} is not a confirmed sale in the ERP")
                continue
            paid = sum(amount for reference, amount in erp.payments.items() if reference.startswith(key))
            if paid != order.total_gross:
                wrong.append(f"order {number} of {name}: paid {order.total_gross}, booked {paid}")
            told, left = shop.fulfilments.get(number, []), [s.tracking_number for s in erp.orders[key].shipments]
            if told != left:
                wrong.append(f"order {number} of {name}: left as {left}, told {told}")
        for sku in erp.on_hand:
            if shop.shown[sku] != max(0, int(erp.figure(sku))):
                wrong.append(f"{name} shows {shop.shown[sku]} of {sku}, the ERP has {erp.figure(sku)}")
            if shop.price.get(sku) != erp.price[sku]:
                wrong.append(f"{name} asks {shop.price.get(sku)} for {sku}, the ERP says {erp.price[sku]}")
    return wrong
