"""Facts: the latest value of each truth of the ERP. An older version never replaces a newer one."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from nervo.model.catalog import Product
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.stock import StockFigure
from nervo.store.codec import parse, text
from nervo.store.database import Tx

CHUNK = 500


def placeholders(count: int) -> str:
    return ", ".join(["%s"] * count)


def put_stock(tx: Tx, figures: Iterable[StockFigure], version: int, now_ms: int) -> set[str]:
    """Records figures read at tick `version`; releases the holds that they contain. Returns SKUs whose availability may differ."""
    figures = list(figures)
    known = stock_rows(tx, [f.sku for f in figures])
    changed = {f.sku for f in figures if known.get((f.sku, f.warehouse), ("", 0))[0] != _plain(f.quantity)}
    tx.many(
        "INSERT INTO store_stockfact (sku, warehouse, quantity, on_hand, version, at_ms) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (sku, warehouse) DO UPDATE SET quantity = excluded.quantity, on_hand = excluded.on_hand, "
        "version = excluded.version, at_ms = excluded.at_ms WHERE store_stockfact.version < excluded.version",
        sorted(
            (f.sku, f.warehouse, _plain(f.quantity), "" if f.on_hand is None else _plain(f.on_hand), version, now_ms)
            for f in figures
        ),
    )
    released = tx.many(
        "UPDATE store_hold SET released_tick = %s WHERE released_tick IS NULL AND sku = %s AND warehouse IN (%s, '') "
        "AND confirmed_tick < %s",
        [(version, f.sku, f.warehouse, version) for f in figures],
    )
    return {f.sku for f in figures} if released > 0 else changed


def stock_rows(tx: Tx, skus: Sequence[str]) -> dict[tuple[str, str], tuple[str, int]]:
    """(sku, warehouse) → (quantity, version)."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for start in range(0, len(skus), CHUNK):
        part = skus[start : start + CHUNK]
        sql = f"SELECT sku, warehouse, quantity, version FROM store_stockfact WHERE sku IN ({placeholders(len(part))})"
        found.update({(s, w): (q, v) for s, w, q, v in tx.rows(sql, part)})
    return found


def fullest_warehouse(tx: Tx, skus: Sequence[str]) -> dict[str, str]:
    """Where the ERP has most of each SKU: an order without a warehouse rule is taken from there."""
    best: dict[str, tuple[Decimal, str]] = {}
    for (sku, warehouse), (quantity, _) in sorted(stock_rows(tx, skus).items()):
        best[sku] = max(best.get(sku, (Decimal("-Infinity"), "")), (Decimal(quantity), warehouse))
    return {sku: warehouse for sku, (_, warehouse) in best.items()}


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"


def put_prices(tx: Tx, prices: Iterable[Price], version: int) -> set[str]:
    """Records prices; SKUs whose price differs."""
    changed = set()
    for price in prices:
        wrote = tx.run(
            "INSERT INTO store_pricefact (sku, price_list, min_quantity, doc, version) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (sku, price_list, min_quantity) DO UPDATE SET doc = excluded.doc, version = excluded.version "
            "WHERE store_pricefact.version < excluded.version AND store_pricefact.doc <> excluded.doc",
            (price.sku, price.price_list, _plain(price.min_quantity), text(price), version),
        )
        if wrote:
            changed.add(price.sku)
    return changed


def prices_of(tx: Tx, skus: Sequence[str], price_list: str) -> dict[str, list[Price]]:
    """Each SKU's prices in a list."""
    found: dict[str, list[Price]] = {}
    for start in range(0, len(skus), CHUNK):
        part = list(skus[start : start + CHUNK])
        sql = f"SELECT sku, doc FROM store_pricefact WHERE price_list = %s AND sku IN ({placeholders(len(part))})"
        for sku, doc in tx.rows(sql, [price_list, *part]):
            found.setdefault(sku, []).append(parse(doc, Price))
    return found


def put_products(tx: Tx, products: Iterable[Product], version: int) -> tuple[set[str], set[str]]:
    """Records products; (codes that differ, their SKUs)."""
    codes: set[str] = set()
    skus: set[str] = set()
    for product in products:
        wrote = tx.run(
            "INSERT INTO store_productfact (code, name, doc, version) VALUES (%s, %s, %s, %s) ON CONFLICT (code) DO UPDATE SET "
            "name = excluded.name, doc = excluded.doc, version = excluded.version "
            "WHERE store_productfact.version < excluded.version AND store_productfact.doc <> excluded.doc",
            (product.code, product.name, text(product), version),
        )
        if wrote:
            codes.add(product.code)
            skus.update(v.sku for v in product.variants)
            tx.many(
                "INSERT INTO store_variantfact (sku, product, gtin) VALUES (%s, %s, %s) "
                "ON CONFLICT (sku) DO UPDATE SET product = excluded.product, gtin = excluded.gtin",
                [(v.sku, product.code, v.gtin or "") for v in product.variants],
            )
    return codes, skus


def product(tx: Tx, code: str) -> Product | None:
    row = tx.one("SELECT doc FROM store_productfact WHERE code = %s", (code,))
    return parse(row[0], Product) if row else None


def known_skus(tx: Tx, skus: Sequence[str]) -> set[str]:
    """Which of these the ERP has."""
    if not skus:
        return set()
    return {
        r[0] for r in tx.rows(f"SELECT sku FROM store_variantfact WHERE sku IN ({placeholders(len(skus))})", list(skus))
    }


def put_promotions(tx: Tx, promotions: Iterable[Promotion], version: int) -> int:
    """Records promotions; how many differ."""
    return sum(
        tx.run(
            "INSERT INTO store_promotionfact (code, doc, version) VALUES (%s, %s, %s) ON CONFLICT (code) DO UPDATE SET doc = excluded.doc, "
            "version = excluded.version WHERE store_promotionfact.version < excluded.version AND store_promotionfact.doc <> excluded.doc",
            (p.code, text(p), version),
        )
        for p in promotions
    )
