"""The conformance suite of the ERP port."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio

from nervo.errors import Unsupported
from nervo.ports.common import Cursor
from nervo.ports.erp import Erp
from nervo.testing.common import Common
from nervo.testing.erp_orders import ErpOrders
from nervo.testing.erp_world import ErpWorld, payment, sold
from nervo.testing.world import Act, World, opened

VERBS = "settings add_product set_stock set_price orders ship cancel figure history".split()
MANY = 230
ACCENTS = "Caffè «Città d’Oro» & più ☕ 👩🏽‍🍳"


class ErpConformance(ErpOrders, Common):
    """Every ERP. Its simulator starts with a shirt in two sizes and a mug, of which one shirt has run out."""

    @pytest_asyncio.fixture
    async def world(self) -> AsyncIterator[World]:
        async with opened(self.connector, Erp, VERBS) as world:
            sizes = [("SHIRT-M", "8001234567890", Decimal("24.40"), 10), ("SHIRT-L", None, Decimal("24.40"), 0)]
            world.simulator.add_product("SHIRT", "Camicia Oxford", sizes)
            world.simulator.add_product("MUG", "Tazza", [("MUG-1", None, Decimal("12.20"), 5)])
            yield ErpWorld(**vars(world))

    async def reads(self, world: World) -> dict[str, Act]:
        assert isinstance(world, ErpWorld)
        port, written = world.port, await world.written("read-1")
        place = (await port.changed_stock(None)).next
        return {
            "check": port.check,
            "products": lambda: port.products(None),
            "prices": lambda: port.prices(None),
            "changed_stock": lambda: port.changed_stock(place),
            "stock_of": lambda: port.stock_of(["MUG-1"]),
            "stock_snapshot": lambda: port.stock_snapshot(None),
            "find_customer": lambda: port.find_customer(sold("77").customer),
            "find_order": lambda: port.find_order("read-1"),
            "read_order": lambda: port.read_order(written.erp_id),
            "changed_orders": lambda: port.changed_orders(None),
        }

    async def writes(self, world: World) -> dict[str, Act]:
        assert isinstance(world, ErpWorld)
        port, written = world.port, await world.written("write-1")
        order, draft = sold("88", email="bruna@example.com"), await world.draft("write-2")
        return {
            "create_customer": lambda: port.create_customer(order.customer, order, "customer-2"),
            "create_order": lambda: port.create_order(draft),
            "confirm_order": lambda: port.confirm_order(written.erp_id),
            "record_payment": lambda: port.record_payment(written.erp_id, payment(order), "pay/1"),
            "cancel_order": lambda: port.cancel_order(written.erp_id),
        }

    # Products and prices

    async def test_every_product_comes_once_and_whole(self, world: ErpWorld) -> None:
        world.add_many(MANY)
        found = await world.all_of("products")
        assert len({p.code for p in found}) == len(found) == MANY + 2
        (shirt,) = (p for p in found if p.code == "SHIRT")
        assert [(v.sku, v.gtin) for v in shirt.variants] == [("SHIRT-M", "8001234567890"), ("SHIRT-L", None)]

    @pytest.mark.parametrize("name", [ACCENTS, "è" * 255], ids=["accents and emoji", "255 characters"])
    async def test_a_name_comes_as_it_is(self, world: ErpWorld, name: str) -> None:
        world.simulator.add_product("NAME", name, [("NAME-1", None, Decimal("1.00"), 1)])
        assert name in [p.name for p in await world.all_of("products")]

    async def test_a_product_that_nobody_can_read_stops_no_other_and_is_named(self, world: ErpWorld) -> None:
        world.simulator.add_product("GOOD", "Buono", [("GOOD-1", None, Decimal("1.00"), 1)])
        world.verb("garble_product")("SHIRT")
        page = await world.port.products(None)
        assert page.unreadable == ("SHIRT",)
        assert "GOOD" in [p.code for p in page.items] and "SHIRT" not in [p.code for p in page.items]

    async def test_a_price_that_nobody_can_read_stops_no_other_and_is_named(self, world: ErpWorld) -> None:
        lists = {p.sku: p.price_list for p in await world.all_of("prices")}
        world.verb("garble_price")("SHIRT-M", lists["SHIRT-M"])
        page = await world.port.prices(None)
        assert page.unreadable == (f"SHIRT-M@{lists['SHIRT-M']}",)
        assert "SHIRT-L" in [p.sku for p in page.items]

    async def test_products_go_on_after_the_cursor_in_another_process(self, world: ErpWorld) -> None:
        reached = await world.end_of("products")
        world.clock.advance(2)
        world.simulator.add_product("NEW", "Nuovo", [("NEW-1", None, Decimal("1.00"), 1)])
        assert "NEW" in [p.code for p in await world.all_of("products", reached, world.connect())]

    async def test_prices_are_exact_and_say_which_they_are(self, world: ErpWorld) -> None:
        prices = [p for p in await world.all_of("prices") if p.sku == "SHIRT-M"]
        assert prices
        for price in prices:
            (amount,) = (a for a in (price.price_net, price.price_gross) if a is not None)
            assert isinstance(amount, Decimal) and price.currency and price.price_list
        assert Decimal("24.40") in [p.price_gross for p in prices] or Decimal("24.40") in [p.price_net for p in prices]

    async def test_a_changed_price_comes_after_the_cursor(self, world: ErpWorld) -> None:
        name = (await world.all_of("prices"))[0].price_list
        reached = await world.end_of("prices")
        world.clock.advance(2)
        world.simulator.set_price("MUG-1", name, Decimal("0.05"))
        changed = [p for p in await world.all_of("prices", reached) if p.sku == "MUG-1" and p.price_list == name]
        assert Decimal("0.05") in [p.price_gross if p.price_gross is not None else p.price_net for p in changed]

    async def test_without_promotions_reading_them_is_unsupported_before_any_call(self, world: ErpWorld) -> None:
        world.lacks("promotions")
        calls = len(world.exchanges)
        with pytest.raises(Unsupported):
            await world.port.promotions(None)
        assert len(world.exchanges) == calls

    # Stock

    async def test_a_sku_that_is_not_there_is_absent_and_one_that_ran_out_is_zero(self, world: ErpWorld) -> None:
        found = await world.port.stock_of(["SHIRT-L", "NONE", "MUG-1"])
        totals = {sku: sum(f.quantity for f in found if f.sku == sku) for sku in {f.sku for f in found}}
        assert totals == {"SHIRT-L": 0, "MUG-1": 5}
        assert {type(f.quantity) for f in found} == {Decimal}

    async def test_stock_is_told_for_every_warehouse(self, world: ErpWorld) -> None:
        found = await world.port.stock_of(["MUG-1"])
        assert len({f.warehouse for f in found}) == len(found)
        for figure in found:
            assert figure.quantity == world.simulator.figure("MUG-1", figure.warehouse)

    @pytest.mark.parametrize("quantity", [Decimal("2.5"), Decimal("-3")])
    async def test_a_fraction_or_a_negative_figure_comes_as_the_erp_says(
        self, world: ErpWorld, quantity: Decimal
    ) -> None:
        warehouse = (await world.port.stock_of(["MUG-1"]))[0].warehouse
        world.simulator.set_stock("MUG-1", warehouse, quantity)
        found = await world.port.stock_of(["MUG-1"])
        assert quantity in [f.quantity for f in found if f.warehouse == warehouse]

    async def test_a_full_batch_of_skus_is_answered_whole(self, world: ErpWorld) -> None:
        size = world.port.capabilities.stock_batch
        world.add_many(size)
        found = await world.port.stock_of([f"SKU-{n:04}" for n in range(size)])
        assert {f.sku for f in found} == {f"SKU-{n:04}" for n in range(size)}

    async def test_a_snapshot_sees_every_sku_once(self, world: ErpWorld) -> None:
        world.add_many(MANY)
        found, mark = [], None
        for _ in range(MANY):
            page, mark = await world.port.stock_snapshot(mark)
            found += page
            if mark is None:
                break
        assert mark is None
        places = [(f.sku, f.warehouse) for f in found]
        assert len(places) == len(set(places))
        assert {f.sku for f in found} == {"SHIRT-M", "SHIRT-L", "MUG-1", *(f"SKU-{n:04}" for n in range(MANY))}

    async def test_the_stock_feed_starts_at_now_without_items(self, world: ErpWorld) -> None:
        page = await world.port.changed_stock(None)
        assert page.items == () and page.next is not None and not page.more

    async def test_the_stock_feed_finds_every_move(self, world: ErpWorld) -> None:
        start = (await world.port.changed_stock(None)).next
        world.add_many(MANY)
        order = await world.confirmed("feed-1")
        assert set(await world.all_of("changed_stock", start)) == {"SHIRT-M", *(f"SKU-{n:04}" for n in range(MANY))}
        later = await world.end_of("changed_stock", start)
        await world.port.cancel_order(order.erp_id)
        assert set(await world.all_of("changed_stock", later, world.connect())) == {"SHIRT-M"}

    async def test_the_stock_feed_read_again_from_a_cursor_finds_the_same(self, world: ErpWorld) -> None:
        start = (await world.port.changed_stock(None)).next
        world.add_many(3)
        assert await world.all_of("changed_stock", start) == await world.all_of("changed_stock", start)
        assert await world.all_of("changed_stock", await world.end_of("changed_stock", start)) == []

    async def test_a_rewound_cursor_finds_the_moves_of_that_time_again(self, world: ErpWorld) -> None:
        start: Cursor = (await world.port.changed_stock(None)).next
        world.clock.advance(5)
        world.add_many(3)
        reached = await world.end_of("changed_stock", start)
        assert reached is not None
        assert {"SKU-0000", "SKU-0001", "SKU-0002"} <= set(await world.all_of("changed_stock", reached.rewound(60)))

    async def test_the_doorbell_rings_when_something_changed(self, world: ErpWorld) -> None:
        world.needs("doorbell")
        mark, _ = await world.port.doorbell("")
        world.add_many(1)
        after, rung = await world.port.doorbell(mark)
        assert rung and after != mark
