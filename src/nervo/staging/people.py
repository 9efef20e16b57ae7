"""What people do in the trading world: buy, pay later, think better of it, pack parcels, count shelves, change prices."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from nervo.staging.reckoning import shown_at
from nervo.staging.trading import GHOST, MAIN, PUBLIC, Placed, World

CARRIERS = (("BRT", "BRT"), ("GLS", "GL"), ("Poste Italiane", "PI"))
SHIPPING = Decimal("6.90")
SCARCE = 12


@dataclass(frozen=True, slots=True)
class Change:
    """The office changed a SKU's stock at a moment of the clock; what each channel has to show of it."""

    at: float
    sku: str
    wanted: dict[str, int]


@dataclass
class People:
    """The people of one world. Each method is one thing that somebody does; nothing to do is fine."""

    world: World
    changes: list[Change] = field(default_factory=list)
    parcels: int = 0

    def buy(self, *, doubtful: bool = False) -> Placed | None:
        """A customer orders at one of the shops; `doubtful`: with something that the ERP does not know, or with
        a total that is not its lines'."""
        world, chance = self.world, self.world.chance
        name = chance.choice(list(world.shops))
        shop, customer = world.shops[name], chance.choice(world.customers)
        wanted = {sku: chance.randint(1, 3) for sku in chance.sample(world.bought, chance.choice((1, 1, 1, 2, 3)))}
        lines = [(sku, n) for sku, n in wanted.items() if (shop.quantity(sku) or 0) >= n + SCARCE]
        if not lines:
            return None
        wrong_total = doubtful and hasattr(shop, "spoil_total") and chance.random() < 0.5
        if doubtful and not wrong_total:
            lines.append((GHOST, 1))
        paid, shipping = chance.random() < 0.8, SHIPPING if chance.random() < 0.5 else Decimal(0)
        id = shop.place_order(
            lines,
            email=customer.email,
            paid=paid,
            shipping_gross=shipping,
            fiscal=customer.fiscal,
            address=customer.address,
        )
        if wrong_total:
            shop.spoil_total(id, Decimal("-0.50"))
        placed = Placed(name, str(id), customer.email, tuple(lines), doubtful)
        world.placed.append(placed)
        if paid:
            world.paid.add((name, placed.id))
        return placed

    def pay_later(self) -> None:
        """A bank transfer arrives for the oldest unpaid order."""
        for placed in self.world.placed:
            if (here := (placed.shop, placed.id)) not in self.world.paid | self.world.cancelled:
                self.world.shops[placed.shop].pay(placed.id)
                self.world.paid.add(here)
                return

    def think_better(self) -> None:
        """A customer cancels an order that the ERP has confirmed and not shipped."""
        for placed, row in self._open_orders():
            if not row["shipments"]:
                self.world.shops[placed.shop].cancel(placed.id)
                self.world.cancelled.add((placed.shop, placed.id))
                return

    def pack(self) -> None:
        """The warehouse sends the oldest order that is confirmed and paid, with a tracking number."""
        for placed, row in self._open_orders():
            if row["paid"] >= row["total"]:
                carrier, letters = self.world.chance.choice(CARRIERS)
                self.parcels += 1
                self.world.erp.ship(
                    placed.key, f"{letters}{self.world.chance.randint(10**8, 10**9)}IT{self.parcels}", carrier
                )
                return

    def count(self) -> None:
        """The office counts a shelf: of a SKU that nobody buys, so that what the channels must show is known at once."""
        world, chance = self.world, self.world.chance
        sku = chance.choice(world.restocked)
        quantity = chance.choice([n for n in range(3, 80) if n != world.erp.figure(sku, MAIN)])
        world.erp.set_stock(sku, MAIN, quantity)
        at = world.erp.history[-1][0]
        self.changes.append(Change(at, sku, {name: shown_at(world, name, sku, 0) for name in world.shops}))

    def restock(self) -> None:
        """Goods come in for whatever sells out."""
        for sku in self.world.bought:
            if self.world.erp.figure(sku, MAIN) < 3 * SCARCE:
                self.world.erp.set_stock(sku, MAIN, self.world.chance.randint(80, 160))
                return

    def reprice(self) -> None:
        """The office changes a price by some per cent."""
        world, article = self.world, self.world.chance.choice(self.world.articles)
        factor = Decimal(world.chance.randint(92, 108)) / 100
        for item in article.items:
            world.erp.set_price(item.sku, PUBLIC, (item.price * factor).quantize(Decimal("0.01")))

    def _open_orders(self) -> list[tuple[Placed, dict[str, Any]]]:
        by_key = {row["key"]: row for row in self.world.erp.orders() if row["state"] == "confirmed"}
        return [
            (p, by_key[p.key])
            for p in self.world.placed
            if p.key in by_key and (p.shop, p.id) not in self.world.cancelled
        ]

    async def live(self, pause_s: float = 2.0) -> None:
        """Daily life at a human pace, until cancelled."""
        chance, habits = (
            self.world.chance,
            (self.pay_later, self.pack, self.pack, self.count, self.restock, self.reprice),
        )
        while True:
            self.buy(doubtful=chance.random() < 0.03)
            await asyncio.sleep(pause_s * chance.uniform(0.25, 0.75))
            chance.choice(habits)()
            if chance.random() < 0.03:
                self.think_better()
            await asyncio.sleep(pause_s * chance.uniform(0.25, 0.75))
