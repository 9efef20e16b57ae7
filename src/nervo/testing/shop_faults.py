"""A shop whose replies are lost: nothing is believed, everything is looked up, nothing is done twice."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from itertools import count

import pytest

from nervo.errors import OutcomeUnknown
from nervo.kit.simulator import FaultKind
from nervo.model.catalog import Variant
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import OrderStatus
from nervo.ports.shop import StockWrite
from nervo.testing.shop_world import PRODUCT, ShopWorld
from nervo.testing.world import Act, each_lost_reply

LATE_S = 0.3


class ShopFaults:
    """Tests of writes whose outcome nobody told."""

    async def test_stock_whose_reply_was_lost_is_unknown_and_then_found(self, world: ShopWorld) -> None:
        mug = await world.listing("MUG-1")
        quantities, wanted = count(20), [0]

        async def subject() -> Act:
            wanted[0] = next(quantities)
            write = StockWrite("MUG-1", mug.remote, wanted[0], key=f"{wanted[0]}")
            return lambda: world.port.put_stock([write])

        async def once() -> None:
            (shown,) = await world.port.read_listings([mug.remote])
            assert shown.quantity == world.simulator.quantity("MUG-1") == wanted[0]

        await each_lost_reply(world, subject, once)

    async def test_stock_that_arrives_late_is_unknown_and_then_found(self, world: ShopWorld) -> None:
        mug = await world.listing("MUG-1")
        await world.put_stock({"MUG-1": 6}, key="before")
        with world.fault(FaultKind.LATE, seconds=LATE_S), pytest.raises(OutcomeUnknown):
            await world.port.put_stock([StockWrite("MUG-1", mug.remote, 3, key="late")])
        assert world.simulator.quantity("MUG-1") == 6
        await asyncio.sleep(LATE_S * 1.5)
        (shown,) = await world.port.read_listings([mug.remote])
        assert shown.quantity == 3

    async def test_stock_that_never_arrived_is_unknown_and_not_there(self, world: ShopWorld) -> None:
        mug = await world.listing("MUG-1")
        await world.put_stock({"MUG-1": 6}, key="before")
        with world.fault(FaultKind.DROP), pytest.raises(OutcomeUnknown):
            await world.port.put_stock([StockWrite("MUG-1", mug.remote, 3, key="drop")])
        (shown,) = await world.port.read_listings([mug.remote])
        assert shown.quantity == 6

    async def test_prices_whose_reply_was_lost_are_unknown_and_then_found(self, world: ShopWorld) -> None:
        cents, wanted = count(1000), [Decimal(0)]

        async def subject() -> Act:
            wanted[0] = Decimal(next(cents)) / 100
            write = await world.price_write("MUG-1", str(wanted[0]))
            return lambda: world.port.put_prices([write])

        async def once() -> None:
            assert (await world.listing("MUG-1")).price == world.simulator.price("MUG-1") == wanted[0]

        await each_lost_reply(world, subject, once)

    async def test_a_product_whose_reply_was_lost_is_made_once(self, world: ShopWorld) -> None:
        world.needs("products")
        numbers = count(1)
        made: list[str] = []

        async def subject() -> Act:
            n = next(numbers)
            variants = tuple(Variant(f"{v.sku}-{n}", None, v.options) for v in PRODUCT.variants)
            made[:] = [v.sku for v in variants]
            product = replace(PRODUCT, code=f"TOVAGLIA-{n}", name=f"Tovaglia {n}", variants=variants)
            return lambda: world_put(product)

        async def world_put(product: object) -> None:
            known = {x.sku: x.remote for x in await world.port.find_listings(made)}
            await world.port.put_product(product, known, made[0])

        async def once() -> None:
            assert sorted(x.sku for x in await world.sweep() if x.sku in made) == sorted(made)

        await each_lost_reply(world, subject, once)

    async def test_a_fulfilment_whose_reply_was_lost_is_made_once(self, world: ShopWorld) -> None:
        orders: list[str] = []

        async def subject() -> Act:
            orders.append(world.sell(("MUG-1", 1)))
            number = orders[-1]
            parcel = Fulfilment("OUT", carrier="BRT", tracking_number=f"T-{number}")
            return lambda: world.port.fulfil(number, parcel, f"ship/{number}")

        async def once() -> None:
            assert len(world.simulator.fulfilments(orders[-1])) == 1

        await each_lost_reply(world, subject, once)

    async def test_a_cancellation_whose_reply_was_lost_is_done_once(self, world: ShopWorld) -> None:
        world.needs("cancel")
        orders: list[str] = []

        async def subject() -> Act:
            orders.append(world.sell(("MUG-1", 2)))
            number = orders[-1]
            return lambda: world.port.cancel_order(number, "")

        async def once() -> None:
            assert (await world.port.order(orders[-1])).status is OrderStatus.CANCELLED
            assert world.simulator.quantity("MUG-1") == 7

        await each_lost_reply(world, subject, once)
