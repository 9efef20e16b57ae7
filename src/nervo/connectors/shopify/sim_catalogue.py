"""The simulated shop's answers about products, stock and prices, in the shape of the connector's documents."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nervo.connectors.shopify.sim_books import Books, Product, Variant

Answer = dict[str, Any]
Handler = Callable[[dict[str, Any]], Answer]
HIGHEST = 1_000_000_000
REASONS = (
    "correction cycle_count_available damaged movement_created movement_updated movement_received movement_canceled other "
    "promotion quality_control received reservation_created reservation_deleted reservation_updated restock safety_stock shrinkage"
).split()
STATUSES = ("ACTIVE", "ARCHIVED", "DRAFT", "UNLISTED")


class Refusal(Exception):
    """A GraphQL error for the whole request."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


def handlers(books: Books) -> dict[str, Handler]:
    """By operation name; variables in, data out."""
    catalogue = Catalogue(books)
    return {
        "Listings": catalogue.listings,
        "ListingsById": catalogue.listings_by_id,
        "PutStock": catalogue.put_stock,
        "PutPrices": catalogue.put_prices,
        "Activate": catalogue.activate,
        "Product": lambda v: {"product": catalogue.product(catalogue.by_gid(v["id"]))},
        "ProductByHandle": catalogue.by_handle,
        "CreateProduct": catalogue.create_product,
        "UpdateProduct": catalogue.update_product,
        "CreateVariants": catalogue.create_variants,
        "UpdateVariants": catalogue.update_variants,
    }


def page(rows: list[Any], first: int, after: str | None) -> tuple[list[Any], Answer]:
    """Rows of a connection and its pageInfo; the cursor is a place in the list's own order."""
    start = int(after) if after else 0
    end = start + first
    chosen = rows[start:end]
    return chosen, {"hasNextPage": end < len(rows), "endCursor": str(start + len(chosen)) if chosen else None}


def error(field: list[str], message: str, code: str | None = None) -> Answer:
    return {"field": field, "message": message, "code": code}


class Catalogue:
    """Reads and writes of the catalogue."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def listings(self, v: dict[str, Any]) -> Answer:
        rows = sorted(self.books.variants.values(), key=lambda x: x.id)
        if v.get("query"):
            skus, products = _terms(v["query"])
            rows = [r for r in rows if _matches(r, skus, products)]
        chosen, info = page(rows, v["first"], v.get("after"))
        return {"productVariants": {"nodes": [self.variant(r, v["location"]) for r in chosen], "pageInfo": info}}

    def listings_by_id(self, v: dict[str, Any]) -> Answer:
        found = (self.books.variants.get(id) for id in v["ids"])
        return {"nodes": [self.variant(row, v["location"]) if row else None for row in found]}

    def variant(self, row: Variant, location: str) -> Answer:
        level = None
        if location in row.available:
            level = {"quantities": [{"name": "available", "quantity": row.available[location]}]}
        title = "" if row.title == "Default Title" else f" - {row.title}"
        return {
            "id": row.gid, "sku": row.sku or None, "barcode": row.barcode, "price": f"{row.price:.2f}",
            "compareAtPrice": None if row.compare_at is None else f"{row.compare_at:.2f}",
            "displayName": row.product.title + title, "product": {"id": row.product.gid},
            "inventoryItem": {"id": row.item_gid, "tracked": row.tracked, "inventoryLevel": level},
        }  # fmt: skip

    def put_stock(self, v: dict[str, Any]) -> Answer:
        """All or nothing, as Shopify does it: one error and no quantity moves."""
        given = v["input"]
        writes = given["quantities"]
        if any("changeFromQuantity" not in w for w in writes):
            raise Refusal("BAD_REQUEST", "The changeFromQuantity argument is required. Pass null to skip the check.")
        errors = []
        if given["name"] not in ("available", "on_hand"):
            errors.append(
                error(["input", "name"], "The quantity name must be either 'available' or 'on_hand'.", "INVALID_NAME")
            )
        if given["reason"] not in REASONS:
            errors.append(error(["input", "reason"], "The specified reason is invalid.", "INVALID_REASON"))
        seen: set[tuple[str, str]] = set()
        for i, write in enumerate(writes):
            place = write["inventoryItemId"], write["locationId"]
            wrong = self._wrong(write) if place not in seen else TWICE
            seen.add(place)
            if wrong:
                code, name, message = wrong
                errors.append(error(["input", "quantities", str(i), name], message, code))
        if errors:
            return {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": errors}}
        self._apply(writes, given["name"])
        group = {"id": f"gid://shopify/InventoryAdjustmentGroup/{self.books.next_id()}"}
        return {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": []}}

    def _apply(self, writes: list[dict[str, Any]], name: str) -> None:
        books, at = self.books, self.books.clock.monotonic()
        for write in writes:
            variant, place = books.items[write["inventoryItemId"]], write["locationId"]
            held = variant.committed.get(place, 0) if name == "on_hand" else 0
            books.set_available(variant, place, write["quantity"] - held)
            books.history.append((at, variant.sku, variant.available[place]))

    def _wrong(self, write: dict[str, Any]) -> tuple[str, str, str] | None:
        variant = self.books.items.get(write["inventoryItemId"])
        if variant is None:
            return "INVALID_INVENTORY_ITEM", "inventoryItemId", "The specified inventory item could not be found."
        place, quantity, expected = write["locationId"], write["quantity"], write["changeFromQuantity"]
        if place not in self.books.locations:
            return "INVALID_LOCATION", "locationId", "The specified location could not be found."
        if place not in variant.available:
            return (
                "ITEM_NOT_STOCKED_AT_LOCATION",
                "locationId",
                "The specified inventory item is not stocked at the location.",
            )
        if quantity < 0:
            return "INVALID_QUANTITY_NEGATIVE", "quantity", "The quantity can't be negative."
        if quantity > HIGHEST:
            return "INVALID_QUANTITY_TOO_HIGH", "quantity", "The total quantity can't be higher than 1,000,000,000."
        if expected is not None and expected != variant.available[place]:
            return (
                "CHANGE_FROM_QUANTITY_STALE",
                "changeFromQuantity",
                "The changeFromQuantity value does not match persisted value.",
            )
        return None

    def put_prices(self, v: dict[str, Any]) -> Answer:
        """One mutation after the other; within one, what is valid is kept (allowPartialUpdates)."""
        data = {}
        for i in range(len(v) // 2):
            product = self.by_gid(v[f"p{i}"])
            errors = self._write_variants(product, v[f"v{i}"], partly=True)
            data[f"p{i}"] = {"userErrors": errors}
        return data

    def _write_variants(self, product: Product | None, given: list[dict[str, Any]], *, partly: bool) -> list[Answer]:
        if product is None:
            return [error(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")]
        errors, valid = [], []
        for i, values in enumerate(given):
            row = self.books.variants.get(values.get("id", ""))
            if row is None or row.product is not product:
                errors.append(
                    error(
                        ["variants", str(i), "id"], "Product variant does not exist", "PRODUCT_VARIANT_DOES_NOT_EXIST"
                    )
                )
            elif Decimal(values.get("price") or 0) < 0:
                errors.append(
                    error(
                        ["variants", str(i), "price"],
                        "Price must be greater than or equal to 0",
                        "NEGATIVE_PRICE_VALUE",
                    )
                )
            elif "inventoryQuantities" in values:
                message = "Inventory quantities can only be provided during create"
                errors.append(error(["variants", str(i)], message, "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE"))
            else:
                valid.append((row, values))
        if partly or not errors:
            for row, values in valid:
                _assign(row, values)
            if valid:
                self._edited(product, "products/update")
        return errors

    def activate(self, v: dict[str, Any]) -> Answer:
        variant = self.books.items.get(v["item"])
        if variant is None or v["location"] not in self.books.locations:
            return {
                "inventoryActivate": {
                    "userErrors": [{"field": None, "message": "The item or the location is not there."}]
                }
            }
        if v["location"] not in variant.available:
            self.books.set_available(variant, v["location"], 0)
        return {"inventoryActivate": {"userErrors": []}}

    def by_gid(self, gid: str) -> Product | None:
        return self.books.products.get(int(gid.rsplit("/", 1)[-1]))

    def by_handle(self, v: dict[str, Any]) -> Answer:
        found = next((p for p in self.books.products.values() if p.handle == v["handle"]), None)
        return {"productByIdentifier": self.product(found)}

    def product(self, row: Product | None) -> Answer | None:
        if row is None:
            return None
        nodes = [
            {
                "id": x.gid,
                "sku": x.sku or None,
                "selectedOptions": [{"name": n, "value": t} for n, t in x.options.items()],
            }
            for x in row.variants[:100]
        ]
        info = {"hasNextPage": len(row.variants) > 100, "endCursor": "100"}
        options = [{"name": n} for n in row.options]
        return {"id": row.gid, "handle": row.handle, "status": row.status, "options": options,
                "variants": {"nodes": nodes, "pageInfo": info}}  # fmt: skip

    def create_product(self, v: dict[str, Any]) -> Answer:
        """With its first variant: the first values of the options, or "Default Title"."""
        given = v["product"]
        if not (given.get("title") or "").strip():
            return {
                "productCreate": {
                    "product": None,
                    "userErrors": [{"field": ["title"], "message": "Title can't be blank"}],
                }
            }
        handle, taken = given.get("handle") or given["title"].lower(), {p.handle for p in self.books.products.values()}
        if handle in taken:
            message = f"Handle '{handle}' already in use. Please provide a new handle."
            return {"productCreate": {"product": None, "userErrors": [{"field": ["handle"], "message": message}]}}
        product = self.books.new_product(handle, given["title"])
        product.description, product.status = given.get("descriptionHtml") or "", given.get("status") or "ACTIVE"
        options = given.get("productOptions") or [{"name": "Title", "values": [{"name": "Default Title"}]}]
        product.options = [o["name"] for o in options]
        first = {o["name"]: o["values"][0]["name"] for o in options}
        variant = self.books.new_variant(product, "", options=first, tracked=False)
        variant.available[next(iter(self.books.locations))] = 0
        self._edited(product, "products/create")
        return {"productCreate": {"product": self.product(product), "userErrors": []}}

    def update_product(self, v: dict[str, Any]) -> Answer:
        given = v["product"]
        product = self.by_gid(given["id"])
        if product is None:
            return {
                "productUpdate": {
                    "product": None,
                    "userErrors": [{"field": ["id"], "message": "Product does not exist"}],
                }
            }
        product.title = given.get("title", product.title)
        product.description = given.get("descriptionHtml", product.description)
        product.status = given.get("status", product.status)
        self._edited(product, "products/update")
        return {"productUpdate": {"product": self.product(product), "userErrors": []}}

    def update_variants(self, v: dict[str, Any]) -> Answer:
        errors = self._write_variants(self.by_gid(v["product"]), v["variants"], partly=False)
        rows = None if errors else [{"id": x["id"]} for x in v["variants"]]
        return {"productVariantsBulkUpdate": {"productVariants": rows, "userErrors": errors}}

    def create_variants(self, v: dict[str, Any]) -> Answer:
        product = self.by_gid(v["product"])
        if product is None:
            wrong = [error(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")]
            return {"productVariantsBulkCreate": {"productVariants": None, "userErrors": wrong}}
        alone = product.variants[0] if len(product.variants) == 1 else None
        leaves = alone if v.get("strategy") == "REMOVE_STANDALONE_VARIANT" else None
        errors = [e for i, given in enumerate(v["variants"]) if (e := _clash(product, given, i, leaves))]
        if errors:
            return {"productVariantsBulkCreate": {"productVariants": None, "userErrors": errors}}
        if leaves:
            self.books.drop(leaves)
        made = []
        for given in v["variants"]:
            row = self.books.new_variant(product, "", options=_chosen(given), tracked=True)
            _assign(row, given)
            for level in given.get("inventoryQuantities") or ():
                self.books.set_available(row, level["locationId"], level["availableQuantity"])
            made.append({"id": row.gid})
        self._edited(product, "products/update")
        return {"productVariantsBulkCreate": {"productVariants": made, "userErrors": []}}

    def _edited(self, product: Product, topic: str) -> None:
        product.updated = self.books.now()
        self.books.heard(topic, product)


TWICE = (
    "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
    "inventoryItemId",
    "The combination of inventoryItemId and locationId must be unique.",
)


def _chosen(given: dict[str, Any]) -> dict[str, str]:
    return {o["optionName"]: o["name"] for o in given["optionValues"]}


def _clash(product: Product, given: dict[str, Any], i: int, leaving: Variant | None) -> Answer | None:
    chosen, path = _chosen(given), ["variants", str(i)]
    if set(chosen) != set(product.options):
        return error(path, "You need to add option values for every option", "NEED_TO_ADD_OPTION_VALUES")
    if any(row.options == chosen for row in product.variants if row is not leaving):
        return error(path, f"The variant '{' / '.join(chosen.values())}' already exists.", "VARIANT_ALREADY_EXISTS")
    return None


def _assign(row: Variant, given: dict[str, Any]) -> None:
    """What is sent; nothing else changes."""
    if given.get("price") is not None:
        row.price = Decimal(given["price"]).quantize(Decimal("0.01"))
    if "compareAtPrice" in given:
        row.compare_at = Decimal(given["compareAtPrice"]) if given["compareAtPrice"] is not None else None
    row.barcode = given.get("barcode", row.barcode)
    item = given.get("inventoryItem") or {}
    row.sku = item.get("sku", row.sku)
    row.tracked = item.get("tracked", row.tracked)
    weight = (item.get("measurement") or {}).get("weight")
    if weight:
        row.weight_g = Decimal(str(weight["value"]))


def _terms(query: str) -> tuple[tuple[str, ...], set[str]]:
    """SKUs and product ids of a search whose terms are joined by OR."""
    found = re.findall(r'(\w+):(?:"((?:[^"\\]|\\.)*)"|(\S+))', query)
    values = [(name, re.sub(r"\\(.)", r"\1", quoted or plain)) for name, quoted, plain in found]
    return tuple(v.lower() for name, v in values if name == "sku" and v), {
        v for name, v in values if name == "product_id"
    }


def _matches(row: Variant, skus: tuple[str, ...], products: set[str]) -> bool:
    """Search ignores case and takes a value's beginning, which is why a client has to look again."""
    return (bool(row.sku) and row.sku.lower().startswith(skus)) or str(row.product.id) in products
