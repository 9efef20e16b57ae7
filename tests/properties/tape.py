"""What each simulator answers, recorded once, and played again to its connector with one answer changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from nervo import registry
from nervo.connectors.vendure.connector import Vendure
from nervo.connectors.vendure.settings import Settings as VendureSettings
from nervo.connectors.vendure.tests.conftest import Floor
from nervo.kit.clock import ManualClock
from nervo.kit.http import Answer, Http, ToolBox
from nervo.kit.secrets import Secret
from nervo.kit.settings import parse
from nervo.kit.text import as_utf8
from nervo.ports.common import Cursor
from nervo.ports.erp import OrderDraft
from nervo.testing.erp_world import payment, sold
from tests.properties.ground import ground

Reads = dict[str, tuple[Any, ...]]
Call = Callable[..., Awaitable[Answer]]
SHOPS, ERPS = ("woocommerce", "shopify", "vendure"), ("rehearsal_erp",)


@dataclass
class Tape:
    """`reads`: operation → its arguments. `said`: operation → the bodies of its answers in order, as JSON. `ids`: the orders."""

    name: str
    settings: Any
    reads: Reads
    said: dict[str, list[tuple[tuple[Any, ...], Any, Mapping[str, str]]]]
    ids: list[str]
    start: Cursor | None

    def play(self, operation: str = "", index: int = 0, body: Any = None) -> Any:
        """The connector, answered from the tape; answer `index` of the operation is `body` instead."""
        answers: dict[tuple[Any, ...], Answer] = {}
        for name, calls in self.said.items():
            for i, (key, said, headers) in enumerate(calls):
                changed = name == operation and i == index
                if changed or key not in answers or name == operation:
                    answers[key] = Answer(200, headers, as_utf8(msgspec.json.encode(body if changed else said)))
        alike = {key[:3]: answer for key, answer in answers.items()}

        async def call(method: str, path: str, **more: Any) -> Answer:
            key = key_of(method, path, more)
            return answers.get(key) or alike.get(key[:3]) or Answer(404, {}, b"{}")

        port = connected(self.name, self.settings)
        for http in https(port):
            http.call = call  # type: ignore[method-assign]
        return port


def key_of(method: str, path: str, more: Mapping[str, Any]) -> tuple[Any, ...]:
    """How a call is known again; its first three parts are what it asks for, without saying of what."""
    sent = more.get("json")
    asked = sent.get("query", "") if isinstance(sent, dict) else ""
    params = tuple(sorted((more.get("params") or {}).items()))
    return method, path, asked, params, msgspec.json.encode(sent)


def connected(name: str, settings: Any) -> Any:
    tools = ToolBox(ManualClock())
    return Vendure(settings, tools) if name == "vendure" else registry.connector(name).connect(settings, tools)


@cache
def tape(name: str) -> Tape:
    return ground().run(_recorded(name))


async def _recorded(name: str) -> Tape:
    """Sells and writes a little at the simulator, then keeps what it answers to each reading."""
    connector = registry.connector(name)
    simulator = Floor() if name == "vendure" else connector.simulator(ManualClock())
    async with simulator.serve():
        if name == "vendure":
            settings: Any = VendureSettings(simulator.url, "hub", Secret("password-1"))
        else:
            settings = parse(connector.settings, simulator.settings())
        port = connected(name, settings)
        reads, ids, start = await (_erp if name in ERPS else _floor if name == "vendure" else _shop)(simulator, port)
        await port.close()
        said = {operation: await _listened(name, settings, operation, args) for operation, args in reads.items()}
    return Tape(name, settings, reads, said, ids, start)


def https(port: Any) -> list[Http]:
    """Its ways out: some have one for tokens besides."""
    return [way for way in vars(port.client).values() if isinstance(way, Http)]


async def _listened(name: str, settings: Any, operation: str, args: tuple[Any, ...]) -> list[Any]:
    port, said = connected(name, settings), list[Any]()

    def listening(real: Call) -> Call:
        async def call(method: str, path: str, **more: Any) -> Answer:
            answer = await real(method, path, **more)
            said.append((key_of(method, path, more), msgspec.json.decode(answer.body), dict(answer.headers)))
            return answer

        return call

    for http in https(port):
        http.call = listening(http.call)  # type: ignore[method-assign]
    await getattr(port, operation)(*args)
    await port.close()
    return said


async def _shop(simulator: Any, port: Any) -> tuple[Reads, list[str], Cursor | None]:
    simulator.add_product("MUG", "Tazza", [("MUG-1", "8001234567890", Decimal("19.90"), 70)])
    simulator.add_product(
        "SHIRT", "Camicia", [("SHIRT-S", None, Decimal("33.33"), 20), ("SHIRT-M", None, Decimal("0.25"), 50)]
    )
    start = (await port.orders(None)).next
    ids = []
    for lines in ([("MUG-1", 2)], [("SHIRT-S", 1), ("SHIRT-M", 3)], [("MUG-1", 1)]):
        simulator.clock.advance(2)
        ids.append(simulator.place_order(lines, email="anna@example.com", paid=True))
    simulator.clock.advance(2)
    simulator.refund(ids[0], Decimal("5.00"))
    simulator.cancel(ids[2])
    simulator.clock.advance(2)
    mug = (await port.find_listings(["MUG-1"]))[0]
    reads: Reads = {"orders": (start,), "order": (ids[0],), "listings": (None,), "read_listings": ([mug.remote],),
                    "find_listings": (["MUG-1", "SHIRT-S"],)}  # fmt: skip
    return reads, ids, start


async def _floor(floor: Floor, port: Any) -> tuple[Reads, list[str], Cursor | None]:
    for i, sku in enumerate(("MUG-1", "SHIRT-S", "SHIRT-M"), 1):
        floor.add(str(i), sku, 10)
    floor.place("1", at_s=0, **{"MUG-1": 1})
    start = (await port.orders(None)).next
    for id in ("2", "3", "4"):
        floor.place(id, at_s=int(id), **{"MUG-1": 1, "SHIRT-S": 2})
    floor.orders["2"]["payments"] = [
        {
            "id": "9",
            "method": "card",
            "amount": 100,
            "state": "Settled",
            "createdAt": floor.orders["2"]["createdAt"],
            "refunds": [],
        }
    ]
    reads: Reads = {"orders": (start,), "order": ("2",), "listings": (None,), "read_listings": ([{"variant": "1"}],),
                    "find_listings": (["MUG-1"],)}  # fmt: skip
    return reads, ["2", "3", "4"], start


async def _erp(simulator: Any, port: Any) -> tuple[Reads, list[str], Cursor | None]:
    simulator.add_product(
        "SHIRT", "Camicia", [("SHIRT-M", "8001234567890", Decimal("24.40"), 10), ("SHIRT-L", None, Decimal("24.40"), 3)]
    )
    simulator.add_product("MUG", "Tazza", [("MUG-1", None, Decimal("12.20"), 5)])
    start = (await port.changed_stock(None)).next
    order = sold("77")
    customer = await port.create_customer(order.customer, order, "customer-1")
    ids = []
    for key in ("shop-77", "shop-78"):
        written = await port.create_order(OrderDraft(key, order, customer))
        await port.confirm_order(written.erp_id)
        await port.record_payment(written.erp_id, payment(order), f"{key}-pay")
        ids.append(written.erp_id)
    simulator.ship("shop-77", "BRT1", "BRT")
    reads: Reads = {
        "products": (None,), "prices": (None,), "changed_stock": (start,), "stock_of": (["SHIRT-M", "MUG-1"],), "stock_snapshot": (None,),
        "find_customer": (order.customer,), "find_order": ("shop-77",), "read_order": (ids[0],), "changed_orders": (None,),
    }  # fmt: skip
    return reads, ids, start
