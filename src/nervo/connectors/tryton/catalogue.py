"""What Tryton has to sell: products, prices, promotions, stock."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from nervo.connectors.tryton import mapping, wire
from nervo.connectors.tryton.client import Client
from nervo.connectors.tryton.feed import Feed, Row, Source
from nervo.errors import NotFound
from nervo.kit.rows import read_rows
from nervo.model.catalog import Product
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.stock import StockFigure
from nervo.ports.common import Cursor, Page

STOCK_BATCH = 200
SWEEP_PAGE = 200
TODAY_KEPT_S = 60.0
EVERYTHING = {"active_test": False}


@dataclass(slots=True)
class Shop:
    """The web.shop record and what hangs on it, read once."""

    client: Client
    _row: wire.WebShop | None = None
    _warehouses: tuple[wire.Warehouse, ...] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def row(self) -> wire.WebShop:
        """Raises NotFound when no web.shop has the name in the settings. Sets the company that all calls work in."""
        async with self._lock:
            if self._row is None:
                name = self.client.settings.web_shop
                found = await self.client.find("web.shop", [["name", "=", name]], wire.WebShop)
                if not found:
                    raise NotFound(
                        "looking for the web shop in Tryton",
                        name,
                        fix="Correct the web shop's name in the settings.",
                        web_shop=name,
                    )
                self._row = found[0]
                self.client.company = self._row.company.id
            return self._row

    async def warehouses(self) -> tuple[wire.Warehouse, ...]:
        """The warehouses of the settings, else all."""
        await self.row()
        if self._warehouses is None:
            wanted = self.client.settings.names("warehouses")
            found = await self.client.find(
                "stock.location", [["type", "=", "warehouse"]], wire.Warehouse, order=[("id", "ASC")]
            )
            self._warehouses = tuple(w for w in found if not wanted or (w.code or w.name) in wanted)
        return self._warehouses


class Catalogue:
    """The reading half of the connector."""

    def __init__(self, client: Client, shop: Shop) -> None:
        self.client, self.shop = client, shop
        overlap = float(client.settings.overlap_s)
        self._products = Feed(client, (
            Source("product.template"), Source("product.product", ("template",)), Source("product.identifier", ("product.template",)),
        ), overlap)  # fmt: skip
        self._prices = Feed(client, (
            Source("product.template"), Source("product.product"), Source("product.price_list"),
            Source("product.price_list.line", ("product",)),
        ), overlap)  # fmt: skip
        self._promotions = Feed(client, (Source("sale.promotion"),), overlap)
        self._moves = Feed(client, (Source("stock.move", ("product.code",)),), overlap)
        self._today: tuple[float, date] | None = None

    async def products(self, after: Cursor | None) -> Page[Product]:
        """Templates whose own row, variants or identifiers changed."""
        await self.shop.row()
        start, last = await self._sweep(self._products, after)
        if last is not None:
            ids = await self.client.search(
                "product.template", [["id", ">", last]], limit=SWEEP_PAGE, order=[("id", "ASC")], context=EVERYTHING
            )
            return await self._read_products(ids, *_onwards(start, ids))
        rows, cursor, more = await self._products.page(start)
        changed = dict.fromkeys(_template(row) for row in rows)
        return await self._read_products([template for template in changed if template], cursor, more)

    async def prices(self, after: Cursor | None) -> Page[Price]:
        """Prices of changed products. A changed list, or a line of it for many products, reprices them all."""
        await self.shop.row()
        start, last = await self._sweep(self._prices, after)
        if last is None:
            rows, start, more = await self._prices.page(start)
            lists = [row for row in rows if row.source == 2 or (row.source == 3 and not row.data.get("product"))]
            if not lists:
                templates = [row.id for row in rows if row.source == 0]
                single = [row.id if row.source == 1 else row.data["product"] for row in rows if row.source in (1, 3)]
                domain = ["OR", ["template", "in", templates], ["id", "in", single]]
                ids = await self.client.search("product.product", domain) if rows else []
                return Page(await self._read_prices(ids), start, more)
            last = 0
        ids = await self.client.search("product.product", [["id", ">", last]], limit=SWEEP_PAGE, order=[("id", "ASC")])
        return Page(await self._read_prices(ids), *_onwards(start, ids))

    async def promotions(self, after: Cursor | None) -> Page[Promotion]:
        """Changed promotions that are a share of the price; see quirks.md for the others."""
        await self.shop.row()
        rows, cursor, more = await self._promotions.page(after)
        records = await self.client.read(
            "sale.promotion", [row.id for row in rows], wire.PromotionRow, context=EVERYTHING
        )
        found = [mapping.promotion(record, await self._promoted(record)) for record in records]
        return Page(tuple(p for p in found if p), cursor, more)

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        """SKUs with a stock move that was made or changed. Deleted moves leave no trace: the sweep finds those."""
        await self.shop.row()
        if after is None:
            return Page((), await self._moves.now(), False)
        rows, cursor, more = await self._moves.page(after)
        skus = (mapping.sku_of((row.data.get("product.") or {}).get("code")) for row in rows)
        return Page(tuple(dict.fromkeys(s for s in skus if s)), cursor, more)

    async def stock_of(self, skus: Sequence[str]) -> tuple[StockFigure, ...]:
        """One call a warehouse."""
        return await self._figures([["code", "in", list(skus)], ["type", "=", "goods"]]) if skus else ()

    async def stock_snapshot(self, after: str | None) -> tuple[tuple[StockFigure, ...], str | None]:
        """All goods by rising id; the mark is the last id of the page."""
        await self.shop.row()
        domain = [["id", ">", int(after or 0)], ["type", "=", "goods"], ["code", "!=", None]]
        ids = await self.client.search(
            "product.product", domain, limit=STOCK_BATCH, order=[("id", "ASC")], context=EVERYTHING
        )
        figures = await self._figures([["id", "in", ids]]) if ids else ()
        return figures, str(ids[-1]) if len(ids) == STOCK_BATCH else None

    async def _figures(self, domain: list[Any]) -> tuple[StockFigure, ...]:
        figures: list[StockFigure] = []
        for warehouse in await self.shop.warehouses():
            context = {
                "locations": [warehouse.id],
                "with_childs": True,
                "stock_date_end": await self._day(),
                **EVERYTHING,
            }
            rows = await self.client.find(
                "product.product", domain, wire.StockRow, order=[("id", "ASC")], context=context
            )
            figures += [mapping.stock_figure(row, warehouse) for row in rows if mapping.sku_of(row.code)]
        return tuple(figures)

    async def _day(self) -> date:
        """Tryton's own today: it plans the moves of a confirmed sale for that day, in the company's time zone."""
        now = self.client.http.tools.clock.monotonic()
        if self._today is None or now - self._today[0] > TODAY_KEPT_S:
            today: wire.WireDate = await self.client.rpc("ir.date", "today", type=wire.WireDate, safe=True)
            self._today = (now, today.date())
        return self._today[1]

    async def _sweep(self, feed: Feed, after: Cursor | None) -> tuple[Cursor, int | None]:
        """Where the feed goes on, and the last id of the sweep that comes first, None when no sweep is on."""
        if after is None:
            return await feed.now(), 0
        if after.id.startswith("all:"):
            _, last, rest = after.id.split(":", 2)
            return Cursor(after.at, rest), int(last)
        return after, None

    async def _read_products(self, ids: Sequence[int], cursor: Cursor | None, more: bool) -> Page[Product]:
        """Each by itself: one that nobody understands is named and stops no other."""
        if not ids:
            return Page((), cursor, more)
        rows = await self.client.find_each(
            "product.template",
            [["id", "in", list(ids)]],
            wire.TemplateRow,
            wire.TemplatePlace,
            order=[("id", "ASC")],
            context=EVERYTHING,
        )
        attributes: dict[str, wire.AttributeRow] = {}
        if any(v.attributes for row in rows if isinstance(row, wire.TemplateRow) for v in row.products):
            known = await self.client.find("product.attribute", [], wire.AttributeRow)
            attributes = {a.name: a for a in known}

        async def product(row: wire.TemplateRow) -> Product | None:
            return mapping.product(row, attributes)

        found, unreadable = await read_rows(rows, wire.TemplateRow, product, mapping.product_code)
        return Page(tuple(p for p in found if p), cursor, more, unreadable)

    async def _read_prices(self, ids: Sequence[int]) -> tuple[Price, ...]:
        if not ids:
            return ()
        shop, wanted = await self.shop.row(), self.client.settings.names("price_lists")
        lists = await self.client.find("product.price_list", [], wire.PriceListRow)
        readings = []
        for row in lists:
            if wanted and row.name not in wanted:
                continue
            for quantity in sorted(
                {Decimal(1), *(line.quantity for line in row.lines if line.quantity and line.quantity > 1)}
            ):
                context = {"price_list": row.id, "quantity": wire.Quantity(quantity), "currency": shop.currency.id}
                readings.append(
                    (row, quantity, await self.client.read("product.product", ids, wire.PricedRow, context=context))
                )
        return mapping.prices(readings, shop.currency.code or "")

    async def _promoted(self, row: wire.PromotionRow) -> tuple[str, ...]:
        """The SKUs of a promotion; those of its categories are looked up."""
        if row.categories and not row.products:
            domain = [["template.categories_all", "child_of", [c.id for c in row.categories], "parent"]]
            found = await self.client.find("product.product", domain, wire.Coded)
        else:
            found = row.products
        return tuple(sku for sku in (mapping.sku_of(p.code) for p in found) if sku)


def _template(row: Row) -> int:
    """The template that a row of the products feed belongs to."""
    owner = (row.data.get("product.") or {}) if row.source == 2 else row.data
    return row.id if row.source == 0 else int(owner.get("template") or 0)


def _onwards(start: Cursor, ids: Sequence[int]) -> tuple[Cursor, bool]:
    """The cursor behind a page of a sweep: the next page, or the feed once the sweep is through."""
    if len(ids) < SWEEP_PAGE:
        return start, False
    return Cursor(start.at, f"all:{ids[-1]}:{start.id}"), True
