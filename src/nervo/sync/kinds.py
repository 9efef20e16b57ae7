"""The kinds of state that are published in batches, each: how it is projected, written, read back and guarded."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from nervo.model.money import rounded
from nervo.ports.common import ItemOutcome
from nervo.ports.shop import Listing, PriceWrite, StockWrite
from nervo.rules.config import ConnectionConfig, Guards
from nervo.store.database import Tx
from nervo.sync import project
from nervo.sync.remote import Remote


class Item(Protocol):
    """A key on its way out: what is wanted, what is believed to be shown, its ids there."""

    @property
    def key(self) -> str: ...

    @property
    def wanted(self) -> str: ...

    @property
    def published(self) -> str: ...

    @property
    def remote(self) -> dict[str, str]: ...


class StockKind:
    """Sellable units; published as "7"."""

    name = "stock"

    def batch(self, capabilities: Any) -> int:
        return int(capabilities.stock_batch)

    def project(self, tx: Tx, channel: ConnectionConfig, keys: Sequence[str]) -> dict[str, str | None]:
        return project.stock(tx, channel, keys)

    async def write(
        self, remote: Remote, channel: ConnectionConfig, items: Sequence[Item], key: str
    ) -> tuple[ItemOutcome, ...]:
        compare = remote.port.capabilities.compare_and_set
        writes = [
            StockWrite(
                i.key,
                i.remote,
                int(i.wanted),
                int(i.published) if compare and i.published else None,
                channel.stock.location,
                key,
            )
            for i in items
        ]
        result: tuple[ItemOutcome, ...] = await remote.call("put_stock", writes, attempts=1)
        return result

    def shown(self, listing: Listing, wanted: str, capabilities: Any) -> str:
        return "" if listing.quantity is None else str(listing.quantity)

    def refused(self, item: Item, channel: ConnectionConfig, guards: Guards) -> str:
        """Why this figure asks a person first: many times what is shown; "" when it is fine. A wave of zeros: see publish."""
        if not item.published:
            return ""
        before, wanted = int(item.published), int(item.wanted)
        jumps = wanted - before >= guards.stock_jump_least and wanted > before * guards.stock_jump_times
        return "stock_jump" if jumps else ""


class PriceKind:
    """Price and compare-at price; published as "19.90|24.90|EUR"."""

    name = "price"

    def batch(self, capabilities: Any) -> int:
        return int(capabilities.price_batch)

    def project(self, tx: Tx, channel: ConnectionConfig, keys: Sequence[str]) -> dict[str, str | None]:
        return project.prices(tx, channel, keys)

    async def write(
        self, remote: Remote, channel: ConnectionConfig, items: Sequence[Item], key: str
    ) -> tuple[ItemOutcome, ...]:
        writes = []
        for item in items:
            price, compare_at, currency = item.wanted.split("|")
            writes.append(
                PriceWrite(
                    item.key, item.remote, Decimal(price), currency, Decimal(compare_at) if compare_at else None, key
                )
            )
        result: tuple[ItemOutcome, ...] = await remote.call("put_prices", writes, attempts=1)
        return result

    def shown(self, listing: Listing, wanted: str, capabilities: Any) -> str:
        """As it would be written: `wanted` gives the currency, and the compare-at price where the channel has none."""
        if listing.price is None or not wanted:
            return ""
        _, asked, currency = wanted.split("|")
        compare_at = "" if listing.compare_at is None else _amount(listing.compare_at, currency)
        if not capabilities.compare_at:
            compare_at = asked
        return f"{_amount(listing.price, currency)}|{compare_at}|{currency}"

    def refused(self, item: Item, channel: ConnectionConfig, guards: Guards) -> str:
        """Why this price asks a person first: 0, under its floor, a jump, another currency; "" when it is fine."""
        price, _, currency = item.wanted.split("|")
        if Decimal(price) <= 0:
            return "price_zero"
        if Decimal(price) < channel.price.floor:
            return "price_floor"
        if not item.published:
            return ""
        before, _, old_currency = item.published.split("|")
        if old_currency != currency:
            return "currency_change"
        jump = abs(Decimal(price) - Decimal(before)) * 100
        return "price_jump" if Decimal(before) > 0 and jump > guards.price_jump_percent * Decimal(before) else ""


def _amount(value: Decimal, currency: str) -> str:
    """With the currency's own decimals; finer amounts stay as they are, so that they differ from what we would write."""
    shown = rounded(value, currency)
    return str(shown) if shown == value else str(value)


Kind = StockKind | PriceKind
