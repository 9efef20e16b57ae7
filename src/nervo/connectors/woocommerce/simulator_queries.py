"""How the simulated WooCommerce filters, sorts and pages its lists."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from nervo.connectors.woocommerce import simulator_shapes as shapes
from nervo.connectors.woocommerce.simulator_products import Catalogue
from nervo.connectors.woocommerce.simulator_shapes import Row

Query = Mapping[str, str]


def page_of(request: web.Request, rows: list[Row]) -> web.Response:
    """A page with its totals; beyond the end an empty one. More than 100 a page is refused."""
    size = int(request.query.get("per_page", "10"))
    if not 1 <= size <= 100:
        raise shapes.invalid(
            "per_page", "rest_out_of_bounds", "per_page must be between 1 (inclusive) and 100 (inclusive)"
        )
    page, fields = int(request.query.get("page", "1")), request.query.get("_fields", "")
    start = int(request.query.get("offset", (page - 1) * size))
    part: list[Any] = rows[start : start + size]
    if fields:
        wanted = fields.split(",")
        part = [{f: row[f] for f in wanted if f in row} for row in part]
    headers = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(-(-len(rows) // size))}
    body = msgspec.json.encode(part)
    return web.Response(body=body, headers=headers, content_type="application/json", charset="utf-8")


def select_products(catalogue: Catalogue, parent: int, query: Query) -> list[Row]:
    """Variations come from their product's own list, or when a SKU is asked for. The trash only by its name."""
    if "sku" in query:
        found = [row for sku in query["sku"].split(",") if (row := catalogue.of_sku(sku))]
    elif "include" in query:
        found = [row for id in query["include"].split(",") if (row := catalogue.rows.get(int(id)))]
    elif parent:
        catalogue.get(parent)
        found = [catalogue.rows[id] for id in catalogue.children.get(parent, ())]
    else:
        found = list(catalogue.rows.values())
    if "sku" not in query:
        found = [row for row in found if row["parent_id"] == parent]
    status = query.get("status", "any")
    found = [row for row in found if (row["status"] != "trash" if status == "any" else row["status"] == status)]
    return _changed_since(found, query)


def select_orders(rows: Iterable[Row], query: Query) -> list[Row]:
    """All statuses but the trash, unless some are named."""
    wanted = query.get("status", "any").split(",")
    for i, status in enumerate(wanted):
        allowed = ("any", "trash", *shapes.ORDER_STATUSES)
        if status not in allowed:
            words = f"{', '.join(allowed[:-1])}, and {allowed[-1]}"
            raise shapes.invalid("status", "rest_not_in_enum", f"status[{i}] is not one of {words}.")
    found = [row for row in rows if (row["status"] != "trash" if "any" in wanted else row["status"] in wanted)]
    without = set(query.get("exclude", "").split(","))
    return _changed_since([row for row in found if str(row["id"]) not in without], query)


def _changed_since(rows: list[Row], query: Query) -> list[Row]:
    """`modified_after` is exclusive. Within one second the order is nobody's promise: here the highest id comes first."""
    since = query.get("modified_after", "")[:19]
    rows = [row for row in rows if row["date_modified_gmt"] > since] if since else rows
    rows = sorted(rows, key=lambda row: row["id"], reverse=True)
    field = {"id": "id", "modified": "date_modified_gmt"}.get(query.get("orderby", "date"), "date_created_gmt")
    upwards = query.get("order", "desc") == "asc"
    return (
        sorted(rows, key=lambda row: row[field]) if upwards else sorted(rows, key=lambda row: row[field], reverse=True)
    )
