"""Orders under readings in any order and number: the newest one counts, nothing happens twice, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from nervo.errors import Rejected, Unavailable
from nervo.model.orders import Order
from nervo.ports.erp import ErpOrderState
from nervo.rules.config import OrderRule
from nervo.staging.world import WorldErp, WorldShop
from nervo.store.database import Tx
from nervo.sync import orders
from tests.hub import TestHub
from tests.properties import story
from tests.properties.ground import fresh, ground
from tests.properties.profile import Machine, counted, examples

SKUS = ["A", "B"]
LINES = st.lists(
    st.tuples(st.sampled_from(SKUS), st.integers(1, 3)), min_size=1, max_size=2, unique_by=lambda line: line[0]
)
STARTS = st.lists(st.sampled_from(["paid", "status unknown", "total wrong", "cancelled"]), max_size=2, unique=True)

SO_FAR = st.sampled_from(["happened", "heard", "done", "done"])
WRITES = ("create_customer", "create_order", "confirm_order", "record_payment", "cancel_order")
FAULTS = st.sampled_from(
    ["", "", *(f"lose {write}" for write in WRITES), "lose create_order", "down create_order", "refuse confirm_order"]
)
EVENTS = st.sampled_from([*sorted(story.EVENTS), "edited", "cancelled", "taken back", "taken back"])


async def opened(*, unique: bool = True, import_unpaid: bool = True) -> TestHub:
    fresh()
    erp, shop = WorldErp(unique=unique), WorldShop(SKUS)
    for sku in SKUS:
        erp.stock(sku, 20)
    hub = TestHub(erp, {"shop": shop})
    connections = hub.hub.config.connections
    rule_ = OrderRule(import_unpaid=import_unpaid)
    connections["shop"] = replace(connections["shop"], orders=rule_, publishes=("stock",))
    return await hub.start()


async def arrives(hub: TestHub, reading: Order) -> None:
    """A reading is kept, and the flow that it asks for is started."""

    def keep(tx: Tx) -> tuple[str, int] | None:
        return orders.accept(hub.hub, tx, hub.hub.channels()[0], reading, "webhook")

    started = await hub.hub.db.write(keep, durable=False)
    if started:
        hub.hub.start_flow(*started)


class Orders(Machine):
    """Orders whose channel may do anything with them, an ERP that may lose its answers, and a hub that works now and then."""

    told = Bundle("told")

    @initialize(unique=st.booleans(), import_unpaid=st.booleans())
    def begin(self, unique: bool, import_unpaid: bool) -> None:
        self.hub = ground().run(opened(unique=unique, import_unpaid=import_unpaid))
        self.erp: WorldErp = self.hub.erp
        story.watch_edges(ground())
        self.newest: dict[str, Order] = {}
        self.milestones: dict[str, tuple[bool, bool, Decimal]] = {}

    @rule(target=told, lines=LINES, start=STARTS, so_far=SO_FAR, fault=FAULTS)
    def somebody_buys(self, lines: list[tuple[str, int]], start: list[str], so_far: str, fault: str) -> object:
        if len(self.newest) == 3:
            return multiple()
        number = str(len(self.newest) + 1)
        self.newest[number] = story.first(number, lines, *start)
        self.goes(number, so_far, fault)
        return self.newest[number]

    @rule(target=told, of=told, events=st.lists(EVENTS, min_size=1, max_size=3), so_far=SO_FAR, fault=FAULTS)
    def the_order_changes(self, of: Order, events: list[str], so_far: str, fault: str) -> object:
        readings = []
        for event in events:
            readings.append(story.after(self.newest[of.external_id], event))
            self.newest[of.external_id] = readings[-1]
            self.goes(of.external_id, so_far, fault)
        return multiple(*readings)

    def goes(self, number: str, so_far: str, fault: str) -> None:
        """What comes of it at once; the rest may come later."""
        if so_far != "happened":
            self.a_reading_arrives(self.newest[number])
        if so_far == "done":
            self.the_hub_works(fault)

    @rule(reading=told)
    def a_reading_arrives(self, reading: Order) -> None:
        """Any of them: an old one once more, or late."""
        ground().run(arrives(self.hub, reading))

    @rule(fault=FAULTS)
    def the_hub_works(self, fault: str) -> None:
        how, _, operation = fault.partition(" ")
        if how == "lose":
            self.erp.faults.lose_reply(operation)
        elif how:
            error = Unavailable(operation) if how == "down" else Rejected(operation, "periodo chiuso")
            self.erp.faults.fail(operation, error)
        ground().run(self.hub.settle())
        self.erp.faults.before.clear()
        self.erp.faults.after.clear()

    @rule(number=st.integers(1, 3), what=st.sampled_from(["retry", "approve", "ship"]))
    def a_person_acts(self, number: int, what: str) -> None:
        for id, key in self.hub.ask("SELECT id, erp_key FROM store_saleorder WHERE external_id = %s", str(number)):
            written = self.erp.orders.get(str(key))
            if what != "ship":
                ground().run(self.hub.command(f"order.{what}", order_id=id))
            elif written and written.state is ErpOrderState.CONFIRMED:
                self.erp.ship(str(key), f"T{number}")

    @invariant()
    def states_move_on_allowed_edges(self) -> None:
        """I10."""
        assert story.illegal_edges(ground()) == set()

    @invariant()
    def milestones_are_never_taken_back(self) -> None:
        for number, confirmed, shipped, paid in self.hub.ask(
            "SELECT external_id, confirmed_ms > 0, shipped_ms > 0, paid FROM store_saleorder"
        ):
            now = bool(confirmed), bool(shipped), Decimal(str(paid))
            before = self.milestones.get(str(number), (False, False, Decimal(0)))
            assert all(a >= b for a, b in zip(now, before, strict=True)), (number, before, now)
            self.milestones[str(number)] = now

    def teardown(self) -> None:
        if not hasattr(self, "newest"):
            return
        for reading in self.newest.values():
            self.a_reading_arrives(reading)
        self.the_hub_works("")
        assert story.unaccounted(self.hub, self.erp, self.newest) == []
        self.states_move_on_allowed_edges()
        ground().run(self.hub.engine.drop())


TestOrders = Orders.TestCase
TestOrders.settings = examples(50, stateful_step_count=12)

STORIES = st.lists(
    st.tuples(LINES, STARTS, st.lists(st.sampled_from(story.FORWARD), max_size=4)), min_size=1, max_size=3
)


def readings(stories: list[tuple[list, list[str], list[str]]]) -> list[list[Order]]:
    made = []
    for number, (lines, start, events) in enumerate(stories, 1):
        told = [story.first(str(number), lines, *start)]
        for event in events:
            told.append(story.after(told[-1], event))
        made.append(told)
    return made


@given(stories=STORIES, chance=st.randoms(use_true_random=False), unpaid=st.booleans(), unique=st.booleans())
@examples(20)
@counted
def test_readings_in_any_order_and_number_end_as_in_their_own_order(stories, chance, unpaid, unique):
    """I13. Then all of them once more: nothing changes and nothing leaves."""
    told = readings(stories)
    in_order = [r for story_ in told for r in story_]
    at_random = [*in_order, *chance.choices(in_order, k=len(in_order))]
    chance.shuffle(at_random)
    one = ground().run(_played(in_order, chance, unpaid, unique))
    other = ground().run(_played(at_random, chance, unpaid, unique))
    assert one == other


async def _played(told: list[Order], chance: Random, unpaid: bool, unique: bool) -> list[object]:
    """Where the hub, the ERP and the shop stand when all of it has arrived, with work in between."""
    hub = await opened(import_unpaid=unpaid, unique=unique)
    for reading in told:
        await arrives(hub, reading)
        if chance.random() < 0.3:
            await hub.settle()
    await hub.settle()
    newest = {r.external_id: r for r in sorted(told, key=lambda r: r.version)}
    assert story.unaccounted(hub, hub.erp, newest) == []
    await _nothing_new(hub, told)
    return _where_it_stands(hub)


async def _nothing_new(hub: TestHub, told: list[Order]) -> None:
    before, left = story.digest(hub), story.effects(hub)
    for reading in reversed(told):
        await arrives(hub, reading)
    await hub.settle()
    assert story.digest(hub) == before
    assert story.effects(hub) == left


def _where_it_stands(hub: TestHub) -> list[object]:
    """What does not tell by which way it came: a sale that was cancelled may be in the ERP as such, or may never have been."""
    erp = hub.erp
    live = {key: (o.state, erp.lines[key]) for key, o in erp.orders.items() if o.state in story.LIVE}
    kept = "SELECT external_id, version, state, status, payment_status, total FROM store_saleorder ORDER BY external_id"
    return [
        hub.ask(kept),
        sorted(live.items()),
        sorted((key, amount) for key, amount in erp.payments.items() if any(key.startswith(k) for k in live)),
        hub.ask("SELECT key, code FROM store_problem WHERE state = 'open' ORDER BY key, code"),
        hub.ask("SELECT sku, quantity FROM store_hold WHERE released_tick IS NULL ORDER BY sku, quantity"),
        hub.shops["shop"].shown,
    ]
