"""Projection: facts + holds + the channel's rules → what the channel should show, as text. Pure but for the reading."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from nervo.model.money import quantum, rounded
from nervo.model.prices import Price
from nervo.rules.config import ConnectionConfig, PriceRule
from nervo.store import facts
from nervo.store.database import Tx
from nervo.sync.availability import many


def stock(tx: Tx, channel: ConnectionConfig, skus: Sequence[str]) -> dict[str, str | None]:
    """SKU → whole units as text, None where nothing is known."""
    found = many(tx, channel.stock, skus, channel.name)
    return {s: None if a.available_to_promise is None else str(a.available_to_promise) for s, a in found.items()}


def prices(tx: Tx, channel: ConnectionConfig, skus: Sequence[str]) -> dict[str, str | None]:
    """SKU → "price|compare-at|currency" as the channel stores prices, None where the list has none."""
    found = facts.prices_of(tx, skus, channel.price.price_list)
    return {sku: _price(channel.price, found.get(sku, [])) for sku in skus}


def _price(rule: PriceRule, offered: list[Price]) -> str | None:
    single = min((p for p in offered if p.min_quantity <= 1), key=lambda p: -p.min_quantity, default=None)
    if single is None:
        return None
    amount = _with_or_without_tax(single, rule.includes_tax)
    if amount is None:
        return None
    raised = amount * (1 + rule.percent / 100)
    step = max(rule.rounding, quantum(single.currency))
    shown = rounded((raised / step).quantize(Decimal(1), ROUND_HALF_UP) * step, single.currency)
    compare_at = "" if single.compare_at_gross is None else str(rounded(single.compare_at_gross, single.currency))
    return f"{shown}|{compare_at}|{single.currency}"


def _with_or_without_tax(price: Price, includes_tax: bool) -> Decimal | None:
    if includes_tax:
        if price.price_gross is not None:
            return price.price_gross
        return None if price.price_net is None or price.tax_rate is None else price.price_net * (1 + price.tax_rate)
    if price.price_net is not None:
        return price.price_net
    return None if price.price_gross is None or price.tax_rate is None else price.price_gross / (1 + price.tax_rate)
