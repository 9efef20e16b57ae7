"""Stock figures against what is kept: versions, what differs, what is released."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nervo.model.catalog import Product, Variant
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.stock import StockFigure
from nervo.store import facts, holds
from nervo.store.database import Database


class Kept:
    """A store with figures put at ticks."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def put(self, version: int, *figures: tuple[str, str, str]) -> set[str]:
        made = [StockFigure(sku, place, Decimal(quantity)) for sku, place, quantity in figures]
        return self.db.write_now(lambda tx: facts.put_stock(tx, made, version, version))

    def rows(self) -> list[tuple]:
        sql = "SELECT sku, warehouse, quantity, version FROM store_stockfact ORDER BY sku, warehouse"
        return self.db.read_now(lambda tx: tx.rows(sql))

    def hold(self, sku: str, warehouse: str, confirmed: int | None) -> None:
        self.db.write_now(lambda tx: holds.place(tx, 1, [(sku, warehouse, Decimal(1))], 1))
        self.db.write_now(
            lambda tx: tx.run("UPDATE store_hold SET confirmed_tick = %s WHERE sku = %s", (confirmed, sku))
        )

    def open_holds(self) -> list[str]:
        return [
            r[0] for r in self.db.read_now(lambda tx: tx.rows("SELECT sku FROM store_hold WHERE released_tick IS NULL"))
        ]


@pytest.fixture
def kept(store):
    db = Database()
    yield Kept(db)
    db.close()


def test_only_what_differs_is_said_to_differ(kept):
    assert kept.put(10, ("A", "M", "3"), ("B", "M", "4")) == {"A", "B"}
    assert kept.put(20, ("A", "M", "3.000"), ("B", "M", "5")) == {"B"}


@pytest.mark.fault(33)
def test_an_older_reading_replaces_nothing_even_where_the_newer_one_changed_nothing(kept):
    kept.put(10, ("A", "M", "3"), ("B", "M", "4"), ("C", "M", "5"))
    kept.put(30, ("A", "M", "3"), ("B", "M", "4"), ("C", "M", "5"))
    assert kept.put(20, ("A", "M", "9"), ("C", "M", "9")) == set()
    assert kept.rows() == [("A", "M", "3", 30), ("B", "M", "4", 30), ("C", "M", "5", 30)]


def test_what_lies_between_but_was_not_read_keeps_its_version(kept):
    kept.put(10, ("A", "M", "1"), ("B", "M", "2"), ("B", "R", "2"), ("C", "M", "3"))
    assert kept.put(20, ("A", "M", "1"), ("C", "M", "3")) == set()
    assert kept.rows() == [("A", "M", "1", 20), ("B", "M", "2", 10), ("B", "R", "2", 10), ("C", "M", "3", 20)]


def test_a_page_with_one_change_moves_the_others_versions_too(kept):
    kept.put(10, *((f"S{i:02}", "M", str(i)) for i in range(20)))
    assert kept.put(20, *((f"S{i:02}", "M", "99" if i == 7 else str(i)) for i in range(20))) == {"S07"}
    assert {row[3] for row in kept.rows()} == {20}


@pytest.mark.fault(45)
def test_negative_and_fractional_figures_are_kept_as_the_erp_says(kept):
    kept.put(10, ("A", "M", "-2"), ("B", "M", "1.50"), ("C", "M", "1E+2"), ("D", "M", "0.0"))
    assert [row[2] for row in kept.rows()] == ["-2", "1.5", "100", "0"]


def test_a_figure_releases_the_holds_that_it_contains_and_no_other(kept):
    for sku, warehouse, confirmed in (("A", "M", 15), ("B", "M", 25), ("C", "M", None), ("D", "R", 15), ("E", "", 15)):
        kept.hold(sku, warehouse, confirmed)
    figures = [(sku, "M", "5") for sku in "ABCDE"]
    kept.put(10, *figures)
    assert kept.put(20, *figures) == {"A", "E"}
    assert sorted(kept.open_holds()) == ["B", "C", "D"]


def test_an_older_price_product_or_promotion_replaces_nothing_even_where_the_newer_reading_changed_nothing(kept):
    def read(version: int, what: str) -> None:
        def put(tx):
            facts.put_prices(tx, [Price("A", "Web", "EUR", price_gross=Decimal(what))], version)
            facts.put_products(tx, [Product("A", what, (Variant("A"),))], version)
            facts.put_promotions(tx, [Promotion("A", what)], version)

        kept.db.write_now(put)

    read(10, "1.00")
    read(30, "1.00")
    read(20, "2.00")
    for table in ("pricefact", "productfact", "promotionfact"):
        sql = f"SELECT doc FROM store_{table}"
        ((doc,),) = kept.db.read_now(lambda tx, sql=sql: tx.rows(sql))
        assert "2.00" not in doc


def test_a_sku_that_comes_twice_in_one_reading_is_kept_at_its_lower_figure(kept):
    for version, quantities in ((10, ("7", "3")), (20, ("3", "9"))):
        kept.put(version, *(("A", "M", q) for q in quantities), ("B", "M", "1"))
        assert kept.rows() == [("A", "M", "3", version), ("B", "M", "1", version)]
