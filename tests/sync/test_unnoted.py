"""A call arrived, and the store could not take its answer: the hub goes on, and what the channel shows is unknown."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nervo.errors import Unavailable
from nervo.staging.world import WorldErp, WorldShop
from nervo.sync import source
from nervo.sync.kinds import PriceKind, StockKind
from nervo.sync.products import ProductPublisher
from nervo.sync.publish import Publisher
from tests.hub import TestHub

LATE_S = 30.0


async def hub_of() -> tuple[WorldErp, WorldShop, TestHub]:
    erp, shop = WorldErp(), WorldShop(["S0"])
    shop.capabilities = replace(shop.capabilities, late_application_s=LATE_S)
    erp.stock("S0", 7)
    return erp, shop, await TestHub(erp, {"shop": shop}).start()


def without_a_store_after(hub: TestHub, shop: WorldShop, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store takes nothing from when this call of the shop has been made."""
    call = getattr(shop, operation)

    async def full(*args: Any, **how: Any) -> Any:
        raise Unavailable("writing to the store", "database or disk is full", code="store_unavailable")

    async def called(*args: Any) -> Any:
        monkeypatch.setattr(hub.hub.db, "write", full)
        return await call(*args)

    monkeypatch.setattr(shop, operation, called)


async def read_stock(hub: TestHub) -> None:
    await source.listen(hub.hub)
    await source.read_stock(hub.hub)


async def read_catalogue(hub: TestHub) -> None:
    await hub.hub.db.write(lambda tx: tx.run("DELETE FROM store_sourcecursor WHERE entity <> 'stock'"))
    await source.catalogue(hub.hub)


def stock(erp: WorldErp, number: int) -> None:
    erp.stock("S0", number)


def price(erp: WorldErp, number: int) -> None:
    erp.price["S0"] = Decimal(number)


def name(erp: WorldErp, number: int) -> None:
    erp.pages["S0"] = replace(erp.pages["S0"], name=f"Name {number}")


KINDS = {
    "put_stock": (stock, read_stock, lambda hub, channel: Publisher(hub, channel, StockKind()), lambda shop: shop.shown["S0"]),
    "put_prices": (price, read_catalogue, lambda hub, channel: Publisher(hub, channel, PriceKind()), lambda shop: shop.price["S0"]),
    "put_product": (name, read_catalogue, ProductPublisher, lambda shop: shop.pages["S0"].name),
}  # fmt: skip


@pytest.mark.fault(9)
@pytest.mark.parametrize("operation", KINDS)
async def test_a_value_that_was_sent_and_not_noted_is_not_left_there_when_the_erp_goes_back(
    store: str, operation: str
) -> None:
    change, read, publisher, shown = KINDS[operation]
    erp, shop, hub = await hub_of()
    change(erp, 8)
    await read(hub)
    await hub.settle()
    before = shown(shop)
    change(erp, 9)
    await read(hub)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Unavailable):
        without_a_store_after(hub, shop, operation, patch)
        await publisher(hub.hub, hub.hub.channels()[0]).drain()
    assert shown(shop) != before
    change(erp, 8)
    await read(hub)
    await hub.settle()
    hub.clock.advance(LATE_S)
    await hub.settle()
    assert shown(shop) == before
    assert hub.ask("SELECT count(*) FROM store_publication WHERE dirty_tick > 0 OR inflight_epoch > 0") == [(0,)]
    await hub.close()
