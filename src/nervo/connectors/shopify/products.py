"""Products to Shopify, by the mutations that touch only what is sent. productSet would delete every variant that it is not sent."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from nervo.connectors.shopify import mapping, queries, wire
from nervo.connectors.shopify.shelves import MOST_PAGES, Shelves
from nervo.errors import Misunderstood, NotFound, Rejected, Unsupported
from nervo.model.catalog import Product, Variant
from nervo.ports.shop import ALL_FIELDS, Listing

MOST_OPTIONS = 3
MOST_VARIANTS_A_CALL = 250


class Products(Shelves):
    """The catalogue half of the connector."""

    async def put_product(
        self,
        product: Product,
        known: Mapping[str, Mapping[str, str]],
        key: str,
        fields: frozenset[str] = ALL_FIELDS,
    ) -> tuple[Listing, ...]:
        """By the known SKUs' product, else by handle (from the product's code), else new. Prices and stock stay; a new variant
        begins at 0.00 with none, counted at our location. A draft stays a draft."""
        names = option_names(product)
        if len(names) > MOST_OPTIONS:
            raise Unsupported(f"writing {product.code} to Shopify", f"{len(names)} options", product=product.code)
        row = await self._find(product, known)
        row = await self._update(product, row, fields) if row else await self._create(product, names)
        ids = {sku: remote["variant"] for sku, remote in known.items()}
        ids = {v.sku: v.id for v in row.variants.nodes if v.sku} | ids
        old = [v for v in product.variants if v.sku in ids]
        fresh = [v for v in product.variants if v.sku not in ids and v.active]
        await self._update_variants(product, row, [(ids[v.sku], v) for v in old], fields)
        made = await self._create_variants(product, row, names, fresh)
        rows = await self._by_id([*(ids[v.sku] for v in old), *made])
        return await self._stocked(rows, key)

    async def _find(self, product: Product, known: Mapping[str, Mapping[str, str]]) -> wire.Product | None:
        """A lost reply never makes a second product: its handle is ours."""
        for remote in known.values():
            found = await self.client.query(queries.PRODUCT, {"product": wire.Product}, id=remote["product"])
            return await self._whole(found.get("product"))
        handle = slug(product.code)
        found = await self.client.query(queries.PRODUCT_BY_HANDLE, {"productByIdentifier": wire.Product}, handle=handle)
        return await self._whole(found.get("productByIdentifier"))

    async def _whole(self, row: wire.Product | None) -> wire.Product | None:
        """A product of more than a hundred variants with the rest of them, by search for its id."""
        if row is None or not row.variants.pageInfo.hasNextPage:
            return row
        mark = None
        nodes: list[wire.ProductVariant] = []
        for _ in range(MOST_PAGES):
            page = await self._page(f"product_id:{mapping.number(row.id)}", mark)
            nodes += [wire.ProductVariant(v.id, v.sku, []) for v in page.nodes]
            mark = page.pageInfo.endCursor
            if not page.pageInfo.hasNextPage:
                break
        row.variants = wire.Connection(nodes)
        return row

    async def _create(self, product: Product, names: Sequence[str]) -> wire.Product:
        values: dict[str, Any] = {
            "title": product.name,
            "handle": slug(product.code),
            "descriptionHtml": product.description,
            "status": "ACTIVE" if product.active else "ARCHIVED",
        }
        if names:
            values["productOptions"] = [{"name": n, "values": _values(product, n)} for n in names]
        images = sorted(product.images, key=lambda image: image.position)
        media = [{"originalSource": i.url, "alt": i.alt, "mediaContentType": "IMAGE"} for i in images]
        payload = await self.client.mutate(queries.CREATE_PRODUCT, product=values, media=media)
        return _product(payload, product)

    async def _update(self, product: Product, row: wire.Product, fields: frozenset[str]) -> wire.Product:
        words = {"name": ("title", product.name), "description": ("descriptionHtml", product.description)}
        values = dict(word for field, word in words.items() if field in fields)
        if "active" in fields and product.active == (row.status == "ARCHIVED"):
            values["status"] = "ACTIVE" if product.active else "ARCHIVED"
        if not values:
            return row
        payload = await self.client.mutate(queries.UPDATE_PRODUCT, product={"id": row.id, **values})
        updated = _product(payload, product)
        updated.variants = row.variants
        return updated

    async def _update_variants(
        self, product: Product, row: wire.Product, pairs: Sequence[tuple[str, Variant]], fields: frozenset[str]
    ) -> None:
        for start in range(0, len(pairs), MOST_VARIANTS_A_CALL):
            values = [{"id": id, **_facts(v, fields)} for id, v in pairs[start : start + MOST_VARIANTS_A_CALL]]
            _check(await self.client.mutate(queries.UPDATE_VARIANTS, product=row.id, variants=values), product)

    async def _create_variants(
        self, product: Product, row: wire.Product, names: Sequence[str], fresh: Sequence[Variant]
    ) -> list[str]:
        """The variant that Shopify makes with every product has no SKU yet: it is taken or replaced, nobody else's ever is."""
        blank = [v for v in row.variants.nodes if not v.sku] if len(row.variants.nodes) == 1 else []
        if not names and len(fresh) == 1 and blank:
            await self._update_variants(product, row, [(blank[0].id, fresh[0])], ALL_FIELDS)
            return [blank[0].id]
        if fresh and {o.name for o in row.options} != set(names):
            raise Rejected(
                f"adding variants to {product.code} in Shopify", ", ".join(o.name for o in row.options), code="options_differ",
                product=product.code, fix=f"Give the product the options {', '.join(names) or 'none'} in Shopify, then press Retry.",
            )  # fmt: skip
        made: list[str] = []
        here = await self.location()
        for start in range(0, len(fresh), MOST_VARIANTS_A_CALL):
            values = [_new(product, v, names, here) for v in fresh[start : start + MOST_VARIANTS_A_CALL]]
            strategy = "REMOVE_STANDALONE_VARIANT" if blank and not made else "PRESERVE_STANDALONE_VARIANT"
            payload = await self.client.mutate(
                queries.CREATE_VARIANTS, product=row.id, variants=values, strategy=strategy
            )
            _check(payload, product)
            made += [v.id for v in payload.productVariants or ()]
        return made

    async def _stocked(self, rows: Sequence[wire.Variant], key: str) -> tuple[Listing, ...]:
        """Variants that Shopify does not count at our location yet are stocked there, with none."""
        here = await self.location()
        for row in rows:
            if row.inventoryItem.inventoryLevel is None:
                item = row.inventoryItem.id
                payload = await self.client.mutate(
                    queries.ACTIVATE, item=item, location=here, key=f"{key}-{mapping.number(item)}"
                )
                if payload.userErrors:
                    raise Rejected("stocking a variant in Shopify", payload.userErrors[0].message, sku=row.sku)
                row.inventoryItem.inventoryLevel = wire.Level([wire.Quantity("available", 0)])
        return tuple(mapping.listing(row) for row in rows)


def _product(payload: wire.Payload, product: Product) -> wire.Product:
    _check(payload, product)
    if payload.product is None:
        raise Misunderstood(f"writing {product.code} to Shopify", "no product in the answer")
    return payload.product


def _check(payload: wire.Payload, product: Product) -> None:
    if payload.userErrors:
        said = "; ".join(e.message for e in payload.userErrors)
        gone = any("DOES_NOT_EXIST" in (e.code or "") for e in payload.userErrors)
        code = (payload.userErrors[0].code or "rejected").lower()
        raise (NotFound if gone else Rejected)(
            f"writing {product.code} to Shopify", said, code=code, product=product.code
        )


def _facts(variant: Variant, fields: frozenset[str] = ALL_FIELDS) -> dict[str, Any]:
    """What the ERP says of a variant. Its weight goes as a number: GraphQL has no decimal there."""
    item: dict[str, Any] = {"sku": variant.sku, "tracked": True}
    if variant.weight_g is not None and "weight" in fields:
        item["measurement"] = {"weight": {"value": float(variant.weight_g), "unit": "GRAMS"}}
    return {"inventoryItem": item} | ({"barcode": variant.gtin} if variant.gtin and "gtin" in fields else {})


def _new(product: Product, variant: Variant, names: Sequence[str], location: str) -> dict[str, Any]:
    chosen = [{"optionName": n, "name": option(variant, n)} for n in names]
    return _facts(variant) | {
        "price": "0.00",
        "inventoryPolicy": "DENY",
        "optionValues": chosen or [{"optionName": "Title", "name": "Default Title"}],
        "inventoryQuantities": [{"availableQuantity": 0, "locationId": location}],
    }


def _values(product: Product, name: str) -> list[dict[str, str]]:
    return [{"name": value} for value in dict.fromkeys(option(v, name) for v in product.variants)]


def option_names(product: Product) -> list[str]:
    """What tells the variants apart; "variante" where the ERP does not say it and there are several."""
    names = list(dict.fromkeys(name for v in product.variants for name in v.options))
    distinct = len({tuple(v.options.get(n, "") for n in names) for v in product.variants}) == len(product.variants)
    return names if distinct or len(product.variants) == 1 else [*names, "variante"]


def option(variant: Variant, name: str) -> str:
    """A variant's value of an option; Shopify wants one of every variant."""
    return variant.sku if name == "variante" and name not in variant.options else variant.options.get(name, "") or "-"


def slug(text: str) -> str:
    """A text for a URL: "Caffè & Tè" becomes "caffe-te"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "x"
