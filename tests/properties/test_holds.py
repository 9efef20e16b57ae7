"""Holds and availability under any order of events, beside a ledger of plain dictionaries."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from nervo.errors import NervoError, Unavailable
from nervo.flows.catalogue import failures_of, flows_of
from nervo.model.catalog import Product, Variant
from nervo.model.orders import OrderStatus
from nervo.model.payments import PaymentStatus
from nervo.model.stock import Availability
from nervo.rules.config import OrderRule, StockRule
from nervo.staging.world import WorldShop
from nervo.store import facts, flows
from nervo.store.database import Tx
from nervo.store.ticks import tick
from nervo.sync import availability, orders
from tests.hub import TestHub
from tests.properties.depot import Depot, Read, Sold, changed, may_show, order
from tests.properties.ground import fresh
from tests.properties.profile import Machine, examples

SKUS = ["A", "B", "C"]
OF_CHANNEL = {"a": ("A", "B"), "b": ("A", "B"), "c": ("C",)}
PLACES = {"a": "MI", "b": "RM", "c": ""}
RULES = st.builds(
    StockRule,
    share=st.sampled_from(["1", "0.5", "0.3"]).map(Decimal),
    safety=st.sampled_from(["0", "1", "0.5"]).map(Decimal),
    cap=st.sampled_from([None, Decimal(4)]),
    last_units=st.sampled_from([0, 2]).map(Decimal),
)
CHANGES = ["paid", "mended", "cancelled", "cancelled", "edited", "touched"]
SO_FAR = st.sampled_from(["happened", "heard", "done"])
MOST_ORDERS = 4
FAULTS = [
    "",
    "",
    "",
    "lose create_order",
    "lose confirm_order",
    "fail create_order",
    "fail confirm_order",
    "lose cancel_order",
    "late",
]


class Holds(Machine):
    """Two channels that share two SKUs and take them from a warehouse each; a third with a SKU and no rule of its own."""

    sold, reads = Bundle("sold"), Bundle("reads")

    @initialize(a=RULES, b=RULES, c=RULES, unpaid=st.booleans())
    def begin(self, a: StockRule, b: StockRule, c: StockRule, unpaid: bool) -> None:
        self.ground, self.erp = fresh(), Depot(SKUS)
        self.erp.capabilities = replace(self.erp.capabilities, late_application_s=10.0)
        self.hub = TestHub(self.erp, {name: WorldShop(SKUS) for name in OF_CHANNEL})
        self.connections = self.hub.hub.config.connections
        rules = {"a": replace(a, warehouses=("MI",)), "b": replace(b, warehouses=("RM", "MI")), "c": c}
        for name, stock in rules.items():
            there = OrderRule(PLACES[name], import_unpaid=unpaid or name != "b")
            self.connections[name] = replace(self.connections[name], stock=stock, orders=there)
        self.hub.hub.start_flow = lambda *flow: None
        self.flows, self.failed = flows_of(self.hub.hub), failures_of(self.hub.hub)
        self.ground.run(self.hub.lease())
        self.ground.write(lambda tx: facts.put_products(tx, [Product(s, s, (Variant(s),)) for s in SKUS], 1))
        self.all: list[Sold] = []
        self.newest: dict[str, Read] = {}
        self.released: dict[int, int] = {}
        self.now = 0

    # What happens in the ERP

    @rule(sku=st.sampled_from(SKUS), place=st.sampled_from(["MI", "RM"]), by=st.integers(-4, 8))
    def goods_come_or_are_sold_over_the_counter(self, sku: str, place: str, by: int) -> None:
        self.erp.base[sku, place] += by

    @rule(target=reads, skus=st.lists(st.sampled_from(SKUS), min_size=1, max_size=3, unique=True), so_far=SO_FAR)
    def a_read_starts(self, skus: list[str], so_far: str) -> Read:
        self.now += 1
        read = Read(self.ground.write(tick), self.now, tuple(skus))
        if so_far != "happened":
            self.the_erp_looks(read)
        if so_far == "done":
            self.its_answer_arrives(read)
        return read

    @rule(read=reads)
    def the_erp_looks(self, read: Read) -> None:
        """Some time after it was asked, once."""
        if read.inside is None:
            read.figures, read.inside = self.ground.run(self.erp.stock_of(read.skus)), self.erp.inside()

    @rule(read=reads)
    def its_answer_arrives(self, read: Read) -> None:
        """Late, twice, out of order."""
        self.the_erp_looks(read)
        self.ground.write(lambda tx: facts.put_stock(tx, read.figures, read.tick, 0))
        for sku in read.skus:
            if sku not in self.newest or self.newest[sku].started < read.started:
                self.newest[sku] = read
            for sold in self.all:
                if sold.noted and read.started > sold.noted:
                    sold.contained.add(sku)

    # What happens at the channels

    @rule(
        target=sold,
        channel=st.sampled_from(sorted(OF_CHANNEL)),
        lines=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3)), min_size=1, max_size=3),
        paid=st.booleans(),
        strange=st.sampled_from(["", "", "", "", "status", "sku", "total", "cancelled"]),
        so_far=SO_FAR,
    )
    def somebody_buys(
        self, channel: str, lines: list[tuple[int, int]], paid: bool, strange: str, so_far: str
    ) -> object:
        if len(self.all) == MOST_ORDERS:
            return multiple()
        there = OF_CHANNEL[channel]
        made = order(str(len(self.all) + 1), [(there[i % len(there)], n) for i, n in lines])
        if not paid:
            made = replace(made, payment_status=PaymentStatus.PENDING)
        if strange == "sku":
            made = replace(made, lines=(replace(made.lines[0], sku="X"), *made.lines[1:]))
        odd = {"status": {"status": OrderStatus.UNKNOWN}, "total": {"total_gross": made.total_gross + 1},
               "cancelled": {"status": OrderStatus.CANCELLED}}  # fmt: skip
        self.all.append(Sold(channel, replace(made, **odd.get(strange, {}))))
        self.goes(self.all[-1], so_far)
        return self.all[-1]

    def goes(self, sold: Sold, so_far: str) -> None:
        """What comes of it at once; the rest may come later."""
        if so_far != "happened":
            self.the_hub_reads_the_order(sold)
        if so_far == "done":
            self.run_flows(sold)

    @rule(sold=sold, what=st.sampled_from(CHANGES), n=st.integers(1, 4), so_far=SO_FAR)
    def the_order_changes(self, sold: Sold, what: str, n: int, so_far: str) -> None:
        before = sold.reading
        if before.status is OrderStatus.CANCELLED:
            return
        lines = tuple(
            replace(x, quantity=Decimal(n), total_net=10 * Decimal(n), total_gross=10 * Decimal(n))
            for x in before.lines
        )
        parts = sum((x.total_gross for x in before.lines), Decimal(0))
        fields = {
            "paid": {"payment_status": PaymentStatus.PAID},
            "mended": {"status": OrderStatus.OPEN, "total_gross": parts},
            "cancelled": {"status": OrderStatus.CANCELLED},
            "edited": {"lines": lines, "total_gross": sum((x.total_gross for x in lines), Decimal(0))},
            "touched": {"note": f"{n}"},
        }[what]
        sold.reading = changed(before, **fields)
        self.goes(sold, so_far)

    # What the hub does

    @rule(sold=sold)
    def the_hub_reads_the_order(self, sold: Sold) -> None:
        channel, reading = self.connections[sold.channel], sold.reading
        self.ground.write(lambda tx: orders.accept(self.hub.hub, tx, channel, reading, "sweep"))
        rows = self.ground.rows("SELECT id, erp_key, erp_id FROM store_saleorder WHERE connection = %s AND external_id = %s",
                                sold.channel, reading.external_id)  # fmt: skip
        ((sold.id, sold.key, erp_id),) = rows
        if sold.known >= reading.version:
            return
        first, sold.known = not sold.known, reading.version
        if reading.status is OrderStatus.CANCELLED:
            sold.dead |= first
            return
        unpaid = reading.payment_status is PaymentStatus.PENDING and not channel.orders.import_unpaid
        if first or sold.waiting:
            sold.waiting = unpaid
            sold.held = Counter() if unpaid else sold.goods()
        elif sold.held and not erp_id and not sold.dead:
            sold.held = sold.goods()

    @rule(sold=sold, fault=st.sampled_from(FAULTS))
    def what_the_order_needs_is_done(self, sold: Sold, fault: str) -> None:
        how, _, operation = fault.partition(" ")
        if how == "lose":
            self.erp.faults.lose_reply(operation)
        elif how == "fail":
            self.erp.faults.fail(operation, Unavailable(operation))
        elif how == "late":
            self.erp.lands_after_s.append(5.0)
        self.run_flows(sold)
        self.erp.faults.before.clear()
        self.erp.faults.after.clear()
        self.erp.lands_after_s.clear()

    def run_flows(self, sold: Sold) -> bool:
        """Every flow that is wanted, in the order in which they were; whether all of them ended well."""
        well = True
        self.ground.run(self.hub.lease())
        for due in self.ground.db.read_now(lambda tx: flows.due(tx, 1000)):
            if due.order_id == sold.id:
                well &= self.ground.run(self.ran(due.flow, sold))
        self.hub.clock.advance(1.0)
        return well

    async def ran(self, flow: str, sold: Sold) -> bool:
        try:
            await self.flows[flow](sold.id)
        except NervoError as error:
            await self.failed(flow, sold.id, error)
            return False
        self.now += 1
        if flow == "cancel_order":
            sold.dead = True
            if not sold.noted:
                sold.held.clear()
        ((confirmed,),) = self.ground.rows("SELECT confirmed_ms FROM store_saleorder WHERE id = %s", sold.id)
        sold.noted = sold.noted or (self.now if confirmed else 0)
        return True

    @rule(sold=sold, what=st.sampled_from(["retry", "approve", "ignore", "correct"]), sku=st.sampled_from(SKUS))
    def a_person_acts(self, sold: Sold, what: str, sku: str) -> None:
        if not sold.id:
            return
        there = OF_CHANNEL[sold.channel]
        more = {
            "ignore": {"reason": "test"},
            "correct": {"changes": {"skus": {"0": there[SKUS.index(sku) % len(there)]}}},
        }
        state, _ = self.ground.run(self.hub.command(f"order.{what}", order_id=sold.id, **more.get(what, {})))
        if state != "done":
            return
        if what == "ignore":
            sold.dead = True
            sold.held.clear()
        if what == "correct":
            sold.corrections |= more["correct"]["changes"]["skus"]
            if not sold.waiting:
                sold.held = sold.goods()

    # What must hold

    @invariant()
    def what_is_held_is_what_is_open(self) -> None:
        """I7: an order's holds are its open lines that no figure contains."""
        open_ = "SELECT order_id, sku, quantity FROM store_hold WHERE released_tick IS NULL"
        stored: Counter[tuple[int, str]] = Counter()
        for id, sku, quantity in self.ground.rows(open_):
            stored[id, sku] += int(Decimal(quantity))
        due = {(s.id, sku): s.open(sku) for s in self.all for sku in s.held if s.open(sku)}
        assert stored == due

    @invariant()
    def a_hold_ends_once_and_never_changes(self) -> None:
        for id, at in self.ground.rows("SELECT id, released_tick FROM store_hold WHERE released_tick IS NOT NULL"):
            assert self.released.setdefault(id, at) == at

    @invariant()
    def no_channel_may_show_more_than_there_is(self) -> None:
        """Under its rule, and under none, which would hide what the rule's steps swallow."""
        asked = [(stock, OF_CHANNEL[name]) for name in OF_CHANNEL for stock in self.both_ways(name)]

        def look(tx: Tx) -> list[dict[str, Availability]]:
            return [availability.many(tx, stock, list(skus)) for stock, skus in asked]

        for (stock, skus), found in zip(asked, self.ground.db.read_now(look), strict=True):
            for sku in skus:
                self.shown_is_right(stock, sku, found[sku].available_to_promise)

    def both_ways(self, name: str) -> tuple[StockRule, StockRule]:
        stock = self.connections[name].stock
        return stock, StockRule(warehouses=stock.warehouses)

    def shown_is_right(self, stock: StockRule, sku: str, shown: int | None) -> None:
        read = self.newest.get(sku)
        if read is None:
            assert shown is None
            return
        assert shown == may_show(self.promised(stock, sku, read, open_only=True), stock)
        assert shown <= may_show(self.promised(stock, sku, read, open_only=False), stock)

    def promised(self, stock: StockRule, sku: str, read: Read, *, open_only: bool) -> Decimal:
        """The figures less what is held; or less everything that is still to be delivered and that they do not contain."""
        counted = stock.warehouses or ("MI", "RM")
        total = sum((f.quantity for f in read.figures if f.sku == sku and f.warehouse in counted), Decimal(0))
        for sold in self.all:
            if PLACES[sold.channel] and PLACES[sold.channel] not in counted:
                continue
            if open_only:
                total -= sold.open(sku)
            elif not sold.dead and sold.key not in (read.inside or ()):
                total -= sold.held[sku]
        return total

    def teardown(self) -> None:
        """When all is done and read, nothing is kept back but what waits for a person."""
        if not hasattr(self, "ground"):
            return
        self.erp.faults.before.clear()
        self.erp.faults.after.clear()
        for sold in self.all:
            self.the_hub_reads_the_order(sold)
        for _ in range(4):
            self.hub.clock.advance(10.0)
            for sold in self.all:
                self.run_flows(sold)
                self.a_person_acts(sold, "approve", "A")
        read = self.a_read_starts(SKUS, "done")
        self.what_is_held_is_what_is_open()
        self.no_channel_may_show_more_than_there_is()
        for name, skus in OF_CHANNEL.items():
            stock = self.connections[name].stock
            found = self.ground.db.read_now(lambda tx, s=stock, k=skus: availability.many(tx, s, list(k)))
            for sku in skus:
                truth = self.promised(stock, sku, read, open_only=False)
                assert found[sku].available_to_promise == may_show(truth, stock)


TestHolds = Holds.TestCase
TestHolds.settings = examples(80, stateful_step_count=30)
