"""The trading world: an ERP and shops as simulators over HTTP on this machine, seeded alike, with the configuration that joins them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any

import tomli_w

from nervo import registry
from nervo.kit.clock import Clock, SystemClock
from nervo.kit.settings import form
from nervo.rules.config import Config, parse
from nervo.staging.catalogue import Article, catalogue, skus
from nervo.staging.customers import customers
from nervo.sync.orders import erp_key

ERP = "rehearsal_erp"
MAIN = "MI"
PUBLIC, TRADE = "PUBBLICO", "INGROSSO"
GHOST = "CAL-PROMO"
NEW_ARTICLES = 3
QUIET_SKUS = 14
DELIVER_S = 0.05
# What each channel shows of the ERP's figures and prices, as the configuration says it.
SHELVES: Mapping[str, dict[str, Any]] = {
    "woocommerce": {"price": {"price_list": PUBLIC}},
    "shopify": {
        "stock": {"warehouses": [MAIN], "safety": 1, "cap": 90},
        "price": {"price_list": PUBLIC, "percent": 5},
    },
}


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that a customer placed. `doubtful`: the hub must hold it for a person."""

    shop: str
    id: str
    email: str
    lines: tuple[tuple[str, int], ...]
    doubtful: bool = False

    @property
    def key(self) -> str:
        """Our key of it in the ERP."""
        return erp_key(self.shop, self.id)


@dataclass
class World:
    """The simulators and what has happened in the world. `restocked` are SKUs that the office counts and nobody buys; the last
    `new_articles` are not listed by any shop yet."""

    erp: Any
    shops: dict[str, Any]
    articles: tuple[Article, ...]
    chance: Random
    clock: Clock
    placed: list[Placed] = field(default_factory=list)
    paid: set[tuple[str, str]] = field(default_factory=set)
    cancelled: set[tuple[str, str]] = field(default_factory=set)
    outages: list[tuple[float, float]] = field(default_factory=list)
    sweep_s: int = 20
    new_articles: int = NEW_ARTICLES

    def __post_init__(self) -> None:
        self.skus = skus(self.articles)
        known = skus(self.articles[: -self.new_articles])
        self.restocked = known[:: max(2, len(known) // QUIET_SKUS)][:QUIET_SKUS]
        self.bought = [sku for sku in known if sku not in self.restocked]
        self.customers = customers(self.chance, 120)

    def settings(self) -> dict[str, dict[str, str]]:
        """Connection → what its connector's settings need, secrets among them."""
        return {"erp": dict(self.erp.settings())} | {name: dict(s.settings()) for name, s in self.shops.items()}

    def document(self) -> str:
        """The hub's configuration, as TOML; secrets apart."""
        given = self.settings()
        erp = {"connector": ERP, "mode": "write", "settings": _plain(ERP, given["erp"])}
        shops = {
            name: {"connector": name, "mode": "write", "sweep_s": self.sweep_s, "settings": _plain(name, given[name]),
                   "orders": {"warehouse": MAIN}, **SHELVES[name]}
            for name in self.shops
        }  # fmt: skip
        company = {"company": "Bottega Italiana S.r.l.", "erp": "erp", "environment": "staging"}
        return tomli_w.dumps(company | {"connections": {"erp": erp, **shops}})

    @cached_property
    def config(self) -> Config:
        """The same, read: the rules by which the channels are judged."""
        return parse(self.document())

    def secrets(self) -> dict[str, dict[str, str]]:
        """Connection → the secret settings."""
        connectors = {"erp": ERP} | {name: name for name in self.shops}
        return {
            name: {k: v for k, v in given.items() if k in _secret(connectors[name])}
            for name, given in self.settings().items()
        }

    def healthy(self, since: float, until: float) -> bool:
        """Whether the ERP answered all the time between these two moments of the clock."""
        return not any(start < until and since < end for start, end in self.outages)


@asynccontextmanager
async def trading_world(seed: int = 1, clock: Clock | None = None) -> AsyncIterator[World]:
    """A seeded world that listens on loopback while the block runs."""
    clock, chance = clock or SystemClock(), Random(seed)
    erp = _simulator(ERP, clock)
    shops = {name: _simulator(name, clock) for name in SHELVES}
    world = World(erp, shops, catalogue(chance), chance, clock)
    _stock_up(world)
    async with AsyncExitStack() as stack:
        for simulator in (erp, *shops.values()):
            await stack.enter_async_context(simulator.serve())
        senders = [asyncio.create_task(_deliver(shop)) for shop in shops.values()]
        try:
            yield world
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)


async def _deliver(shop: Any) -> None:
    """Webhooks leave as soon as they are due."""
    while True:
        await shop.deliver()
        await asyncio.sleep(DELIVER_S)


def _simulator(name: str, clock: Clock) -> Any:
    made = registry.connector(name).simulator
    assert made is not None, f"{name} brings no simulator"
    return made(clock)


def _stock_up(world: World) -> None:
    """The ERP knows all; the shops know most, with old prices and no stock, and sell one thing that the ERP has never heard of."""
    for article in world.articles:
        variants = [(i.sku, i.gtin, i.price, i.stock[MAIN]) for i in article.items]
        world.erp.add_product(
            article.code, article.name, variants, options={i.sku: i.options for i in article.items}, tax_class=article.tax_class,
            weight_g=article.weight_g, description=article.description, category=list(article.category),
            category_code="-".join(article.category).upper()[:24],
        )  # fmt: skip
        for item in article.items:
            world.erp.set_stock(item.sku, "RM", item.stock["RM"])
            world.erp.set_price(item.sku, TRADE, (item.price / 2).quantize(Decimal("0.01")))
            world.erp.set_price(item.sku, TRADE, (item.price * 2 / 5).quantize(Decimal("0.01")), min_quantity=24)
    for shop in world.shops.values():
        for article in world.articles[: -world.new_articles]:
            shop.add_product(article.code, article.name, variants=[(i.sku, i.gtin, i.price, 0) for i in article.items])
        shop.add_product("CAL", "Calendario in omaggio", variants=[(GHOST, None, Decimal("1.00"), 10_000)])


def _secret(connector: str) -> set[str]:
    return {f.name for f in form(registry.connector(connector).settings) if f.secret}


def _plain(connector: str, given: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in given.items() if k not in _secret(connector)}
