"""A shipment is told once, though nobody knows whether the first telling has arrived."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from nervo.errors import OutcomeUnknown
from nervo.flows.catalogue import flows_of
from nervo.flows.mark_shipped import follow_erp_orders
from nervo.model.fulfilment import Fulfilment
from nervo.staging.world import WorldErp, WorldShop
from nervo.store.database import Tx
from nervo.sync.lease import LEASE_S
from tests.hub import TestHub

LATE_S = 30.0


class Died(BaseException):
    """The process ended here."""


class LateShop(WorldShop):
    """The first telling is cut off and takes effect almost as late as it may; each that takes effect writes to the buyer."""

    def __init__(self, cut: BaseException) -> None:
        super().__init__(["A"])
        self.capabilities = replace(self.capabilities, late_application_s=LATE_S)
        self.cut, self.lands_at, self.letters = cut, 0.0, 0
        self.now = lambda: 0.0

    async def fulfil(self, external_id: str, fulfilment: Fulfilment, key: str) -> str:
        if not self.lands_at:
            self.lands_at = self.now() + LATE_S - 1
            raise self.cut
        if self.now() >= self.lands_at:  # the first one is there, and is found
            self.letters += not self.fulfilments
            self.fulfilments[external_id] = [fulfilment.tracking_number]
            return fulfilment.tracking_number
        self.letters += 2  # this one now, the first one later
        return await super().fulfil(external_id, fulfilment, key)


@pytest.fixture
async def shipped(store: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple[LateShop, TestHub]]:
    erp, shop = WorldErp(), LateShop(request.param)
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}, owner="hub-a").start()
    shop.now = hub.clock.monotonic
    shop.sell({"A": 1})
    await hub.settle()
    (key,) = erp.orders
    erp.ship(key, "BRT-1")
    yield shop, hub
    await hub.close()


@pytest.mark.parametrize("shipped", [OutcomeUnknown("telling", "no answer")], indirect=True)
async def test_an_unknown_telling_is_waited_out_before_it_is_repeated(shipped: tuple[LateShop, TestHub]) -> None:
    shop, hub = shipped
    await hub.settle()
    hub.clock.advance(LATE_S)
    await hub.settle()
    assert (shop.letters, len(shop.fulfilments)) == (1, 1)
    assert hub.ask("SELECT state, pending FROM store_saleorder") == [("shipped", "")]


@pytest.mark.parametrize("shipped", [Died()], indirect=True)
async def test_a_successor_waits_out_what_a_dead_process_was_telling(shipped: tuple[LateShop, TestHub]) -> None:
    shop, hub = shipped
    hub.hub.start_flow = lambda flow, order: None
    await follow_erp_orders(hub.hub)
    with pytest.raises(Died):
        await flows_of(hub.hub)["mark_shipped"](1)
    assert hub.ask("SELECT pending FROM store_saleorder") == [("shipment",)]
    hub.clock.advance(LEASE_S + 0.1)
    second = await hub.beside("hub-b").start()
    await second.settle()
    second.clock.advance(LATE_S)
    await second.settle()
    assert (shop.letters, len(shop.fulfilments)) == (1, 1)
    await second.close()


@pytest.mark.fault(54)
async def test_an_order_that_had_left_before_it_was_known_here_is_shipped_at_its_channel(store: str) -> None:
    """As after an old backup: the ERP has told of the shipment, and the channel's order is found again only then."""
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 10)
    hub = await TestHub(erp, {"shop": shop}).start()
    shop.sell({"A": 1})
    await hub.settle()
    (key,) = erp.orders
    erp.ship(key, "BRT-1")
    await _forget_the_order(hub)
    await follow_erp_orders(hub.hub)
    await hub.settle()
    assert hub.ask("SELECT state FROM store_saleorder") == [("shipped",)]
    assert [number for numbers in shop.fulfilments.values() for number in numbers] == ["BRT-1"]
    await hub.close()


async def _forget_the_order(hub: TestHub) -> None:
    def forget(tx: Tx) -> None:
        tx.run("DELETE FROM store_hold")
        tx.run("DELETE FROM store_event")
        tx.run("DELETE FROM store_saleorder")
        tx.run("DELETE FROM store_sourcecursor WHERE connection = 'shop' AND entity = 'orders'")

    await hub.hub.db.write(forget)
