"""Buffers: where a sale elsewhere is shown late, a channel closes early enough, as today's sales and the measured delays say.

The channel that hears of sales soonest keeps nothing back and sells the last units.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from nervo.rules.config import ConnectionConfig, StockRule
from nervo.rules.oversell import buffer
from nervo.store import buffers, publications
from nervo.store.database import Tx
from nervo.sync.context import Hub

EVERY_S = 300.0
WINDOWS_S = (3_600, 86_400, 604_800)  # the rate of a SKU is that of the window in which it sold fastest
NEWEST_ORDERS, NEWEST_PUBLICATIONS, SAMPLED = 1_000, 200, 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """`sales`: SKU → connection → units/s; `capture_s`: how long each connection's orders take to us, `publish_s`: how long our
    changes take to each channel; `orders`: how many of each connection were looked at."""

    sales: Mapping[str, Mapping[str, float]]
    capture_s: Mapping[str, float]
    publish_s: Mapping[str, float]
    orders: Mapping[str, int]

    def lateness_s(self, channel: str) -> float:
        """From a sale elsewhere until this channel shows it, on the mean."""
        others = {name: count for name, count in self.orders.items() if name != channel}
        captured = sum(self.capture_s[name] * count for name, count in others.items()) / max(1, sum(others.values()))
        return captured + self.publish_s.get(channel, 0.0)


class Buffers:
    """Reckons every channel's buffers anew now and then, and has shown differently what changed."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @property
    def wanted(self) -> bool:
        """Whether the company has said of any channel what it accepts."""
        return any(c.stock.oversell_per_1000 > 0 for c in self.hub.channels())

    async def step(self) -> int:
        """Always 0: it waits for its next turn."""
        kept = await self.hub.db.read(self._reckoned)
        changed = await self.hub.db.write(lambda tx: self._put(tx, kept))
        for channel in {channel for channel, *_ in changed}:
            self.hub.ring(f"publish:{channel}:stock")
        return 0

    def _reckoned(self, tx: Tx) -> buffers.Kept:
        measured = measure(tx, self.hub.channels(), self.hub.now_ms())
        listed = {c.name: buffers.listed(tx, c.name, measured.sales) for c in self.hub.channels() if publishes(c)}
        return kept_back(self.hub.channels(), measured, listed)

    def _put(self, tx: Tx, kept: buffers.Kept) -> list[tuple[str, str, int, int]]:
        changed, marked = buffers.put(tx, kept), defaultdict[tuple[str, int], list[str]](list)
        for channel, sku, before, now in changed:
            marked[channel, 1 if now > before else 5].append(sku)
        for (channel, priority), skus in marked.items():
            publications.mark(tx, channel, "stock", skus, self.hub.now_ms(), priority=priority)
        return changed


def measure(tx: Tx, channels: Iterable[ConnectionConfig], now_ms: int) -> Measured:
    """What the store knows of sales and delays. An order that came later than a sweep came during an outage, and counts as a sweep."""
    since = [now_ms - seconds * 1000 for seconds in WINDOWS_S]
    sales = {sku: _rates(units) for sku, units in buffers.sold(tx, since).items()}
    sweep_s, captured = {c.name: float(c.sweep_s) for c in channels}, defaultdict[str, list[float]](list)
    for name, late_ms in buffers.captured_ms(tx, since[1], NEWEST_ORDERS):
        captured[name].append(min(max(0.0, late_ms / 1000), sweep_s.get(name, 0.0)))
    best_sold = sorted(sales, key=lambda sku: (-sum(sales[sku].values()), sku))[:SAMPLED]
    published = {name: buffers.published_ms(tx, name, best_sold, NEWEST_PUBLICATIONS) for name in sweep_s}
    return Measured(
        sales,
        {name: fmean(late) for name, late in captured.items()},
        {name: fmean(late) / 1000 for name, late in published.items() if late},
        {name: len(late) for name, late in captured.items()},
    )


def _rates(units: Mapping[str, tuple[float, ...]]) -> dict[str, float]:
    """Units/s of each connection in the window in which all of them together sold fastest."""
    totals = [sum(sold[i] for sold in units.values()) / seconds for i, seconds in enumerate(WINDOWS_S)]
    fastest = totals.index(max(totals))
    return {name: sold[fastest] / WINDOWS_S[fastest] for name, sold in units.items()}


def kept_back(
    channels: Iterable[ConnectionConfig], measured: Measured, listed: Mapping[str, set[str]]
) -> dict[tuple[str, str], int]:
    """(channel, SKU) → units; nothing for the channel that hears soonest of those that sell the same goods."""
    channels = list(channels)
    late_s = {c.name: measured.lateness_s(c.name) for c in channels}
    kept = {}
    for channel in channels:
        accepted = float(channel.stock.oversell_per_1000) / 1000
        if not publishes(channel) or accepted <= 0:
            continue
        sharing = [c for c in channels if c is channel or shares(c.stock, channel.stock)]
        sooner = [
            c for c in sharing if publishes(c) and (late_s[c.name], c.name) < (late_s[channel.name], channel.name)
        ]
        for sku in listed[channel.name] if sooner else ():
            rate = sum(measured.sales[sku].get(c.name, 0.0) for c in sharing)
            units = buffer(rate * late_s[channel.name], accepted)
            if units and any(sku in listed[c.name] for c in sooner):
                kept[channel.name, sku] = units
    return kept


def publishes(channel: ConnectionConfig) -> bool:
    return channel.writable and "stock" in channel.publishes


def shares(one: StockRule, other: StockRule) -> bool:
    """Whether two channels sell the same goods."""
    return not one.warehouses or not other.warehouses or bool(set(one.warehouses) & set(other.warehouses))
