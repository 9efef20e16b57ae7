"""The catalogue of the simulated WooCommerce."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from nervo.connectors.woocommerce import simulator_shapes as shapes
from nervo.connectors.woocommerce.simulator_shapes import Refusal, Row

PLAIN = frozenset(
    "type description weight dimensions tax_class status global_unique_id low_stock_amount backorders".split()
)
STOCK = frozenset(("manage_stock", "stock_quantity"))
Changed = Callable[[str, str, int], None]


class Catalogue:
    """Products and variations by id, as their REST objects. `stock_written` hears of every stock that the API set."""

    def __init__(self, now: Callable[[], str], next_id: Callable[[], int]) -> None:
        self.now, self.next_id, self.url = now, next_id, ""
        self.rows: dict[int, Row] = {}
        self.by_sku: dict[str, int] = {}
        self.children: dict[int, list[int]] = {}
        self.categories: dict[int, Row] = {
            15: {"id": 15, "name": "Uncategorized", "slug": "uncategorized", "parent": 0}
        }
        self.changed: Changed = lambda resource, event, id: None
        self.stock_written: Callable[[str, int], None] = lambda sku, quantity: None
        self.plugin_fails: Callable[[], str] = lambda: ""  # at an item of a batch: "before" it is saved, or "after"

    def get(self, id: Any, parent: int = 0, missing: int = 404) -> Row:
        """A product, or a variation of this parent. An unknown id is a 404 to read and a 400 to write."""
        row = self.rows.get(id) if isinstance(id, int) else None
        if row is None or (parent and row["parent_id"] != parent):
            code = "product_variation" if parent else "product"
            raise Refusal(missing, f"woocommerce_rest_{code}_invalid_id", "Invalid ID.")
        return row

    def of_sku(self, sku: str) -> Row | None:
        return self.rows.get(self.by_sku.get(sku.lower(), 0))

    def create(self, values: Mapping[str, Any], parent: int = 0) -> Row:
        if parent:
            self.get(parent)
        self._check_unique(values, 0)
        id, now = self.next_id(), self.now()
        row = shapes.variation(id, now, self.url, parent) if parent else shapes.product(id, now, self.url)
        self.rows[id] = row
        if parent:
            self.children.setdefault(parent, []).append(id)
            self.rows[parent]["variations"] = self.children[parent]
        self._apply(row, values)
        self.changed("product", "created", id)
        return row

    def update(self, id: Any, values: Mapping[str, Any], parent: int = 0) -> Row:
        row = self.get(id, parent, 400)
        if row["parent_id"] != parent:
            message = (
                "To manipulate product variations you should use the /products/<product_id>/variations/<id> endpoint."
            )
            raise Refusal(404, "woocommerce_rest_invalid_product_id", message)
        if values.keys() & {"sku", "global_unique_id"}:
            self._check_unique(values, row["id"])
        self._apply(row, values)
        row["date_modified"] = row["date_modified_gmt"] = self.now()
        self.changed("product", "updated", row["id"])
        return row

    def delete(self, id: int, force: bool, parent: int = 0) -> Row:
        """Without force into the trash, answering with the status it had. A variation has no trash."""
        row = self.get(id, parent)
        before = dict(row)
        if force or parent:
            del self.rows[id]
            self.by_sku.pop(row["sku"].lower(), None)
            if parent:
                self.children[parent].remove(id)
        else:
            row["status"] = "trash"
        return before

    def batch(self, items: Mapping[str, Any], parent: int = 0) -> Row:
        """Up to 100 in all; each has its own answer. The schema of single requests is not applied here."""
        if sum(len(items.get(k) or ()) for k in ("create", "update", "delete")) > 100:
            message = "Unable to accept more than 100 items for this request."
            raise Refusal(413, "woocommerce_rest_request_entity_too_large", message)
        answer: Row = {}
        for verb, act in (("create", self._create_one), ("update", self._update_one), ("delete", self._delete_one)):
            if items.get(verb):
                answer[verb] = [act(item, parent) for item in items[verb]]
        return answer

    def _create_one(self, item: Row, parent: int) -> Row:
        try:
            return self.create(item, parent)
        except Refusal as refusal:
            return {"id": 0, "error": refusal.body()}

    def _update_one(self, item: Row, parent: int) -> Row:
        try:
            fails = self.plugin_fails()
            updated = {} if fails == "before" else self.update(item.get("id"), item, parent)
            if fails:
                raise Refusal(500, "internal_server_error", "There has been a critical error on this website.")
            return updated
        except Refusal as refusal:
            return {"id": item.get("id"), "error": refusal.body()}

    def _delete_one(self, id: int, parent: int) -> Row:
        try:
            return self.delete(id, True, parent)
        except Refusal as refusal:
            return {"id": id, "error": refusal.body()}

    def _check_unique(self, values: Mapping[str, Any], own: int) -> None:
        other = self.by_sku.get(str(values.get("sku", "")).lower(), own) if values.get("sku") else own
        if other != own:
            raise Refusal(
                400,
                "product_invalid_sku",
                "Invalid or duplicated SKU.",
                resource_id=other,
                unique_sku=f"{values['sku']}-1",
            )
        gtin = values.get("global_unique_id")
        if gtin and any(r["global_unique_id"] == gtin and r["id"] != own for r in self.rows.values()):
            message = "Invalid or duplicated GTIN, UPC, EAN or ISBN."
            raise Refusal(400, "product_invalid_global_unique_id", message)

    def _apply(self, row: Row, values: Mapping[str, Any]) -> None:
        if not values.keys() <= STOCK | {"id"}:
            self._apply_words(row, values)
        if values.keys() & STOCK:
            self._apply_stock(row, values)

    def _apply_stock(self, row: Row, values: Mapping[str, Any]) -> None:
        row["manage_stock"] = counts = bool(values.get("manage_stock", row["manage_stock"]))
        if not counts:
            row["stock_quantity"] = None
            return
        row["stock_quantity"] = int(values.get("stock_quantity", row["stock_quantity"] or 0) or 0)
        row["stock_status"] = "instock" if row["stock_quantity"] > 0 else "outofstock"
        if "stock_quantity" in values:
            self.stock_written(row["sku"], row["stock_quantity"])

    def _apply_words(self, row: Row, values: Mapping[str, Any]) -> None:
        for field in values.keys() & PLAIN:
            row[field] = row[field] | values[field] if field == "dimensions" else values[field]
        if "name" in values and not row["parent_id"]:
            row["name"], row["slug"] = values["name"], values["name"].lower().replace(" ", "-")
        if "sku" in values:
            self.by_sku.pop(row["sku"].lower(), None)
            row["sku"] = values["sku"]
            if row["sku"]:
                self.by_sku[row["sku"].lower()] = row["id"]
        if "attributes" in values:
            self._set_attributes(row, values["attributes"])
        if values.get("categories"):
            row["categories"] = [
                {k: self.categories[c["id"]][k] for k in ("id", "name", "slug")} for c in values["categories"]
            ]
        if "images" in values:
            row["images"] = [
                {"id": self.next_id(), "src": i["src"], "name": "", "alt": i.get("alt", "")} for i in values["images"]
            ]
        if values.keys() & {"regular_price", "sale_price"}:
            self._set_prices(row, values)

    def _set_prices(self, row: Row, values: Mapping[str, Any]) -> None:
        for field in ("regular_price", "sale_price"):
            row[field] = shapes.price(values.get(field, row[field]))
        row["on_sale"] = bool(row["sale_price"]) and Decimal(row["sale_price"]) < Decimal(row["regular_price"] or 0)
        row["price"] = row["sale_price"] if row["on_sale"] else row["regular_price"]

    def _set_attributes(self, row: Row, given: list[Row]) -> None:
        if row["parent_id"]:
            row["attributes"] = [
                {"id": 0, "name": a["name"], "slug": a["name"].lower(), "option": a["option"]} for a in given
            ]
            row["name"] = ", ".join(a["option"] for a in given)
            return
        own = {"visible": False, "variation": False, "options": []}
        row["attributes"] = [
            {"id": 0, "name": a["name"], "slug": a["name"], "position": i, **{k: a.get(k, d) for k, d in own.items()}}
            for i, a in enumerate(given)
        ]
