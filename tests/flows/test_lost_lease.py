"""A sale that was cut short by a lost lease is finished, though its shipment has overtaken it."""

from __future__ import annotations

import pytest

from nervo.flows.mark_shipped import follow_erp_orders
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import orders
from nervo.sync.fence import LostLease
from tests.hub import TestHub


@pytest.mark.parametrize("cut_short", ["confirm_order", "record_payment"])
async def test_a_sale_that_was_cut_short_is_finished_after_its_shipment(store: str, cut_short: str) -> None:
    erp, shop = WorldErp(), WorldShop(["A"])
    erp.stock("A", 9)
    hub = await TestHub(erp, {"shop": shop}).start()
    number = shop.sell({"A": 2})
    erp.faults.fail(cut_short, LostLease("sending to erp"))
    await orders.sweep(hub.hub, hub.hub.channels()[0])
    await hub.engine.idle()
    (key,) = erp.orders
    await erp.confirm_order(key)  # by the office, or by us without hearing of it
    erp.ship(key, "TRACK-1")
    await follow_erp_orders(hub.hub)
    await hub.engine.idle()
    assert shop.fulfilments == {number: ["TRACK-1"]}
    await hub.settle()
    assert (list(erp.payments.values()), erp.confirmations) == ([shop.sold[number].total_gross], {key: 1})
    assert hub.ask("SELECT state FROM store_saleorder") == [("shipped",)]
    assert hub.ask("SELECT count(*) FROM store_hold WHERE released_tick IS NULL") == [(0,)]
    assert shop.shown == {"A": 7}
    await hub.close()
