"""An update in the middle of the work, or one version back: what one version keeps, its neighbours read and go on with."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db.models import NOT_PROVIDED

from nervo.model.catalog import Product
from nervo.model.corrections import Corrections
from nervo.model.orders import Order
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.ports.common import Identity
from nervo.staging.world import WorldErp, WorldShop
from nervo.store.codec import parse, text
from nervo.sync import orders
from tests.hub import TestHub

KEPT = json.loads((Path(__file__).parent / "kept_0_1.json").read_text(encoding="utf-8"))
KINDS = {kind.__name__: kind for kind in (Order, Corrections, Price, Product, Promotion, Identity)}


def of_a_later_version(document: Any) -> Any:
    """The same with a field more at every level."""
    if isinstance(document, dict):
        return {"added_later": {"a": [1]}, **{name: of_a_later_version(value) for name, value in document.items()}}
    return [of_a_later_version(item) for item in document] if isinstance(document, list) else document


@pytest.mark.fault(56)
@pytest.mark.parametrize("name", KINDS)
def test_what_version_0_1_kept_is_read_with_and_without_what_came_later(name: str) -> None:
    """Where this fails, a new field needs a default: rows of the version before do not have it."""
    read = parse(json.dumps(KEPT[name]), KINDS[name])
    later = of_a_later_version(KEPT[name])
    assert parse(json.dumps(later), KINDS[name]) == read
    assert parse(text(read), KINDS[name]) == read


def first_columns() -> list[str]:
    """The columns of an order that a version without the latest ones writes."""
    fields = apps.get_model("store", "SaleOrder")._meta.concrete_fields
    return [f.column for f in fields if f.db_default is NOT_PROVIDED]


@pytest.mark.fault(56)
async def test_an_order_kept_by_the_version_before_goes_on_where_it_was(store: str) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    old = await TestHub(erp, {"shop": shop}).start()
    old.engine.start = old.hub.start_flow = lambda flow, order: None  # type: ignore[method-assign]
    shop.sell({"A": 2})
    await orders.sweep(old.hub, old.hub.channels()[0])
    columns = ", ".join(first_columns())
    assert "corrections" not in columns and "pending" not in columns

    def written_by_the_version_before(tx) -> None:
        ((*values,),) = tx.rows(f"SELECT {columns} FROM store_saleorder")
        document = json.loads(values[first_columns().index("doc")])
        kept = {name: document[name] for name in KEPT["Order"] if name not in ("charges", "payments", "refunds")}
        values[first_columns().index("doc")] = json.dumps(of_a_later_version(kept))
        tx.run("DELETE FROM store_saleorder")
        marks = ", ".join(["%s"] * len(values))
        tx.run(f"INSERT INTO store_saleorder ({columns}) VALUES ({marks})", values)

    await old.hub.db.write(written_by_the_version_before)
    await old.close()

    new = await TestHub(erp, {"shop": shop}, clock=old.clock).start()
    assert (len(erp.book), list(erp.payments.values()), shop.shown["A"]) == (1, [Decimal("20.00")], 8)
    assert new.ask("SELECT state FROM store_saleorder") == [("in_erp",)]
    assert new.ask("SELECT * FROM store_flowdue") == []
    await new.close()
