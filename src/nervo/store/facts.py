"""Facts: the latest value of each truth of the ERP. An older version never replaces a newer one."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import connection

from nervo.model.catalog import Product
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.stock import StockFigure
from nervo.store.codec import parse, text
from nervo.store.database import Tx
from nervo.store.ticks import tick

CHUNK = 500
PUT_STOCK = (
    "INSERT INTO store_stockfact (sku, warehouse, quantity, on_hand, version, kept_tick, at_ms) VALUES {values} "
    "ON CONFLICT (sku, warehouse) DO UPDATE SET quantity = excluded.quantity, on_hand = excluded.on_hand, "
    "version = excluded.version, kept_tick = excluded.kept_tick, at_ms = excluded.at_ms WHERE store_stockfact.version < excluded.version"
)


Kept = dict[tuple[str, str], tuple[str, str, int, int]]


def placeholders(count: int) -> str:
    return ", ".join(["%s"] * count)


def put_stock(tx: Tx, figures: Sequence[StockFigure], version: int, now_ms: int, known: Kept | None = None) -> set[str]:
    """Records figures read at tick `version`; releases the holds that they contain. `known`: what `kept_stock` has just said of
    them. Returns SKUs whose availability may differ."""
    known = kept_stock(tx, figures) if known is None else known
    changed: set[str] = set()
    news: list[tuple[str, str, str, str, int, int, int]] = []
    kept = tick(tx)
    same: dict[str, list[str]] = {}
    for key, f in _once(figures).items():
        quantity, on_hand = _plain(f.quantity), "" if f.on_hand is None else _plain(f.on_hand)
        before = known.get(key)
        if before and before[2] >= version:
            continue
        if before and before[0] == quantity and before[1] == on_hand:
            same.setdefault(f.warehouse, []).append(f.sku)
            continue
        news.append((f.sku, f.warehouse, quantity, on_hand, version, kept, now_ms))
        if not before or before[0] != quantity:
            changed.add(f.sku)
    tx.values(PUT_STOCK, sorted(news))
    for warehouse, skus in sorted(same.items()):
        _read_again(tx, warehouse, skus, version, kept, now_ms)
    return changed | _released(tx, figures, version)


def _once(figures: Sequence[StockFigure]) -> dict[tuple[str, str], StockFigure]:
    """By SKU and warehouse. Of a SKU that comes twice (two products of the ERP have it) the lower figure: nobody sells what may not
    be there."""
    last = {(f.sku, f.warehouse): f for f in figures}
    return last if len(last) == len(figures) else {(f.sku, f.warehouse): f for f in sorted(figures, key=_fewest_last)}


def _fewest_last(figure: StockFigure) -> Decimal:
    return -figure.quantity


def disputed(known: Kept, figures: Sequence[StockFigure], version: int) -> set[str]:
    """SKUs of which another figure was kept while this one, asked for at tick `version`, was on its way."""
    meanwhile = {key: row[0] for key, row in known.items() if row[3] > version}
    if not meanwhile:
        return set()
    return {f.sku for f in figures if meanwhile.get((f.sku, f.warehouse), plain := _plain(f.quantity)) != plain}


def kept_stock(tx: Tx, figures: Sequence[StockFigure]) -> Kept:
    """What is kept of their SKUs: (sku, warehouse) → (quantity, on hand, version, the tick at which it was kept)."""
    sql = "SELECT sku, warehouse, quantity, on_hand, version, kept_tick FROM store_stockfact WHERE sku IN ({})"
    return {(row[0], row[1]): row[2:] for row in tx.among(sql, [f.sku for f in figures])}


def _read_again(tx: Tx, warehouse: str, skus: Sequence[str], version: int, kept: int, now_ms: int) -> None:
    """The same figures as before, but newer: an older reading that arrives later must not replace them."""
    update = "UPDATE store_stockfact SET version = %s, kept_tick = %s, at_ms = %s WHERE warehouse = %s AND version < %s AND sku "
    args = (version, kept, now_ms, warehouse, version)
    if connection.vendor == "sqlite" and _all_between(tx, warehouse, skus, version):
        tx.run(f"{update} BETWEEN %s AND %s", (*args, min(skus), max(skus)))
        return
    for start in range(0, len(skus), CHUNK):
        part = skus[start : start + CHUNK]
        tx.run(f"{update} IN ({placeholders(len(part))})", (*args, *part))


def _all_between(tx: Tx, warehouse: str, skus: Sequence[str], version: int) -> bool:
    """Whether nothing else lies between the first and the last of them, as in a page in the order of SKUs. Only where the
    database orders text as we do."""
    sql = "SELECT count(*) FROM store_stockfact WHERE warehouse = %s AND version < %s AND sku BETWEEN %s AND %s"
    row = tx.one(sql, (warehouse, version, min(skus), max(skus)))
    return row is not None and int(row[0]) == len(set(skus))


def _released(tx: Tx, figures: Sequence[StockFigure], version: int) -> set[str]:
    """Ends the holds that these figures contain; their SKUs."""
    held = tx.rows(
        "SELECT id, sku, warehouse FROM store_hold WHERE released_tick IS NULL AND confirmed_tick < %s", (version,)
    )
    if not held:
        return set()
    read = {(f.sku, f.warehouse) for f in figures} | {(f.sku, "") for f in figures}
    contained = [(id, sku) for id, sku, warehouse in held if (sku, warehouse) in read]
    tx.many(
        "UPDATE store_hold SET released_tick = %s WHERE id = %s AND released_tick IS NULL",
        [(version, id) for id, _ in contained],
    )
    return {sku for _, sku in contained}


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
    plain = str(value)
    return plain if plain.isdigit() and plain[0] != "0" else format(value.normalize(), "f") if value else "0"


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
        else:
            _same_again(tx, "pricefact", version, sku=price.sku, price_list=price.price_list,
                        min_quantity=_plain(price.min_quantity))  # fmt: skip
    return changed


def _same_again(tx: Tx, table: str, version: int, **key: str) -> None:
    """The same as before, but read later: an older reading that arrives after this one must not replace it."""
    where = " AND ".join(f"{column} = %s" for column in key)
    sql = f"UPDATE store_{table} SET version = %s WHERE {where} AND version < %s"
    tx.run(sql, (version, *key.values(), version))


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
        else:
            _same_again(tx, "productfact", version, code=product.code)
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
    changed = 0
    for promotion in promotions:
        wrote = tx.run(
            "INSERT INTO store_promotionfact (code, doc, version) VALUES (%s, %s, %s) ON CONFLICT (code) DO UPDATE SET doc = excluded.doc, "
            "version = excluded.version WHERE store_promotionfact.version < excluded.version AND store_promotionfact.doc <> excluded.doc",
            (promotion.code, text(promotion), version),
        )
        changed += wrote
        if not wrote:
            _same_again(tx, "promotionfact", version, code=promotion.code)
    return changed
