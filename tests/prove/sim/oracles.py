"""What must hold (I1–I22 of the design), asked of the foreign systems' own books wherever they know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from nervo.kit.pacing import may_leave
from nervo.staging.reckoning import Result, reckon
from nervo.staging.wires import Exchange
from nervo.store.database import _read
from nervo.sync import availability
from tests.prove.sim.scene import Scene

IN_ERP = ("confirmed", "shipped", "done", "cancelled")
HELD = """SELECT DISTINCT p.connection, p.key FROM store_problem p LEFT JOIN store_saleorder o
          ON o.connection = p.connection AND o.external_id = p.key
          WHERE p.state = 'open' AND p.subject = 'order' AND (o.id IS NULL OR o.state = 'held')"""
EDGES = {
    "waiting": {"received", "held", "cancelled"},
    "received": {"held", "in_erp", "cancelled", "ignored"},
    "held": {"received", "in_erp", "cancelled", "ignored"},
    "in_erp": {"shipped", "cancelled", "held"},
    "shipped": {"cancelled"},
    "cancelled": set(),
    "ignored": set(),
}


class Oracles:
    """Watches one history; `broken` is what was violated, each once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.broken: list[str] = []
        self.looks = 0
        self._states: dict[int, str] = {}
        self._restored = 0
        self._said = scene.net.said
        scene.net.said = self._leaves

    def say(self, invariant: str, what: str) -> None:
        line = f"{invariant} at {self.scene.loop.time():.1f} s: {what}"
        if len(self.broken) < 20 and not any(b.startswith(invariant) for b in self.broken):
            self.broken.append(line)

    # As a request leaves

    def _leaves(self, exchange: Exchange, drawn: Any) -> None:
        """I17: a write leaves only a process that holds the lease at that moment."""
        self._said(exchange, drawn)
        if may_leave.get() is not None and exchange.client.name.startswith("hub"):
            now_ms = int(1000 * self.scene.loop.time()) + 10**12
            holder = self.scene.rows(
                "SELECT owner FROM store_lease WHERE name = 'hub' AND expires_ms >= ?".replace("?", "%s"), now_ms
            )
            if holder != [(exchange.client.name,)]:
                self.say("I17", f"{exchange.client.name} sent {exchange.line} while the lease was {holder}")

    # While the history goes on

    def look(self) -> None:
        """Everything that must hold at any moment."""
        self.looks += 1
        if self.scene.restored != self._restored:
            self._restored = self.scene.restored
            self._states.clear()
        self._order_states()
        self._bounded()
        self._twice()
        self._lost_flows()
        if not self.scene.restored:
            self._promises()

    def _order_states(self) -> None:
        """I10: an order's state moves along the allowed edges only."""
        for id, state in self.scene.rows("SELECT id, state FROM store_saleorder"):
            before = self._states.get(id, state)
            if state != before and not _reachable(before, state):
                self.say("I10", f"order {id} went from {before} to {state}")
            self._states[id] = state

    def _bounded(self) -> None:
        """I14: no more rows than keys."""
        skus, channels = len(self.scene.world.skus) + 1, len(self.scene.world.shops)
        ((stock,),) = self.scene.rows("SELECT count(*) FROM store_publication WHERE kind = 'stock'")
        ((hints,),) = self.scene.rows("SELECT count(*) FROM store_refresh WHERE entity = 'stock'")
        if stock > skus * channels or hints > skus:
            self.say("I14", f"{stock} publications and {hints} hints for {skus} SKUs on {channels} channels")

    def _twice(self) -> None:
        """I3 and I9's kin: nothing is twice in the foreign books."""
        world = self.scene.world
        rows = world.erp.orders()
        for key, count in Counter(row["key"] for row in rows).items():
            if count > 1:
                self.say("I3", f"order {key} is {count} times in the ERP")
        for row in rows:
            if row["paid"] > row["total"]:
                self.say("I3", f"order {row['key']} is paid {row['paid']} of {row['total']}")
        owners = Counter(customer.email for customer, _ in world.erp.sales.customers.values())
        for email, count in owners.items():
            if count > 1:
                self.say("I3", f"customer {email} is {count} times in the ERP")
        for name, shop in world.shops.items():
            for id in shop.order_ids():
                told = Counter(f["tracking_number"] for f in shop.fulfilments(id))
                if any(n > 1 for n in told.values()):
                    self.say("I3", f"{name} {id} was fulfilled twice: {told}")

    def _lost_flows(self) -> None:
        """I2: an order that goes on by itself has a flow written down, or a problem that says why not."""
        rows = self.scene.rows(
            "SELECT id, external_id FROM store_saleorder o WHERE state = 'received' AND NOT EXISTS (SELECT 1 FROM store_flowdue f "
            "WHERE f.order_id = o.id) AND NOT EXISTS (SELECT 1 FROM store_problem p WHERE p.order_id = o.id AND p.state = 'open')"
        )
        if rows:
            self.say("I2", f"orders {rows} wait for nothing")

    def _promises(self) -> None:
        """I7: no channel is promised more than the ERP has, less what accepted orders will take from it. Of SKUs that people buy:
        their figures fall only by confirmed orders, so that an older reading never has more, unless they were miscounted."""
        scene, world = self.scene, self.scene.world
        states = {row["key"]: row["state"] for row in world.erp.orders()}
        taken = Counter[str]()
        for connection, external_id, key, state in scene.rows(
            "SELECT connection, external_id, erp_key, state FROM store_saleorder WHERE NOT cancel_wanted"
        ):
            if state in ("received", "held", "in_erp") and states.get(key) not in IN_ERP:
                placed = next((p for p in world.placed if (p.shop, p.id) == (connection, external_id)), None)
                taken.update(dict(placed.lines) if placed else {})
        looked_at = [sku for sku in world.bought if sku not in scene.miscounted]
        for name in world.shops:
            rule = world.config.connections[name].stock
            found = _read(lambda tx, rule=rule: availability.many(tx, rule, looked_at))
            for sku, said in found.items():
                figure = sum((world.erp.figure(sku, w) for w in rule.warehouses or ("MI", "RM")), Decimal(0))
                most = max(Decimal(0), figure - taken[sku])
                if said.available_to_promise is not None and said.available_to_promise > most:
                    self.say(
                        "I7", f"{name} is promised {said.available_to_promise} of {sku}, there are {most}: {said.terms}"
                    )

    # At rest

    def held(self) -> set[tuple[str, str]]:
        return {(connection, key) for connection, key in self.scene.rows(HELD)}

    def reckoned(self) -> Result:
        result = reckon(self.scene.world, self.held(), self.scene.people.changes)
        return replace(result, complaints=tuple(c for c in result.complaints if c != "no stock change was measured"))

    @staticmethod
    def agree(result: Result) -> bool:
        """Whether the books do; that nobody bought anything, since nothing was on the shelves yet, is no fault."""
        return result.good or (result.orders == 0 and not result.diverged and not result.complaints)

    def at_rest(self, result: Result) -> None:
        """I2, I3, I4, I8 from the books; I1 from what was acknowledged; I6 from the shops' histories."""
        self.look()
        if not self.agree(result):
            self.say("I2/I3/I4/I8", f"{result.line()} {'; '.join(result.complaints[:4])}")
        for line in self._money():
            self.say("I8", line)
        if not self.scene.restored:
            self._kept()
        self._forwards()

    def _money(self) -> Iterator[str]:
        rows = {row["key"]: row for row in self.scene.world.erp.orders()}
        kept = self.scene.rows(
            "SELECT erp_key, total, currency FROM store_saleorder WHERE state IN ('in_erp', 'shipped')"
        )
        for key, total, currency in kept:
            if (Decimal(total), currency) != (rows[key]["total"], rows[key]["currency"]):
                yield f"{key}: {total} {currency} at the channel, {rows[key]['total']} in the ERP"

    def _kept(self) -> None:
        """I1: every acknowledged delivery is in the inbox, once."""
        rows = Counter(self.scene.rows("SELECT connection, body_sha256 FROM store_inbox"))
        for delivery in set(self.scene.acknowledged):
            if not rows[delivery]:
                self.say("I1", f"acknowledged and not kept: {delivery}")

    def _forwards(self) -> None:
        """I6: of SKUs that the office counts to ever other numbers, no shop shows an older count after a newer one. An old
        backup knows older counts only, and asks the ERP first."""
        for name, shop in self.scene.world.shops.items():
            order = {(c.sku, c.wanted[name]): n for n, c in enumerate(self.scene.people.changes)}
            newest: dict[str, int] = {}
            for at, sku, quantity in shop.history:
                version = order.get((sku, int(quantity)), -1)
                if version < newest.get(sku, -1):
                    self.say("I6", f"{name} went back to {quantity} of {sku} at {at:.1f} s")
                newest[sku] = max(version, newest.get(sku, -1))


def _reachable(before: str, after: str) -> bool:
    """Over any number of edges: states between two looks are not seen."""
    seen, wave = {before}, [before]
    while wave:
        wave = [n for s in wave for n in EDGES[s] if n not in seen]
        seen.update(wave)
    return after in seen
