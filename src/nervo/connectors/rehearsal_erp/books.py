"""The simulator's books: articles, prices and stock, every change under the next number of one sequence."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from nervo.connectors.rehearsal_erp import wire
from nervo.kit.clock import Clock

VAT = {"ordinaria": Decimal("0.22"), "ridotta": Decimal("0.10"), "minima": Decimal("0.04"), "esente": Decimal(0)}
ZERO = Decimal(0)


class Refused(Exception):
    """The ERP says no: HTTP status, a stable code, words, and the id of what is in the way."""

    def __init__(self, status: int, code: str, message: str = "", id: str = "") -> None:
        super().__init__(status, code, message, id)
        self.status, self.code, self.message, self.id = status, code, message, id


class Books:
    """What the company owns and asks for it. `rang` is called after every change."""

    def __init__(self, clock: Clock, rang: Callable[[], None], warehouses: Sequence[str], currency: str) -> None:
        self.clock, self.rang, self.warehouses, self.currency = clock, rang, tuple(warehouses), currency
        self.sequence = 0
        self.products: dict[str, wire.Product] = {}
        self.product_of: dict[str, wire.Product] = {}
        self.prices: dict[tuple[str, str], dict[Decimal, wire.Price]] = {}
        self.on_hand: dict[tuple[str, str], Decimal] = {}
        self.allocated: dict[tuple[str, str], Decimal] = {}
        self.moves: list[wire.Move] = []
        self.history: list[tuple[float, str, Decimal]] = []

    def next(self) -> int:
        self.sequence += 1
        self.rang()
        return self.sequence

    def put_product(self, product: wire.Product) -> None:
        if product.tax_class not in VAT:
            raise Refused(422, "unknown_tax_class", product.tax_class)
        for variant in product.variants:
            owner = self.product_of.get(variant.sku, product)
            if owner.code != product.code:
                raise Refused(409, "sku_taken", f"{variant.sku} belongs to {owner.code}")
        product.revision, product.changed_at = self.next(), self.clock.now()
        self.products[product.code] = product
        self.product_of |= {v.sku: product for v in product.variants}

    def put_price(self, sku: str, price_list: str, amount: Decimal, *, vat_included: bool, **rest: Any) -> None:
        product = self.article(sku)
        if amount < 0:
            raise Refused(422, "negative_price", f"{sku}: {amount}")
        row = wire.Price(
            sku=sku, price_list=price_list, currency=self.currency, amount=amount, vat_included=vat_included,
            vat_rate=product.vat_rate, revision=self.next(), changed_at=self.clock.now(),
            min_quantity=Decimal(rest.pop("min_quantity", 1)), **rest,
        )  # fmt: skip
        self.prices.setdefault((sku, price_list), {})[row.min_quantity] = row

    def article(self, sku: str) -> wire.Product:
        if sku not in self.product_of:
            raise Refused(422, "unknown_sku", sku)
        return self.product_of[sku]

    def count(self, sku: str, warehouse: str, on_hand: Decimal) -> None:
        """An inventory: so many lie on the shelf now."""
        self.article(sku)
        self.known(warehouse)
        self.on_hand[sku, warehouse] = on_hand
        self.moved(sku, warehouse, "inventory")

    def known(self, warehouse: str) -> str:
        if warehouse not in self.warehouses:
            raise Refused(422, "unknown_warehouse", warehouse)
        return warehouse

    def allocate(self, sku: str, warehouse: str, quantity: Decimal, kind: str) -> None:
        """Reserves (or with a negative quantity gives back)."""
        place = sku, warehouse
        self.allocated[place] = self.allocated.get(place, ZERO) + quantity
        self.moved(sku, warehouse, kind)

    def take(self, sku: str, warehouse: str, quantity: Decimal) -> None:
        """Reserved goods leave."""
        place = sku, warehouse
        self.on_hand[place] = self.on_hand.get(place, ZERO) - quantity
        self.allocate(sku, warehouse, -quantity, "shipment")

    def moved(self, sku: str, warehouse: str, kind: str) -> None:
        self.moves.append(wire.Move(number=self.next(), sku=sku, warehouse=warehouse, kind=kind, at=self.clock.now()))
        self.history.append((self.clock.monotonic(), sku, self.total(sku)))

    def figure(self, sku: str, warehouse: str) -> Decimal:
        """On hand less what confirmed orders still have to get."""
        place = sku, warehouse
        return self.on_hand.get(place, ZERO) - self.allocated.get(place, ZERO)

    def total(self, sku: str) -> Decimal:
        return sum((self.figure(sku, w) for w in self.warehouses), ZERO)

    def figures(self, sku: str) -> list[wire.Figure]:
        """A row for every warehouse; nothing for a SKU that is not in the catalogue."""
        if sku not in self.product_of:
            return []
        return [
            wire.Figure(sku=sku, warehouse=w, available=self.figure(sku, w), on_hand=self.on_hand.get((sku, w), ZERO))
            for w in self.warehouses
        ]

    def moves_after(self, after: int) -> list[wire.Move]:
        return self.moves[bisect_right(self.moves, after, key=lambda m: m.number) :]

    def products_after(self, after: int) -> list[wire.Product]:
        changed = [p for p in self.products.values() if p.revision > after]
        return sorted(changed, key=lambda p: p.revision)

    def prices_after(self, after: int) -> list[list[wire.Price]]:
        """Groups of one SKU in one list with all its quantity breaks, by their latest change."""
        groups = [list(g.values()) for g in self.prices.values() if newest(g.values()) > after]
        return sorted(groups, key=newest)


def newest(rows: Iterable[wire.Price]) -> int:
    """The latest revision of a group."""
    return max(row.revision for row in rows)
