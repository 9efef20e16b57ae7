"""What Vendure shows: listings, stock, prices, products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nervo.connectors.vendure import mapping, queries, wire
from nervo.connectors.vendure.client import Client
from nervo.errors import BadInput, Rejected
from nervo.kit.paging import next_rows
from nervo.model.catalog import Product, Variant
from nervo.model.money import to_minor
from nervo.ports.common import ItemOutcome, Outcome
from nervo.ports.shop import ALL_FIELDS, Listing, PriceWrite, StockWrite

READ_BATCH = 100
SWEEP_PAGE = 500


class _Variants(msgspec.Struct):
    items: list[wire.Variant]


class _Products(msgspec.Struct):
    items: list[wire.Product]


class _Categories(msgspec.Struct):
    items: list[wire.TaxCategory]


class _Rates(msgspec.Struct):
    items: list[wire.TaxRate]


class _Channels(msgspec.Struct):
    channels: list["_Permitted"]


class _Permitted(msgspec.Struct):
    permissions: list[str]


@dataclass(frozen=True, slots=True)
class About:
    """The channel, the global settings and what the administrator may do."""

    channel: wire.Channel
    settings: wire.GlobalSettings
    permissions: frozenset[str]


class Shelves:
    """The catalogue half of the connector."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._about: About | None = None
        self._taxes: tuple[list[wire.TaxCategory], list[wire.TaxRate]] | None = None

    async def about(self) -> About:
        """Read once."""
        if self._about is None:
            self._about = await self.read_about()
        return self._about

    async def read_about(self) -> About:
        fields: dict[str, type[Any]] = {
            "activeChannel": wire.Channel,
            "globalSettings": wire.GlobalSettings,
            "me": _Channels,
        }
        found = await self.client.query(queries.ABOUT, fields)
        permissions = {p for channel in found["me"].channels for p in channel.permissions} if "me" in found else set()
        return About(found["activeChannel"], found["globalSettings"], frozenset(permissions))

    async def listings(self, after: str | None) -> tuple[tuple[Listing, ...], str | None]:
        """Pages in the order of ids."""
        rows, mark = await next_rows(self._by_offset, lambda row: int(row.id), after, SWEEP_PAGE)
        return await self._listings(rows), mark

    async def _by_offset(self, skip: int) -> list[wire.Variant]:
        return await self._variants({"skip": skip, "take": SWEEP_PAGE, "sort": {"id": "ASC"}})

    async def read_listings(self, items: Sequence[Mapping[str, str]]) -> tuple[Listing, ...]:
        return await self._listings(await self._by_id([item["variant"] for item in items])) if items else ()

    async def find_listings(self, skus: Sequence[str]) -> tuple[Listing, ...]:
        """Vendure lets two variants have one SKU: both come."""
        if not skus:
            return ()
        return await self._listings(await self._variants({"filter": {"sku": {"in": list(skus)}}, "take": 1000}))

    async def put_stock(self, items: Sequence[StockWrite]) -> tuple[ItemOutcome, ...]:
        """Reads what is allocated, then writes on-hand figures that leave the wanted quantities to sell. One mutation, all or
        nothing; who is gone is told before."""
        for item in items:
            if item.quantity < 0 or item.quantity != int(item.quantity):
                raise BadInput("setting stock in Vendure", f"{item.quantity}", sku=item.sku)
        settings = (await self.about()).settings
        rows = {row.id: row for row in await self._by_id([item.remote["variant"] for item in items])}
        writes, there, outcomes = [], [], []
        for item in items:
            row = rows.get(item.remote["variant"])
            if row is None:
                outcomes.append(ItemOutcome(item.sku, Outcome.MISSING))
                continue
            location, figure = mapping.on_hand_for(row, settings, item.quantity, item.location)
            level: dict[str, Any] = (
                {"stockLevels": [{"stockLocationId": location, "stockOnHand": figure}]}
                if location
                else {"stockOnHand": figure}
            )
            writes.append({"id": row.id, **level})
            there.append(item)
        written = await self._update(writes)
        return (*outcomes, *(_stock_outcome(item, written[item.remote["variant"]], settings) for item in there))

    async def put_prices(self, items: Sequence[PriceWrite]) -> tuple[ItemOutcome, ...]:
        """Prices in the channel's own kind (with tax where it includes tax). Vendure has no compare-at price."""
        known = {row.id for row in await self._by_id([item.remote["variant"] for item in items])}
        there = [item for item in items if item.remote["variant"] in known]
        writes = [
            {"id": i.remote["variant"], "prices": [{"currencyCode": i.currency, "price": _minor(i)}]} for i in there
        ]
        await self._update(writes)
        missing = (ItemOutcome(i.sku, Outcome.MISSING) for i in items if i.remote["variant"] not in known)
        return (*missing, *(ItemOutcome(i.sku, Outcome.DONE, observed=str(i.price)) for i in there))

    async def put_product(
        self,
        product: Product,
        known: Mapping[str, Mapping[str, str]],
        key: str,
        fields: frozenset[str] = ALL_FIELDS,
    ) -> tuple[Listing, ...]:
        """By the known SKUs' product, else by slug (from the product's code), else new. New variants begin with price 0 and no
        stock, so that nobody can buy them before both were set."""
        row = await self._product(product, known, fields)
        have = {v.sku: v.id for v in row.variants}
        fresh = [v for v in product.variants if v.sku not in known and v.sku not in have]
        row = await self._option_groups(product, row, product.variants if "options" in fields else fresh)
        created = await self._create_variants(product, row, fresh)
        old = {v.sku: known.get(v.sku, {}).get("variant") or have[v.sku] for v in product.variants if v not in fresh}
        if "active" not in fields:
            return await self._listings([*created, *await self._by_id(list(old.values()))])
        updates = [{"id": old[v.sku], "enabled": v.active} for v in product.variants if v.sku in old]
        updated = list((await self._update(updates)).values())
        return await self._listings([*created, *updated])

    async def _product(
        self, product: Product, known: Mapping[str, Mapping[str, str]], fields: frozenset[str]
    ) -> wire.Product:
        ids = [remote["product"] for remote in known.values() if remote.get("product")]
        slug = mapping.slug(product.code)
        found = await self._products({"id": {"in": ids[:1]}} if ids else {"slug": {"eq": slug}})
        language = (await self.about()).channel.defaultLanguageCode
        words = {"name": product.name, "description": product.description}
        if found:
            values: dict[str, Any] = {"enabled": product.active} if "active" in fields else {}
            if ours := {field: word for field, word in words.items() if field in fields}:
                values["translations"] = [{"languageCode": language, "slug": found[0].slug, **ours}]
            if not values:
                return found[0]
            values["id"] = found[0].id
            return await self.client.mutate(queries.UPDATE_PRODUCT, "updateProduct", wire.Product, input=values)
        values = {"enabled": product.active, "translations": [{"languageCode": language, "slug": slug, **words}]}
        return await self.client.mutate(queries.CREATE_PRODUCT, "createProduct", wire.Product, input=values)

    async def _option_groups(self, product: Product, row: wire.Product, variants: Sequence[Variant]) -> wire.Product:
        """A group an option name ("taglia"), each with the values that these variants have."""
        if not variants:
            return row
        language = (await self.about()).channel.defaultLanguageCode
        groups = {g.code: g for g in row.optionGroups}
        for name in option_names(product):
            code, values = f"{row.slug}-{mapping.slug(name)}", dict.fromkeys(option(v, name) for v in variants)
            options = [
                {"code": mapping.slug(v), "translations": [{"languageCode": language, "name": v}]} for v in values
            ]
            if code in groups:
                have = {o.code for o in groups[code].options}
                for missing in (o for o in options if o["code"] not in have):
                    group = {"productOptionGroupId": groups[code].id, **missing}
                    await self.client.mutate(queries.CREATE_OPTION, "createProductOption", wire.Option, input=group)
            else:
                values_ = {"code": code, "translations": [{"languageCode": language, "name": name}], "options": options}
                made = await self.client.mutate(
                    queries.CREATE_OPTION_GROUP, "createProductOptionGroup", wire.OptionGroup, input=values_
                )
                await self.client.mutate(
                    queries.ADD_OPTION_GROUP, "addOptionGroupToProduct", wire.Product, product=row.id, group=made.id
                )
        return (await self._products({"id": {"eq": row.id}}))[0]

    async def _create_variants(
        self, product: Product, row: wire.Product, fresh: Sequence[Variant]
    ) -> list[wire.Variant]:
        if not fresh:
            return []
        language, tax = (await self.about()).channel.defaultLanguageCode, await self._tax_category(product)
        ids = {(g.code, o.code): o.id for g in row.optionGroups for o in g.options}
        inputs = []
        for variant in fresh:
            chosen = [
                ids[f"{row.slug}-{mapping.slug(n)}", mapping.slug(option(variant, n))] for n in option_names(product)
            ]
            name = " ".join([product.name, *variant.options.values()])
            inputs.append({
                "productId": row.id, "sku": variant.sku, "enabled": variant.active, "trackInventory": "TRUE", "price": 0, "stockOnHand": 0,
                "optionIds": chosen, "translations": [{"languageCode": language, "name": name}], **({"taxCategoryId": tax} if tax else {}),
            })  # fmt: skip
        return await self.client.mutate(
            queries.CREATE_VARIANTS, "createProductVariants", list[wire.Variant], input=inputs
        )

    async def _tax_category(self, product: Product) -> str | None:
        """The category with the product's tax class as its name, else the only one with a rate like the product's."""
        if self._taxes is None:
            fields: dict[str, type[Any]] = {"taxCategories": _Categories, "taxRates": _Rates}
            found = await self.client.query(queries.TAXES, fields)
            self._taxes = found["taxCategories"].items, found["taxRates"].items
        categories, rates = self._taxes
        if named := [c.id for c in categories if c.name == product.tax_class]:
            return named[0]
        if product.tax_rate is None:
            return None
        fitting = {r.category.id for r in rates if r.enabled and r.value == product.tax_rate * 100}
        if len(fitting) != 1:
            raise Rejected(f"choosing the tax category of {product.code} in Vendure", f"{len(fitting)} with {product.tax_rate * 100:f} %",
                           code="tax_rate_unknown", product=product.code, rate=product.tax_rate,
                           fix="Name a tax category in Vendure like the ERP's tax class, then press Retry.")  # fmt: skip
        return fitting.pop()

    async def _update(self, writes: list[dict[str, Any]]) -> dict[str, wire.Variant]:
        if not writes:
            return {}
        rows = await self.client.mutate(
            queries.UPDATE_VARIANTS, "updateProductVariants", list[wire.Variant], input=writes
        )
        return {row.id: row for row in rows}

    async def _by_id(self, ids: Sequence[str]) -> list[wire.Variant]:
        return await self._variants({"filter": {"id": {"in": list(ids)}}, "take": 1000}) if ids else []

    async def _variants(self, options: Mapping[str, Any]) -> list[wire.Variant]:
        return (await self.client.query(queries.VARIANTS, {"productVariants": _Variants}, options=options))[
            "productVariants"
        ].items

    async def _products(self, where: Mapping[str, Any]) -> list[wire.Product]:
        found = await self.client.query(
            queries.PRODUCTS, {"products": _Products}, options={"filter": where, "take": 10}
        )
        return found["products"].items

    async def _listings(self, rows: Sequence[wire.Variant]) -> tuple[Listing, ...]:
        about = await self.about()
        return tuple(mapping.listing(row, about.settings, about.channel.defaultCurrencyCode) for row in rows)


def option_names(product: Product) -> list[str]:
    """What tells the variants apart; "variante" where the ERP does not say it and there are several."""
    names = list(dict.fromkeys(name for v in product.variants for name in v.options))
    distinct = len({tuple(v.options.get(n, "") for n in names) for v in product.variants}) == len(product.variants)
    return names if distinct or len(product.variants) == 1 else [*names, "variante"]


def option(variant: Variant, name: str) -> str:
    """A variant's value of an option; Vendure wants one of every variant."""
    return variant.sku if name == "variante" and name not in variant.options else variant.options.get(name, "") or "-"


def _stock_outcome(item: StockWrite, row: wire.Variant, settings: wire.GlobalSettings) -> ItemOutcome:
    now = mapping.quantity(row, settings)
    return ItemOutcome(item.sku, Outcome.DONE, observed="" if now is None else str(now))


def _minor(item: PriceWrite) -> int:
    """Vendure takes 19.9 without a word, as 20 minor units: whole numbers only."""
    try:
        return to_minor(item.price, item.currency)
    except ValueError as error:
        raise BadInput("setting a price in Vendure", str(error), sku=item.sku) from error
