"""Orders to the ERP: the product's flows `place_order` and `cancel_order` under its lease, against an ERP that keeps documents."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from nervo.errors import Rejected
from nervo.flows.catalogue import failures_of, flows_of
from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import PaymentStatus
from nervo.ports.erp import ErpOrder, ErpOrderState, OrderKey
from nervo.rules.config import Config, ConnectionConfig
from nervo.store import orders as kept_orders
from nervo.store.database import Tx
from nervo.sync import orders
from nervo.sync.context import Hub
from nervo.sync.fence import LostLease
from tests.prove.model.checker import Move
from tests.prove.model.rows import Rows
from tests.prove.model.steps import NOW, NOW_MS, Machine, Program, Run, hub_of
from tests.prove.model.world import LATE_S, RENEW, Flight, State, World

TABLES = (
    "store_saleorder",
    "store_flowdue",
    "store_hold",
    "store_lease",
    "store_counter",
    "store_refresh",
    "store_variantfact",
)
SHOP: dict[str, Any] = {"late_application_s": LATE_S}
CALLS = {"create_order", "confirm_order", "cancel_order"}


def sold(number: str = "1", *, quantity: int = 1, status: OrderStatus = OrderStatus.OPEN, version: str = "1") -> Order:
    """An order of the channel for SKU A."""
    line = OrderLine("1", "A", "A", Decimal(quantity), Decimal(10), Decimal(0), Decimal(10))
    return Order(
        number, f"#{number}", version, status, status, PaymentStatus.PENDING, FulfilmentStatus.UNFULFILLED, "EUR", (line,),
        Decimal(10), Decimal(0), NOW, NOW, Party("Anna", "anna@example.com"), Address(), Address(),
    )  # fmt: skip


def config(**channel: Any) -> Config:
    shop = ConnectionConfig("shop", "world", "write", publishes=channel.pop("publishes", ()), **channel)
    return Config(erp="erp", connections={"erp": ConnectionConfig("erp", "world", "write"), "shop": shop})


def erp(key: OrderKey) -> dict[str, Any]:
    nothing = {"payments": False, "products": False, "prices": False, "promotions": False}
    return nothing | {"order_key": key, "late_application_s": LATE_S, "stock_batch": 100}


def flow(name: str, order_id: int = 1) -> Program:
    """A flow as the engine runs it: once, and what becomes of its failure."""

    async def program(hub: Hub) -> None:
        try:
            await flows_of(hub)[name](order_id)
        except LostLease:
            return
        except Exception as error:  # noqa: BLE001 - as the engine has it
            await failures_of(hub)(name, order_id, error)

    return program


class Orders(World):
    """One order, from its acceptance on. At most one document in the ERP; in the end one that is confirmed, or none that lives
    where the customer has cancelled."""

    places = ("flow",)
    writes = frozenset(CALLS)

    def __init__(self, key: OrderKey, *, policy: str = "the product", fenced: bool = False, **kw: Any) -> None:
        super().__init__(policy=policy, **kw)
        self.key, self.fenced = key, fenced
        self.may_restore = bool(dict(self.left).get("restores"))
        self.name = f"order → ERP, {key} key" + (", restore" if self.may_restore else "")
        rows = Rows(TABLES, NOW_MS)
        hubs = {
            self.owner(i): hub_of(config(), {"erp": erp(key), "shop": SHOP}, self.owner(i)) for i in range(self.count)
        }
        programs = RENEW | {name: flow(name) for name in ("place_order", "cancel_order")}
        self.machine = Machine(rows, hubs, programs, forget_s=LATE_S, digest=_digest)

    def starts(self) -> Iterable[Hashable]:
        hub, rows = self.machine.hubs["a"], self.machine.rows
        ids = self.run(rows.empty(), _known)
        yield self.began(ids if self.may_restore else self.run(ids, partial(_accepted, hub)), ((), 0, False))

    def stamp(self, state: State, who: int) -> int:
        return state.hubs[who].memory.epoch if self.fenced else 0

    def wanted(self, state: State, who: int) -> Iterator[tuple[int, str]]:
        due = self.machine.rows.of(state.ids, "store_flowdue")
        at = self.machine.rows.column("store_flowdue", "tick")
        if due:
            yield 0, str(min(due, key=lambda row: row[at])[self.machine.rows.column("store_flowdue", "flow")])

    def working(self, state: State) -> bool:
        return bool(
            self.machine.rows.of(state.ids, "store_flowdue") or state.flights or any(h.runs[0] for h in state.hubs)
        )

    def read(self, state: State, said: Hashable, run: Run) -> Any:
        documents, _, cancelled = state.there
        if run.waits == "find_order":
            return document(0, documents[0]) if documents and self.key is not OrderKey.NONE else None
        assert run.waits == "read_order", run.waits
        return document(int(str(said)), documents[int(str(said))])

    def lands(self, state: State, flight: Flight) -> tuple[State, Hashable]:
        (documents, fence, cancelled), (call, said) = state.there, flight.what  # type: ignore[misc]
        if self.fenced and flight.stamp < fence:
            return state, "fenced"
        fence = max(fence, flight.stamp)
        if call == "create_order":
            if not documents or self.key is not OrderKey.UNIQUE:
                documents = (*documents, "draft")
            at = 0 if self.key is OrderKey.UNIQUE else len(documents) - 1
        else:
            at = int(said)
            if call == "confirm_order" and documents[at] == "cancelled":
                return state, "cancelled"
            documents = (*documents[:at], "cancelled" if call == "cancel_order" else "confirmed", *documents[at + 1 :])
        return state._replace(there=(documents, fence, cancelled)), at

    def reply(self, state: State, flight: Flight) -> Any:
        if isinstance(flight.landed, str):
            return Rejected("calling", flight.landed, code=flight.landed)
        at: Any = flight.landed
        return document(at, state.there[0][at])

    def surroundings(self, state: State) -> Iterator[Move]:
        documents, fence, cancelled = state.there
        if self._unread(state):
            ids = self.run(state.ids, partial(_accepted, self.machine.hubs["a"], cancelled=cancelled))
            yield f"the order is read{', cancelled' if cancelled else ''}", state._replace(ids=ids), ""
        if self.may(state, "cancellations"):
            after = self.spent(state._replace(there=(documents, fence, True)), "cancellations")
            yield "the customer cancels", after, ""

    def _unread(self, state: State) -> bool:
        """Whether the channel has it otherwise than the hub."""
        status = self.machine.rows.field(state.ids, "store_saleorder", "status")
        return status is None or (status == "cancelled") != state.there[2]

    def wrong(self, state: Any) -> str:
        return "two documents of one order" if len(state.there[0]) > 1 else ""

    def wrong_at_rest(self, state: Any) -> str:
        documents, _, cancelled = state.there
        kept = self.machine.rows.field(state.ids, "store_saleorder", "state")
        if self.key is OrderKey.NONE and kept == "held":
            return ""  # a person has been asked
        if cancelled:
            lives = [d for d in documents if d != "cancelled"]
            return "a cancelled order lives in the ERP" if lives or kept != "cancelled" else ""
        return "" if documents == ("confirmed",) and kept == "in_erp" else "the order is lost"


def _known(tx: Tx) -> None:
    tx.run("INSERT INTO store_variantfact (sku, product, gtin) VALUES ('A', 'A', '')")


def _accepted(hub: Hub, tx: Tx, cancelled: bool = False) -> None:
    order = sold(status=OrderStatus.CANCELLED, version="2") if cancelled else sold()
    orders.accept(hub, tx, hub.config.connections["shop"], order, "sweep")
    kept_orders.set_fields(tx, 1, erp_customer="C1")


def _digest(call: str, args: tuple[Any, ...]) -> Hashable:
    return args[0] if call in ("confirm_order", "cancel_order", "read_order") else ""


def document(at: int, state: str) -> ErpOrder:
    return ErpOrder(str(at), f"SO{at}", "", ErpOrderState(state), state, Decimal(10), "EUR", NOW)
