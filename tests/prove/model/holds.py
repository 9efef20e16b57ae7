"""The hand-over of goods from holds to the ERP's figure: two orders, figures that are read at any time, a cancellation."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from nervo.model.orders import OrderStatus
from nervo.model.stock import StockFigure
from nervo.ports.erp import OrderKey
from nervo.rules.config import StockRule
from nervo.store import facts, holds, refresh
from nervo.store import orders as kept_orders
from nervo.store.database import Tx
from nervo.store.ticks import tick
from nervo.sync import availability, orders, source
from nervo.sync.context import Hub
from tests.prove.model.checker import Move
from tests.prove.model.orders import SHOP, TABLES, config, document, erp, flow, sold
from tests.prove.model.rows import Ids, Rows
from tests.prove.model.steps import NOW_MS, Machine, Run, hub_of
from tests.prove.model.world import LATE_S, RENEW, Flight, State, World

ON_HAND = 10
FLOWS, READ, SNAPSHOT = (0, 1), 2, 3
RULE = StockRule()


class There(NamedTuple):
    """The ERP's document of each order ("" for none), and which orders the customers have cancelled."""

    documents: tuple[str, ...] = ("", "")
    cancelled: tuple[bool, ...] = (False, False)
    placed: tuple[bool, ...] = (True, False)


class Holds(World):
    """What is for sale is never more than the ERP has less what was sold; in the end just that; each hold ends once. `timer`: a
    policy, holds end by themselves after a while."""

    places = ("first order", "second order", "read", "snapshot")
    writes = frozenset({"create_order", "confirm_order", "cancel_order"})
    name = "hold → ERP figure"

    def __init__(self, *, policy: str = "the product", timer: bool = False, **kw: Any) -> None:
        super().__init__(policy=policy, **kw)
        self.timer = timer
        given = {"erp": erp(OrderKey.UNIQUE), "shop": SHOP}
        names = ("place_order", "cancel_order")
        programs = RENEW | {f"{name} {i + 1}": flow(name, i + 1) for name in names for i in FLOWS}
        programs |= {"read": source.read_stock, "snapshot": source.snapshot}
        tables = (*TABLES, "store_stockfact")
        self.machine = Machine(Rows(tables, NOW_MS), {"a": hub_of(config(), given, "a")}, programs, _digest, LATE_S)
        self._for_sale: dict[Ids, int] = {}

    def starts(self) -> Iterable[Hashable]:
        ids = self.run(self.machine.rows.empty(), _figure)
        yield self.began(self.run(ids, partial(_accepted, self.machine.hubs["a"], 0)), There())

    def wanted(self, state: State, who: int) -> Iterator[tuple[int, str]]:
        rows = self.machine.rows
        order, name, at = (rows.column("store_flowdue", c) for c in ("order_id", "flow", "tick"))
        for place in FLOWS:
            due = [row for row in rows.of(state.ids, "store_flowdue") if row[order] == place + 1]
            if due:
                yield place, f"{min(due, key=lambda row: row[at])[name]} {place + 1}"
        if rows.of(state.ids, "store_refresh"):
            yield READ, "read"

    def working(self, state: State) -> bool:
        rows = self.machine.rows
        due = rows.of(state.ids, "store_flowdue") or rows.of(state.ids, "store_refresh")
        return bool(due or state.flights or any(state.hubs[0].runs))

    def read(self, state: State, said: Hashable, run: Run) -> Any:
        documents = state.there.documents
        if run.waits == "find_order":
            at = _order(said)
            return document(at, documents[at]) if documents[at] else None
        if run.waits == "read_order":
            return document(int(str(said)), documents[int(str(said))])
        figures = (StockFigure("A", "WH", Decimal(ON_HAND - documents.count("confirmed"))),)
        return figures if run.waits == "stock_of" else (figures, None)

    def lands(self, state: State, flight: Flight) -> tuple[State, Hashable]:
        call, said = flight.what  # type: ignore[misc]
        at = _order(said) if call == "create_order" else int(said)
        becomes = {"create_order": "draft", "confirm_order": "confirmed", "cancel_order": "cancelled"}[call]
        documents = state.there.documents
        if (call == "create_order" and documents[at]) or documents[at] == "cancelled":
            becomes = documents[at]
        documents = (*documents[:at], becomes, *documents[at + 1 :])
        return state._replace(there=state.there._replace(documents=documents)), at

    def reply(self, state: State, flight: Flight) -> Any:
        at: Any = flight.landed
        return document(at, state.there.documents[at])

    def moves(self, state: Any) -> Iterator[Move]:
        for name, after, hurt in super().moves(state):
            yield name, after, hurt or self._ended_twice(state, after)

    def surroundings(self, state: State) -> Iterator[Move]:
        hub, there = self.machine.hubs["a"], state.there
        if not there.placed[1] and self.may(state, "orders"):
            ids = self.run(state.ids, partial(_accepted, hub, 1))
            yield "a second order is accepted", self.spent(_with(state, ids, placed=(True, True)), "orders"), ""
        if self.may(state, "cancellations"):
            ids = self.run(state.ids, partial(_cancelled, hub))
            yield "the first is cancelled", self.spent(_with(state, ids, cancelled=(True, False)), "cancellations"), ""
        if self.may(state, "notices"):
            ids = self.run(state.ids, lambda tx: refresh.want(tx, "erp", "stock", ["A"], "sweep", NOW_MS))
            yield "a notice comes", self.spent(_with(state, ids), "notices"), ""
        if self.may(state, "snapshots") and state.hubs[0].memory.epoch and state.hubs[0].runs[SNAPSHOT] is None:
            moved = self.machine.start("a", "snapshot", state.hubs[0].memory, state.ids)
            yield self.named("snapshot starts", 0, *self.moved(self.spent(state, "snapshots"), 0, SNAPSHOT, moved))
        if self.timer:
            yield (
                "the holds' time is up",
                _with(state, self.run(state.ids, lambda tx: holds.release(tx, 1, "timer"))),
                "",
            )

    def _ended_twice(self, before: State, after: State) -> str:
        rows = self.machine.rows
        if before.ids == after.ids:
            return ""
        key, ended = rows.column("store_hold", "id"), rows.column("store_hold", "released_tick")
        then = {row[key]: row[ended] for row in rows.of(before.ids, "store_hold")}
        again = [row for row in rows.of(after.ids, "store_hold") if then.get(row[key]) not in (None, row[ended])]
        return "a hold ended twice" if again else ""

    def for_sale(self, ids: Ids) -> int:
        if ids not in self._for_sale:
            found, _, error = self.machine.rows.run(ids, lambda tx: availability.many(tx, RULE, ["A"])["A"])
            assert error is None
            self._for_sale[ids] = found.available_to_promise
        return self._for_sale[ids]

    def _truth(self, state: State) -> int:
        there = state.there
        return ON_HAND - sum(p and not c for p, c in zip(there.placed, there.cancelled, strict=True))

    def wrong(self, state: Any) -> str:
        shown, truth = self.for_sale(state.ids), self._truth(state)
        return f"{shown} for sale, there are {truth}" if shown > truth else ""

    def wrong_at_rest(self, state: Any) -> str:
        shown, truth = self.for_sale(state.ids), self._truth(state)
        return "" if shown == truth else f"{shown} for sale in the end, there are {truth}"


def _with(state: State, ids: Ids, **there: Any) -> State:
    return state._replace(ids=ids, there=state.there._replace(**there))


def _figure(tx: Tx) -> None:
    tx.run("INSERT INTO store_variantfact (sku, product, gtin) VALUES ('A', 'A', '')")
    facts.put_stock(tx, [StockFigure("A", "WH", Decimal(ON_HAND))], tick(tx), NOW_MS)


def _accepted(hub: Hub, at: int, tx: Tx) -> None:
    orders.accept(hub, tx, hub.config.connections["shop"], sold(str(at + 1)), "sweep")
    kept_orders.set_fields(tx, at + 1, erp_customer="C1")


def _cancelled(hub: Hub, tx: Tx) -> None:
    orders.accept(hub, tx, hub.config.connections["shop"], sold(status=OrderStatus.CANCELLED, version="2"), "sweep")


def _order(key: Any) -> int:
    """Which order has this key of ours."""
    return int(str(key).split("-")[1]) - 1


def _digest(call: str, args: tuple[Any, ...]) -> Hashable:
    if call == "create_order":
        return args[0].key
    return args[0] if call in ("find_order", "confirm_order", "cancel_order", "read_order") else ()
