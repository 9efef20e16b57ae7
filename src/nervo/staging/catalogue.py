"""A small Italian shop's catalogue: articles with variants, valid GTINs, prices with VAT, stock in two warehouses."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from itertools import count
from random import Random

from stdnum import ean

CENT = Decimal("0.01")
BRAND_PREFIX = "8012345"


@dataclass(frozen=True, slots=True)
class Item:
    """One SKU. `price` is with VAT; `stock` by warehouse."""

    sku: str
    gtin: str
    price: Decimal
    options: dict[str, str]
    stock: dict[str, int]


@dataclass(frozen=True, slots=True)
class Article:
    """A product with its variants, as the office keeps it."""

    code: str
    name: str
    category: tuple[str, ...]
    tax_class: str
    weight_g: Decimal
    description: str
    items: tuple[Item, ...]


def catalogue(chance: Random) -> tuple[Article, ...]:
    """All articles of wares.csv; stock is drawn."""
    serial = count(1)
    text = resources.files("nervo.staging").joinpath("wares.csv").read_text(encoding="utf-8")
    return tuple(_article(row, chance, serial) for row in csv.DictReader(text.splitlines()))


def skus(articles: tuple[Article, ...]) -> list[str]:
    return [item.sku for article in articles for item in article.items]


def _article(row: dict[str, str], chance: Random, serial: Iterator[int]) -> Article:
    items = []
    for step, value in enumerate(row["values"].split() or [""]):
        sku = f"{row['code']}-{value.upper()}" if value else row["code"]
        price = Decimal(row["price"]) * (1 + (Decimal("0.6") * step if row["option"] == "Formato" else 0))
        stock = {"MI": chance.randint(40, 160), "RM": chance.randint(0, 60)}
        items.append(
            Item(sku, _gtin(next(serial)), price.quantize(CENT), {row["option"]: value} if value else {}, stock)
        )
    path = tuple(row["category"].split("/"))
    weight_g = Decimal(row["weight_g"])
    return Article(row["code"], row["name"], path, row["tax_class"], weight_g, row["description"], tuple(items))


def _gtin(serial: int) -> str:
    body = f"{BRAND_PREFIX}{serial:05}"
    check: str = ean.calc_check_digit(body)
    return body + check
