"""Stock to a channel: the product's reading of the ERP, its publisher, its sweep and its lease, against a channel that shows a number."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from nervo.model.links import Link
from nervo.model.stock import StockFigure
from nervo.ports.common import Cursor, ItemOutcome, Outcome, Page
from nervo.ports.erp import OrderKey
from nervo.ports.shop import Listing
from nervo.rules.config import StockRule
from nervo.store import facts, links, operations, publications, refresh
from nervo.store.database import Tx
from nervo.store.ticks import tick
from nervo.sync import orders, source
from nervo.sync.context import Hub
from nervo.sync.fence import LostLease
from nervo.sync.kinds import StockKind
from nervo.sync.publish import Publisher
from nervo.sync.sweep import ReadBack
from tests.prove.model.checker import Move
from tests.prove.model.orders import config, erp, sold
from tests.prove.model.rows import Rows
from tests.prove.model.steps import NOW, NOW_MS, Machine, Program, Run, hub_of
from tests.prove.model.world import LATE_S, RENEW, TICK_S, Flight, State, World

TABLES = (
    "store_publication", "store_stockfact", "store_refresh", "store_lease", "store_counter", "store_hold", "store_saleorder",
    "store_flowdue", "store_link", "store_variantfact", "store_sourcecursor",
)  # fmt: skip
VALUES = (5, 3, 5, 4)  # what the ERP says, one after the other: the first one comes back
EDITED = 9
BEHIND_S = 3 * TICK_S
PUBLISH, READ, SNAPSHOT, SWEEP, SECOND = range(5)


class There(NamedTuple):
    """The ERP's version and notices on their way; what the channel shows, the newest version that took effect there, and whether an
    older one did after it; whether it has sold one, and whether we have been told."""

    version: int = 0
    notices: int = 0
    shown: int = VALUES[0]
    newest: int = 0
    regressed: bool = False
    sold: bool = False
    told: bool = True


def publishing(hub: Hub) -> Any:
    return Publisher(hub, hub.channels()[0], StockKind()).drain()


def sweeping(hub: Hub) -> Any:
    return ReadBack(hub, hub.channels()[0]).page("")


PROGRAMS: dict[str, Program] = {
    "publish": publishing,
    "read": source.read_stock,
    "snapshot": source.snapshot,
    "sweep": sweeping,
    "first reading": source.first_reading,
}


class Stock(World):
    """One SKU on one channel. In the end it shows what the ERP says; versions that take effect never go back; nothing is sent while
    an earlier write may still land. `lone`: one write at a time, as the product has it."""

    places = ("publish", "read", "snapshot", "sweep", "second")
    writes = frozenset({"put_stock"})

    def __init__(
        self,
        *,
        policy: str = "the product",
        compare: bool = False,
        cap: int = 0,
        strict: bool = True,
        lone: bool = True,
        skew: bool = False,
        **kw: Any,
    ) -> None:
        super().__init__(policy=policy, **kw)
        self.cap, self.strict, self.lone = cap, strict, lone
        self.name = "stock → channel" + (", compare-and-set" if compare else "") + (", clock skew" if skew else "")
        self.sweeps = bool(dict(self.left).get("hand-edits"))
        rule = StockRule(cap=Decimal(cap) if cap else None)
        shop = {"stock_batch": 100, "read_batch": 100, "late_application_s": LATE_S, "compare_and_set": compare}
        given = {"erp": erp(OrderKey.UNIQUE), "shop": shop}
        made = config(publishes=("stock",), stock=rule)
        hubs = {o: hub_of(made, given, o, -BEHIND_S * (skew and o == "a")) for o in "ab"[: self.count]}
        self.machine = Machine(
            Rows(TABLES, NOW_MS, int(BEHIND_S * 1000) if skew else 0),
            hubs,
            RENEW | PROGRAMS,
            digest=_digest,
            forget_s=LATE_S,
            timed=frozenset({"publish"}),
        )

    def starts(self) -> Iterable[Hashable]:
        shown = min(VALUES[0], self.cap or VALUES[0])
        yield self.began(self.run(self.machine.rows.empty(), partial(_settled, shown=shown)), There(shown=shown))

    def expected(self, error: BaseException) -> bool:
        return isinstance(error, LostLease)

    def wanted(self, state: State, who: int) -> Iterator[tuple[int, str]]:
        if not self._opened(state):
            yield SNAPSHOT, "first reading"
            return
        if self._due(state, who):
            yield PUBLISH, "publish"
            if not self.lone:
                yield SECOND, "publish"
        if self.machine.rows.of(state.ids, "store_refresh"):
            yield READ, "read"
        if self._edited(state):
            yield SWEEP, "sweep"

    def _opened(self, state: State) -> bool:
        """The ERP has been read: before that nothing else begins."""
        rows = self.machine.rows
        return any(
            row[rows.column("store_sourcecursor", "entity")] == "stock"
            for row in rows.of(state.ids, "store_sourcecursor")
        )

    def _publication(self, state: State, name: str) -> Any:
        return self.machine.rows.field(state.ids, "store_publication", name)

    def _due(self, state: State, who: int) -> bool:
        """By this hub's own clock."""
        clock: Any = self.machine.hubs[self.owner(who)].clock
        now_ms = NOW_MS + int(clock.skew_s * 1000)
        return bool(self._publication(state, "dirty_tick") and self._publication(state, "not_before_ms") <= now_ms)

    def _edited(self, state: State) -> bool:
        """Nobody does anything, and the channel shows something else than we know: sooner or later a sweep comes by."""
        settled = self._publication(state, "dirty_tick") == 0 and self._publication(state, "published") != str(
            state.there.shown
        )
        return (
            self.sweeps
            and settled
            and not any(hub.runs[place] for hub in state.hubs for place in range(len(self.places)))
        )

    def working(self, state: State) -> bool:
        rows, there = self.machine.rows, state.there
        waits = self._publication(state, "dirty_tick") or self._publication(state, "inflight_epoch")
        busy = (
            there.notices
            or not there.told
            or state.flights
            or self._edited(state)
            or any(any(h.runs) for h in state.hubs)
        )
        return bool(waits or busy or rows.of(state.ids, "store_refresh") or not self._opened(state))

    def read(self, state: State, said: Hashable, run: Run) -> Any:
        there = state.there
        if run.waits == "read_listings":
            return (Listing("A", {"id": "A"}, there.shown),)
        if run.waits == "changed_stock":
            return Page((), Cursor(NOW), False)
        if run.waits == "orders":
            return Page((sold(),) if there.sold else (), None, False)
        figures = (StockFigure("A", "WH", Decimal(VALUES[there.version]), on_hand=Decimal(there.version)),)
        return figures if run.waits == "stock_of" else (figures, None)

    def was_read(self, state: State, run: Run) -> State:
        return state._replace(unread=False) if run.waits == "read_listings" else state

    def restored(self, state: State) -> State:
        return state._replace(there=state.there._replace(told=not state.there.sold))

    def stamp(self, state: State, who: int) -> int:
        return int(self.machine.rows.field(state.ids, "store_stockfact", "on_hand"))

    def leaves(self, state: State, flight: Flight) -> str:
        if state.unread:
            return "sent before it was read back"
        others = [f for f in state.flights if f.landed is None]
        return "sent while an earlier write was unknown" if others and self.strict else ""

    def lands(self, state: State, flight: Flight) -> tuple[State, Hashable]:
        there, (quantity, expected) = state.there, flight.what[1]  # type: ignore[index]
        if expected is not None and expected != there.shown:
            return state, "stale"
        newest, back = max(there.newest, flight.stamp), flight.stamp < there.newest
        return state._replace(
            there=there._replace(shown=quantity, newest=newest, regressed=there.regressed or back)
        ), "done"

    def reply(self, state: State, flight: Flight) -> Any:
        return (ItemOutcome("A", Outcome.DONE if flight.landed == "done" else Outcome.STALE),)

    def surroundings(self, state: State) -> Iterator[Move]:
        there: There = state.there
        if self.may(state, "changes"):
            after = there._replace(version=there.version + 1, notices=there.notices + 1)
            yield f"the ERP says {VALUES[after.version]}", self.spent(state._replace(there=after), "changes"), ""
        if there.notices:
            yield "a notice comes", self._noticed(state)._replace(there=there._replace(notices=there.notices - 1)), ""
        if self.may(state, "duplicates"):
            yield "a notice comes again", self.spent(self._noticed(state), "duplicates"), ""
        if self.may(state, "hand-edits"):
            yield f"somebody writes {EDITED}", self.spent(self._shows(state, EDITED), "hand-edits"), ""
        if self.may(state, "sales") and there.shown > 0:
            after_sale = self._shows(state, there.shown - 1)
            yield (
                "the channel sells one",
                self.spent(after_sale._replace(there=after_sale.there._replace(sold=True, told=False)), "sales"),
                "",
            )
        if not there.told:
            ids = self.run(state.ids, partial(_accepted, self.machine.hubs["a"]))
            yield "its order is accepted", state._replace(ids=ids, there=there._replace(told=True)), ""
        yield from self._extra(state, "snapshots", SNAPSHOT, "snapshot")
        yield from self._extra(state, "sweeps", SWEEP, "sweep")

    def _extra(self, state: State, name: str, place: int, program: str) -> Iterator[Move]:
        hub = state.hubs[0]
        if self.may(state, name) and hub.memory.epoch and hub.runs[place] is None:
            moved = self.through(0, self.machine.start("a", program, hub.memory, state.ids))
            yield self.named(f"{program} starts", 0, *self.moved(self.spent(state, name), 0, place, moved))

    def _noticed(self, state: State) -> State:
        return state._replace(
            ids=self.run(state.ids, lambda tx: refresh.want(tx, "erp", "stock", ["A"], "sweep", NOW_MS))
        )

    def _shows(self, state: State, shown: int) -> State:
        return state._replace(there=state.there._replace(shown=shown))

    def wrong(self, state: Any) -> str:
        return "an older version took effect after a newer one" if state.there.regressed and self.strict else ""

    def wrong_at_rest(self, state: Any) -> str:
        rows, there = self.machine.rows, state.there
        quantity = rows.column("store_hold", "quantity")
        held = sum(int(row[quantity]) for row in rows.of(state.ids, "store_hold"))
        truth = min(VALUES[there.version] - held, self.cap or EDITED)
        return "" if there.shown == truth else f"it shows {there.shown}, the truth is {truth}"


def _settled(tx: Tx, shown: int) -> None:
    """The channel shows what the ERP says, and we know it."""
    tx.run("INSERT INTO store_variantfact (sku, product, gtin) VALUES ('A', 'A', '')")
    facts.put_stock(tx, [StockFigure("A", "WH", Decimal(VALUES[0]), on_hand=Decimal(0))], tick(tx), NOW_MS)
    for connection, entity in (("shop", "orders"), ("shop", "orders_start"), ("erp", "stock")):
        operations.set_cursor(tx, connection, entity, Cursor(NOW), NOW_MS)
    links.put(tx, "shop", [(Link("A", {"id": "A"}), "A")])
    publications.mark(tx, "shop", "stock", ["A"], NOW_MS)
    claims = publications.claim(tx, "shop", "stock", NOW_MS, 1)
    publications.published(tx, "shop", "stock", [(claims[0], str(shown))], NOW_MS)


def _accepted(hub: Hub, tx: Tx) -> None:
    orders.accept(hub, tx, hub.config.connections["shop"], sold(), "sweep")


def _digest(call: str, args: tuple[Any, ...]) -> Hashable:
    return (args[0][0].quantity, args[0][0].expected) if call == "put_stock" else ()
