"""Products to WooCommerce: one simple product, or a variable one with its variations."""

import html
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from nervo.connectors.woocommerce import mapping, wire
from nervo.connectors.woocommerce.client import Client
from nervo.errors import Rejected
from nervo.model.catalog import Product, Variant
from nervo.ports.shop import ALL_FIELDS, Listing

GRAMS = {"kg": "1000", "g": "1", "lbs": "453.59237", "oz": "28.349523125"}
MILLIMETRES = {"m": "1000", "cm": "10", "mm": "1", "in": "25.4", "yd": "914.4"}
THOUSANDTH = Decimal("0.001")
Known = Mapping[str, Mapping[str, str]]


class Products:
    """The publishing half of the catalogue. Stock and prices of what exists are never touched; what is new has no price and
    no stock, so that nobody can buy it before both were set."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._units: tuple[Decimal, Decimal] | None = None
        self._categories: dict[tuple[int, str], int] = {}

    async def put_product(
        self, product: Product, known: Known, key: str, fields: frozenset[str] = ALL_FIELDS
    ) -> tuple[Listing, ...]:
        """By the known SKUs; else the variable product by its own SKU; else new. Known simple products stay simple."""
        simple = [v for v in product.variants if v.sku in known and "variation" not in known[v.sku]]
        rest = [v for v in product.variants if v not in simple]
        alone = len(product.variants) == 1 and not product.variants[0].options
        if simple and any(v.sku not in known for v in rest):
            raise Rejected(
                f"publishing {product.code} to WooCommerce", f"{simple[0].sku} is a simple product", code="not_variable",
                product=product.code, sku=simple[0].sku, fix="Make it a variable product in WooCommerce, then press Retry.",
            )  # fmt: skip
        rows = [await self._update_simple(product, v, known[v.sku]["product"], alone, fields) for v in simple]
        if rest and alone and rest[0].sku not in known:
            rows.append(await self._create_simple(product, rest[0]))
        elif rest:
            return tuple(map(mapping.listing, rows)) + await self._variable(product, rest, known, fields)
        return tuple(map(mapping.listing, rows))

    async def _update_simple(
        self, product: Product, variant: Variant, id: str, alone: bool, fields: frozenset[str]
    ) -> wire.Product:
        """A simple product that is one of several variants keeps the words the shop gave it."""
        words = await self._words(product, fields) if alone else {}
        status = _status(product.active and variant.active) if "active" in fields else {}
        return await self.client.update_product(id, {**words, **await self._measures(variant, fields), **status})

    async def _create_simple(self, product: Product, variant: Variant) -> wire.Product:
        values = {"type": "simple", **await self._words(product), **await self._measures(variant), "sku": variant.sku}
        status = _status(product.active and variant.active)
        about = [{"name": n, "options": [v], "visible": True} for n, v in product.attributes.items()]
        fresh = {"attributes": about, "images": _images(product), "manage_stock": True, "stock_quantity": 0}
        return await self.client.create_product({**values, **status, **fresh, **await self._tax_class(product)})

    async def _variable(
        self, product: Product, variants: Sequence[Variant], known: Known, fields: frozenset[str]
    ) -> tuple[Listing, ...]:
        parent = await self._parent(product, known, fields)
        rows = []
        for variant in variants:
            remote = known.get(variant.sku)
            ours = fields if remote else ALL_FIELDS
            status = {"status": "publish" if variant.active else "private"} if "active" in ours else {}
            values = {**await self._measures(variant, ours), **status}
            if remote:
                rows.append(await self.client.update_variation(remote["product"], remote["variation"], values))
            else:
                chosen = [{"name": n, "option": option(variant, n)} for n in option_names(product)]
                fresh = {"sku": variant.sku, "attributes": chosen, "manage_stock": True, "stock_quantity": 0}
                rows.append(await self.client.create_variation(parent.id, {**values, **fresh}))
        return tuple(mapping.listing(row, parent.name) for row in rows)

    async def _parent(self, product: Product, known: Known, fields: frozenset[str]) -> wire.Product:
        """A lost reply to its creation leaves a product without variations: it is found by its own SKU."""
        ids = [r["product"] for v in product.variants if (r := known.get(v.sku)) and "variation" in r]
        where = {"include": ids[0], "status": "any"} if ids else {"sku": parent_sku(product)}
        rows = [row for row in (await self.client.products(**where))[0] if row.type == "variable"]
        if not rows:
            values = {**await self._words(product), **_status(product.active), **await self._tax_class(product)}
            fresh = {"type": "variable", "sku": parent_sku(product), "images": _images(product)}
            about = attributes(product, [], product.variants)
            return await self.client.create_product({**values, **fresh, "attributes": about})
        values = {**await self._words(product, fields), **(_status(product.active) if "active" in fields else {})}
        chosen = product.variants if "options" in fields else [v for v in product.variants if v.sku not in known]
        if chosen or "attributes" in fields:
            values["attributes"] = attributes(product, rows[0].attributes, chosen, about="attributes" in fields)
        return await self.client.update_product(rows[0].id, values) if values else rows[0]

    async def _words(self, product: Product, fields: frozenset[str] = ALL_FIELDS) -> dict[str, Any]:
        """What the ERP does not say is left as the shop has it."""
        paths = [c.path for c in product.categories if c.path] if "categories" in fields else []
        categories = [{"id": await self._category(path)} for path in paths]
        words = {"name": product.name, "description": product.description, "categories": categories}
        return {k: v for k, v in words.items() if v and k in fields}

    async def _category(self, path: Sequence[str]) -> int:
        """Each level by name under the one before; made where it is missing. WooCommerce gives names with & as &amp;."""
        parent = 0
        for name in path:
            if (parent, name) not in self._categories:
                found = [c for c in await self.client.categories(name, parent) if html.unescape(c.name) == name]
                category = found[0] if found else await self.client.create_category(name, parent)
                self._categories[parent, name] = category.id
            parent = self._categories[parent, name]
        return parent

    async def _measures(self, variant: Variant, fields: frozenset[str] = ALL_FIELDS) -> dict[str, Any]:
        sizes = {"length": variant.length_mm, "width": variant.width_mm, "height": variant.height_mm}
        sizes = sizes if "dimensions" in fields else {}
        weight_g = variant.weight_g if "weight" in fields else None
        values: dict[str, Any] = {"global_unique_id": variant.gtin} if variant.gtin and "gtin" in fields else {}
        if weight_g is None and not any(sizes.values()):
            return values
        grams, millimetres = await self._read_units()
        if weight_g is not None:
            values["weight"] = _text(weight_g / grams)
        if any(sizes.values()):
            values["dimensions"] = {k: _text(v / millimetres) for k, v in sizes.items() if v is not None}
        return values

    async def _read_units(self) -> tuple[Decimal, Decimal]:
        """What one of the shop's units of weight and length is in grams and millimetres. Read once."""
        if self._units is None:
            weight = str((await self.client.setting("products", "woocommerce_weight_unit")).value)
            length = str((await self.client.setting("products", "woocommerce_dimension_unit")).value)
            self._units = Decimal(GRAMS[weight]), Decimal(MILLIMETRES[length])
        return self._units

    async def _tax_class(self, product: Product) -> dict[str, str]:
        """The class with the ERP's name, else the only one with the product's rate. A shop without rates charges no tax."""
        named = (
            [c for c in await self.client.tax_classes() if product.tax_class in (c.slug, c.name)]
            if product.tax_class
            else []
        )
        if named or product.tax_rate is None:
            return {"tax_class": named[0].slug} if named else {}
        rates = await self.client.tax_rates()
        fitting = {r.class_ for r in rates if Decimal(r.rate or 0) == product.tax_rate * 100}
        if rates and len(fitting) != 1:
            raise Rejected(
                f"choosing the tax class of {product.code} in WooCommerce", f"{len(fitting)} classes with {product.tax_rate * 100:f} %",
                code="tax_rate_unknown", product=product.code, rate=product.tax_rate,
                fix="Name a tax class in WooCommerce like the ERP's, then press Retry.",
            )  # fmt: skip
        return {"tax_class": fitting.pop()} if fitting else {}


def parent_sku(product: Product) -> str:
    """The variable product's own SKU: its code, unless a variant has that."""
    return f"{product.code}-group" if product.code in {v.sku for v in product.variants} else product.code


def option_names(product: Product) -> list[str]:
    """What tells the variants apart; "variante" where the ERP does not say it."""
    names = list(dict.fromkeys(name for v in product.variants for name in v.options))
    distinct = len({tuple(v.options.get(n, "") for n in names) for v in product.variants}) == len(product.variants)
    return names if names and distinct else [*names, "variante"]


def option(variant: Variant, name: str) -> str:
    """A variant's value of an option."""
    return variant.sku if name == "variante" and name not in variant.options else variant.options.get(name, "") or "-"


def attributes(
    product: Product, there: Sequence[wire.Attribute], variants: Sequence[Variant], *, about: bool = True
) -> list[dict[str, Any]]:
    """The whole list, as WooCommerce replaces it: what the shop added stays, ours gain the options of these variants that are
    new. `about`: the product's own attributes are written too."""
    names = option_names(product)
    ours = {n: (list(dict.fromkeys(option(v, n) for v in variants)), True) for n in names if variants}
    ours |= {n: ([v], False) for n, v in product.attributes.items() if about and n not in names}
    have = {a.name: a for a in there}
    kept = [_attribute(a.name, a.options, a.variation, a.id, a.visible) for a in there if a.name not in ours]
    made = [_attribute(n, _union(have.get(n), o, v), v, have[n].id if n in have else 0) for n, (o, v) in ours.items()]
    return [*kept, *made]


def _union(have: wire.Attribute | None, options: Sequence[str], variation: bool) -> list[str]:
    return list(dict.fromkeys([*(have.options if have and variation else ()), *options]))


def _attribute(name: str, options: Sequence[str], variation: bool, id: int, visible: bool = True) -> dict[str, Any]:
    return {"id": id, "name": name, "options": list(options), "visible": visible, "variation": variation}


def _images(product: Product) -> list[dict[str, str]]:
    """Only for what is new: WooCommerce fetches and stores a picture again each time it is sent by its address."""
    return [{"src": i.url, "alt": i.alt} for i in sorted(product.images, key=lambda i: i.position)]


def _status(active: bool) -> dict[str, str]:
    return {"status": "publish" if active else "draft"}


def _text(amount: Decimal) -> str:
    rounded = amount.quantize(THOUSANDTH)
    return f"{rounded.normalize():f}" if rounded else "0"
