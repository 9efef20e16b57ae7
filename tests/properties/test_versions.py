"""Facts under readings that arrive late, twice and out of order: the reading that started last is what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from nervo.model.catalog import Product, Variant
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.stock import StockFigure
from nervo.store import facts
from nervo.store.codec import parse
from nervo.store.ticks import tick
from tests.properties.ground import fresh
from tests.properties.profile import Machine, examples

SKUS = ["A", "B", "B ", "b", "Ä", "é", "日本", "🧦", "0", "10", "9", "a-1"]
WAREHOUSES = ["MI", "RM"]
QUANTITIES = st.one_of(
    st.integers(-3, 5).map(Decimal), st.sampled_from(["0.5", "-0.0", "1E+2", "7.50", "7.5", "1E-3"]).map(Decimal)
)


@dataclass
class Reading:
    """What one read found, under the tick at which it started."""

    version: int
    found: dict[tuple[str, str], tuple[Decimal, Decimal | None]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


class Versions(Machine):
    """The store beside a plain dictionary that keeps, of each key, the reading with the highest tick."""

    readings = Bundle("readings")

    @initialize()
    def begin(self) -> None:
        self.ground = fresh()
        self.kept: dict[tuple[str, str], tuple[int, tuple[Decimal, Decimal | None]]] = {}
        self.names: dict[str, tuple[int, str]] = {}

    @rule(
        target=readings,
        found=st.dictionaries(
            st.tuples(st.sampled_from(SKUS), st.sampled_from(WAREHOUSES)),
            st.tuples(QUANTITIES, st.one_of(st.none(), QUANTITIES)),
            max_size=24,
        ),
        names=st.dictionaries(st.sampled_from(SKUS[:4]), st.sampled_from(["1.00", "2.00"]), max_size=4),
    )
    def a_read_starts(self, found: dict, names: dict) -> Reading:
        return Reading(self.ground.write(tick), found, names)

    @rule(target=readings, before=readings)
    def the_same_is_read_again(self, before: Reading) -> Reading:
        return Reading(self.ground.write(tick), before.found, before.names)

    @rule(target=readings, reading=readings, order=st.permutations(range(24)))
    def it_arrives(self, reading: Reading, order: list[int]) -> object:
        keys = sorted(reading.found)
        figures = [StockFigure(*keys[i], *reading.found[keys[i]]) for i in order if i < len(keys)]
        told = self.ground.write(lambda tx: facts.put_stock(tx, figures, reading.version, reading.version))
        assert told == self.differing(reading)
        return multiple()

    @rule(reading=readings)
    def its_catalogue_arrives(self, reading: Reading) -> None:
        prices = [Price(sku, "Web", "EUR", price_gross=Decimal(name)) for sku, name in reading.names.items()]
        products = [Product(sku, name, (Variant(sku),)) for sku, name in reading.names.items()]
        promotions = [Promotion(sku, name, (), Decimal("0.1")) for sku, name in reading.names.items()]
        newer = {sku for sku in reading.names if self.names.get(sku, (0, ""))[0] < reading.version}
        differing = {sku for sku in newer if self.names.get(sku, (0, None))[1] != reading.names[sku]}
        assert self.ground.write(lambda tx: facts.put_prices(tx, prices, reading.version)) == differing
        assert self.ground.write(lambda tx: facts.put_products(tx, products, reading.version)) == (differing, differing)
        self.ground.write(lambda tx: facts.put_promotions(tx, promotions, reading.version))
        self.names |= {sku: (reading.version, reading.names[sku]) for sku in newer}
        self.the_catalogue_is_the_newest()

    def differing(self, reading: Reading) -> set[str]:
        """Takes the reading into the dictionary; the SKUs whose quantity is another than before."""
        differing = set()
        for key, value in reading.found.items():
            version, before = self.kept.get(key, (0, None))
            if reading.version > version:
                self.kept[key] = reading.version, value
                if before is None or before[0] != value[0]:
                    differing.add(key[0])
        return differing

    def teardown(self) -> None:
        rows = self.ground.rows("SELECT sku, warehouse, quantity, on_hand, version FROM store_stockfact")
        stored = {(s, w): (v, (Decimal(q), Decimal(h) if h else None)) for s, w, q, h, v in rows}
        assert stored == self.kept

    def the_catalogue_is_the_newest(self) -> None:
        for table, kind, read in (
            ("pricefact", Price, lambda p: (p.sku, str(p.price_gross))),
            ("productfact", Product, lambda p: (p.code, p.name)),
            ("promotionfact", Promotion, lambda p: (p.code, p.name)),
        ):
            stored = {read(parse(doc, kind)) for (doc,) in self.ground.rows(f"SELECT doc FROM store_{table}")}
            assert stored == {(sku, name) for sku, (_, name) in self.names.items()}, table


TestVersions = Versions.TestCase
TestVersions.settings = examples(40, stateful_step_count=25)
