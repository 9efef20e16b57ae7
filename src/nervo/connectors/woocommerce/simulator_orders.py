"""The orders of the simulated WooCommerce."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from nervo.connectors.woocommerce import simulator_shapes as shapes
from nervo.connectors.woocommerce.simulator_products import Catalogue
from nervo.connectors.woocommerce.simulator_shapes import Refusal, Row

TAKES_STOCK = ("processing", "completed", "on-hold")
GIVES_BACK = ("cancelled", "pending")
PLAIN = frozenset(
    "billing shipping payment_method payment_method_title transaction_id customer_note customer_id currency".split()
)


class Orders:
    """Orders by id, as their REST objects. Stock is never checked: it goes below zero, as through the real API."""

    def __init__(self, catalogue: Catalogue, percent: Decimal, included: bool, currency: str) -> None:
        self.catalogue, self.percent, self.included, self.currency = catalogue, percent, included, currency
        self.rows: dict[int, Row] = {}
        self.refunds: dict[int, list[Row]] = {}
        self.notes: dict[int, list[Row]] = {}
        self.taken: set[int] = set()
        self.changed: Callable[[str, str, int], None] = lambda resource, event, id: None

    def get(self, id: int, missing: int = 404) -> Row:
        if id not in self.rows:
            raise Refusal(missing, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return self.rows[id]

    def create(self, values: Mapping[str, Any]) -> Row:
        next_id, now = self.catalogue.next_id, self.catalogue.now()
        row = shapes.order(next_id(), now, self.catalogue.url, self.currency, self.included)
        row["line_items"] = [self._line(item) for item in values.get("line_items", ())]
        row["shipping_lines"] = [self._shipping(s) for s in values.get("shipping_lines", ())]
        self._sum(row)
        self.rows[row["id"]] = row
        self._apply(row, values)
        for event in ("created", "updated"):
            self.changed("order", event, row["id"])
        return row

    def update(self, id: int, values: Mapping[str, Any]) -> Row:
        row = self.get(id, 400)
        self._apply(row, values)
        self.touch(row)
        return row

    def touch(self, row: Row) -> None:
        row["date_modified"] = row["date_modified_gmt"] = self.catalogue.now()
        self.changed("order", "updated", row["id"])

    def delete(self, id: int, force: bool) -> Row:
        """Into the trash, answering with the status it had; only that is told to webhooks."""
        row = self.get(id)
        before = dict(row)
        if force:
            del self.rows[id]
        else:
            self._move(row, "trash")
            self.changed("order", "deleted", id)
        return before

    def refund(self, id: int, amount: Decimal, reason: str = "", items: Sequence[Row] = ()) -> Row:
        row = self.get(id)
        left = Decimal(row["total"]) + sum((Decimal(r["total"]) for r in row["refunds"]), Decimal(0))
        if not 0 < amount <= left:
            raise Refusal(400, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.")
        now, rid = self.catalogue.now(), self.catalogue.next_id()
        sold = {line["id"]: line for line in row["line_items"]}
        lines = [
            {**sold[i["id"]], "id": self.catalogue.next_id(), "quantity": -int(i.get("quantity", 0))} for i in items
        ]
        made = {
            "id": rid, "parent_id": id, "date_created": now, "date_created_gmt": now, "amount": shapes.money(amount), "reason": reason,
            "refunded_by": 1, "refunded_payment": False, "meta_data": [], "line_items": lines, "shipping_lines": [], "tax_lines": [],
            "fee_lines": [],
        }  # fmt: skip
        self.refunds.setdefault(id, []).append(made)
        row["refunds"] = [*row["refunds"], {"id": rid, "reason": reason, "total": f"-{shapes.money(amount)}"}]
        if amount == left:
            self._move(row, "refunded")
        self.touch(row)
        return made

    def add_note(self, id: int, note: str, to_customer: bool) -> Row:
        self.get(id)
        now = self.catalogue.now()
        orders, note_id = f"{self.catalogue.url}/wp-json/wc/v3/orders", self.catalogue.next_id()
        up = {"up": [{"href": f"{orders}/{id}"}]}
        made = {
            "id": note_id, "author": "WooCommerce", "date_created": now, "date_created_gmt": now, "note": note,
            "customer_note": to_customer, "_links": shapes.links(f"{orders}/{id}/notes", "", note_id) | up,
        }  # fmt: skip
        self.notes.setdefault(id, []).append(made)
        return made

    def _apply(self, row: Row, values: Mapping[str, Any]) -> None:
        for field in values.keys() & PLAIN:
            row[field] = row[field] | values[field] if isinstance(row[field], dict) else values[field]
        for meta in values.get("meta_data", ()):
            known = next((m for m in row["meta_data"] if m["key"] == meta["key"]), None)
            if known is None:
                row["meta_data"].append({"id": self.catalogue.next_id(), "key": meta["key"], "value": meta["value"]})
            else:
                known["value"] = meta["value"]
        if values.get("set_paid"):
            self.pay(row)
        if "status" in values:
            self._move(row, values["status"])

    def pay(self, row: Row) -> None:
        """payment_complete: cash on delivery is completed by its payment, the rest waits for shipment."""
        if row["date_paid_gmt"] is None:
            row["date_paid"] = row["date_paid_gmt"] = self.catalogue.now()
            self._move(row, "completed" if row["payment_method"] == "cod" else "processing")

    def _move(self, row: Row, status: str) -> None:
        row["status"] = status
        row["needs_payment"] = status in ("pending", "failed") and row["total"] != "0.00"
        if status == "completed" and row["date_completed_gmt"] is None:
            row["date_completed"] = row["date_completed_gmt"] = self.catalogue.now()
            row["date_paid"] = row["date_paid_gmt"] = row["date_paid_gmt"] or self.catalogue.now()
        if status in TAKES_STOCK and row["id"] not in self.taken:
            self.taken.add(row["id"])
            self._move_stock(row, -1)
        elif status in GIVES_BACK and row["id"] in self.taken:
            self.taken.discard(row["id"])
            self._move_stock(row, 1)

    def _move_stock(self, row: Row, sign: int) -> None:
        """Each line remembers what it took, and each product that moved is told as updated."""
        for line in row["line_items"]:
            of = self.catalogue.rows.get(line["variation_id"] or line["product_id"])
            if of is None or not of["manage_stock"]:
                continue
            of["stock_quantity"] += sign * line["quantity"]
            of["stock_status"] = "instock" if of["stock_quantity"] > 0 else "outofstock"
            of["date_modified"] = of["date_modified_gmt"] = self.catalogue.now()
            taken = {"id": self.catalogue.next_id(), "key": "_reduced_stock", "value": str(line["quantity"])}
            shown = {"display_key": "_reduced_stock", "display_value": str(line["quantity"])}
            line["meta_data"] = [taken | shown] if sign < 0 else []
            self.changed("product", "updated", of["id"])

    def _line(self, item: Mapping[str, Any]) -> Row:
        rows = self.catalogue.rows
        of = (
            self.catalogue.of_sku(item["sku"])
            if "sku" in item
            else rows.get(item.get("variation_id") or item.get("product_id", 0))
        )
        quantity, unit = int(item.get("quantity", 1)), Decimal((of["price"] if of else "") or 0)
        taxed = shapes.split_tax(unit * quantity, self.percent, self.included)
        return shapes.line(self.catalogue.next_id(), of, rows.get(of["parent_id"]) if of else None, quantity, taxed)

    def _shipping(self, item: Mapping[str, Any]) -> Row:
        net = Decimal(item["total"])
        tax = Decimal(item["total_tax"]) if "total_tax" in item else (net * self.percent / 100).quantize(shapes.CENT)
        return shapes.shipping_line(self.catalogue.next_id(), item.get("method_title", ""), net, tax)

    def _sum(self, row: Row) -> None:
        def add(lines: Sequence[Row], field: str) -> Decimal:
            return sum((Decimal(line[field]) for line in lines), Decimal(0))

        goods, goods_tax = add(row["line_items"], "total"), add(row["line_items"], "total_tax")
        shipping, shipping_tax = add(row["shipping_lines"], "total"), add(row["shipping_lines"], "total_tax")
        sums = {
            "shipping_total": shipping,
            "shipping_tax": shipping_tax,
            "cart_tax": goods_tax,
            "total_tax": goods_tax + shipping_tax,
        }
        row |= {k: shapes.money(v) for k, v in sums.items()}
        row["total"] = shapes.money(goods + goods_tax + shipping + shipping_tax)
        row["tax_lines"] = [shapes.tax_line(self.catalogue.next_id(), self.percent, goods_tax, shipping_tax)]
