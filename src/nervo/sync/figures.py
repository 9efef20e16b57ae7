"""Figures of the ERP that cannot be right: each is a problem for as long as the ERP says so; what is no amount at all is not kept."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from nervo.model.prices import Price
from nervo.model.stock import StockFigure
from nervo.store import journal
from nervo.store.database import Tx
from nervo.sync.context import Hub

STRANGE, FIGURE = "strange_figure", "figure"
NONE, MOST = Decimal(0), Decimal(10) ** 9


def believed_stock(hub: Hub, tx: Tx, figures: Sequence[StockFigure]) -> list[StockFigure]:
    """Those to keep. One below zero is kept and named: nothing is for sale, and somebody has sold what is not there."""
    strange = [f for f in figures if not (f.quantity.is_finite() and NONE <= f.quantity < MOST and _amount(f.on_hand))]
    _told(hub, tx, {_key(f.sku, f.warehouse): f.quantity for f in strange}, (_key(f.sku, f.warehouse) for f in figures))
    return [f for f in figures if _amounts(f.quantity, f.on_hand)] if strange else list(figures)


def believed_prices(hub: Hub, tx: Tx, prices: Sequence[Price]) -> list[Price]:
    """Those to keep; the price that a strange one would replace stays."""
    strange = {_key(p.sku, p.price_list): _shown(p) for p in prices if not _amounts(*_parts(p))}
    _told(hub, tx, strange, (_key(p.sku, p.price_list) for p in prices))
    return [p for p in prices if _amounts(*_parts(p))]


def _told(hub: Hub, tx: Tx, strange: dict[str, Decimal], read: Iterable[str]) -> None:
    """A key is well again only when everything read of it is."""
    erp, now = hub.config.erp, hub.now_ms()
    before = journal.open_keys(tx, STRANGE, FIGURE)
    for key in before.intersection(read) - strange.keys() if before else ():
        journal.close_code(tx, STRANGE, erp, FIGURE, key, "nervo")
    for key, figure in strange.items():
        sku, place = split(key)
        values = {"sku": sku, "place": place, "figure": str(figure)[:40]}
        journal.problem(tx, "strange_figure", erp, FIGURE, key, now, values=values,
                        fix="Correct it in the ERP; this closes by itself.")  # fmt: skip


def _key(sku: str, place: str) -> str:
    return f"{sku}@{place}"


def split(key: str) -> tuple[str, str]:
    """(SKU, warehouse or price list)."""
    sku, _, place = key.rpartition("@")
    return sku, place


def _amounts(*values: Decimal | None) -> bool:
    return all(map(_amount, values))


def _amount(value: Decimal | None) -> bool:
    return value is None or (value.is_finite() and -MOST < value < MOST)


def _parts(price: Price) -> tuple[Decimal | None, ...]:
    return price.price_net, price.price_gross, price.compare_at_gross, price.tax_rate


def _shown(price: Price) -> Decimal:
    return next(part for part in _parts(price) if not _amounts(part)) or Decimal(0)
