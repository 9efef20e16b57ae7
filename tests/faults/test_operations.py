"""What happens to the machine and to the people who run it: kills, restores, replays, updates, broken logs, clocks set back."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from nervo.ports.shop import Hint
from nervo.staging.world import WorldErp, WorldShop
from nervo.store import inbox as inbox_store
from nervo.sync import inbox
from tests.hub import TestHub

STATE = ("saleorder", "publication", "hold", "stockfact", "link", "refresh", "flowdue", "problem")


@pytest.fixture
async def world(store: str):
    erp, shop = WorldErp(), WorldShop(["A", "B"])
    erp.stock("A", 10)
    erp.stock("B", 5)
    hub = await TestHub(erp, {"shop": shop}).start()
    yield erp, shop, hub
    await hub.close()


def state(hub: TestHub) -> dict[str, list[tuple[object, ...]]]:
    """Everything that the hub knows of orders and of what is shown where."""
    return {table: sorted(hub.ask(f"SELECT * FROM store_{table}"), key=repr) for table in STATE}


def effects(erp: WorldErp, shop: WorldShop) -> tuple[object, ...]:
    """Everything that ever took effect outside, from the books of those it happened to."""
    writes = ("put_stock", "put_prices", "put_product", "create_order", "confirm_order", "record_payment", "fulfil")
    calls = Counter({name: n for name, n in (erp.calls + shop.calls).items() if name in writes})
    return list(erp.book), dict(erp.confirmations), dict(erp.payments), list(shop.history), calls


def read_number(topic: str, headers: object, body: bytes) -> tuple[Hint, ...]:
    return (Hint("order", body.decode()),)


async def deliver(hub: TestHub, *numbers: str) -> None:
    now = hub.hub.now_ms()
    rows = [("shop", "orders", f"{n}@{now}", f"{n}@{now}", "{}", n.encode(), now) for n in numbers]
    await hub.hub.db.write(lambda tx: inbox_store.add(tx, rows))
    await drain(hub)


async def drain(hub: TestHub) -> int:
    read = await inbox.drain(hub.hub, {"shop": read_number})
    await hub.settle()
    return read


@pytest.mark.fault(55, 12)
async def test_a_day_that_is_replayed_changes_nothing_here_and_nothing_outside(world) -> None:
    erp, shop, hub = world
    await deliver(hub, shop.sell({"A": 1}))
    hub.clock.advance(86_400)
    since = hub.hub.now_ms()
    sold, cancelled = shop.sell({"A": 2}, paid=False), shop.sell({"B": 1})
    await deliver(hub, sold, cancelled)
    shop.change(sold, payment_status="paid")
    shop.change(cancelled, status="cancelled")
    await deliver(hub, sold, cancelled)
    assert (len(erp.book), list(erp.payments.values())) == (3, [Decimal("10.00"), Decimal("10.00"), Decimal("20.00")])

    before, outside = state(hub), effects(erp, shop)
    assert await hub.command("inbox.replay", since_ms=since) == ("done", "4 deliveries are read again.")
    assert await drain(hub) == 4
    assert (state(hub), effects(erp, shop)) == (before, outside)


async def test_a_delivery_that_could_not_be_read_is_read_when_it_is_replayed(world) -> None:
    erp, shop, hub = world
    rows = [("shop", "orders", "", "sha", "{}", shop.sell({"A": 1}).encode(), hub.hub.now_ms())]
    await hub.hub.db.write(lambda tx: inbox_store.add(tx, rows))
    await inbox.drain(hub.hub, {})
    assert hub.ask("SELECT state FROM store_inbox") == [("failed",)]
    await hub.command("inbox.replay", since_ms=0)
    assert await drain(hub) == 1
    assert (len(erp.book), hub.ask("SELECT state, error FROM store_inbox")) == (1, [("done", "")])
