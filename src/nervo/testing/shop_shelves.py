"""A shop's listings, stock, prices and products."""

from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.errors import OperatorError, Unsupported
from nervo.model.catalog import Variant
from nervo.ports.common import Outcome
from nervo.ports.shop import ALL_FIELDS, StockWrite
from nervo.testing.shop_world import PRODUCT, ShopWorld, gone, gone_remote

ALL = {"MUG-1", "SHIRT-S", "SHIRT-M"}
MANY = 260
NOT_DONE = (Outcome.MISSING, Outcome.REJECTED)
ACCENTS = "Caffè «Città d’Oro» & più ☕ 👩🏽‍🍳"


class ShopShelves:
    """Tests of what the shop shows."""

    # Reading

    async def test_a_sweep_sees_every_sku_once(self, world: ShopWorld) -> None:
        for n in range(MANY):
            world.simulator.add_product(f"P{n}", f"Articolo {n}", [(f"SKU-{n:03}", None, Decimal("1.00"), n)])
        found = [listing.sku for listing in await world.sweep()]
        assert sorted(found) == sorted(ALL | {f"SKU-{n:03}" for n in range(MANY)})

    async def test_a_sweep_goes_on_after_its_mark_in_another_process(self, world: ShopWorld) -> None:
        for n in range(MANY):
            world.simulator.add_product(f"P{n}", f"Articolo {n}", [(f"SKU-{n:03}", None, Decimal("1.00"), n)])
        skus, mark = [], None
        while True:
            page, mark = await world.connect().listings(mark)
            skus += [listing.sku for listing in page]
            if mark is None:
                break
        assert len(skus) == len(set(skus)) == MANY + len(ALL)

    async def test_a_listing_tells_quantity_price_and_gtin_exactly(self, world: ShopWorld) -> None:
        mug = await world.listing("MUG-1")
        assert (mug.quantity, mug.price, mug.gtin) == (7, Decimal("19.90"), "8001234567890")
        assert isinstance(mug.price, Decimal)
        assert (await world.listing("SHIRT-M")).price == Decimal("0.25")

    async def test_a_sku_that_the_shop_does_not_have_is_absent(self, world: ShopWorld) -> None:
        assert [x.sku for x in await world.port.find_listings(["NONE", "MUG-1"])] == ["MUG-1"]
        assert await world.port.find_listings([]) == ()

    async def test_a_listing_that_is_gone_is_absent(self, world: ShopWorld) -> None:
        mug, shirt = await world.listing("MUG-1"), await world.listing("SHIRT-S")
        found = await world.port.read_listings([mug.remote, gone_remote(mug.remote), shirt.remote])
        assert sorted(x.sku for x in found) == ["MUG-1", "SHIRT-S"]

    async def test_what_is_read_by_id_is_what_was_found_by_sku(self, world: ShopWorld) -> None:
        found = await world.port.find_listings(sorted(ALL))
        again = await world.port.read_listings([x.remote for x in found])
        assert sorted(again, key=lambda x: x.sku) == sorted(found, key=lambda x: x.sku)

    # Stock

    async def test_setting_stock_twice_equals_once(self, world: ShopWorld) -> None:
        for _ in range(2):
            assert {o.outcome for o in (await world.put_stock({"MUG-1": 4, "SHIRT-S": 0})).values()} == {Outcome.DONE}
        assert (world.simulator.quantity("MUG-1"), world.simulator.quantity("SHIRT-S")) == (4, 0)
        assert (await world.listing("MUG-1")).quantity == 4

    async def test_stock_that_was_changed_by_hand_is_set_again(self, world: ShopWorld) -> None:
        await world.put_stock({"MUG-1": 4}, key="one")
        world.simulator.edit_stock("MUG-1", 99)
        assert (await world.listing("MUG-1")).quantity == 99
        await world.put_stock({"MUG-1": 4}, key="two")
        assert world.simulator.quantity("MUG-1") == 4

    @pytest.mark.parametrize("quantity", [-1, Decimal("1.5")])
    async def test_a_negative_or_fractional_stock_is_refused_before_the_call(
        self, world: ShopWorld, quantity: int
    ) -> None:
        remote = (await world.listing("MUG-1")).remote
        calls = len(world.exchanges)
        with pytest.raises(OperatorError):
            await world.port.put_stock([StockWrite("MUG-1", remote, quantity)])
        assert len(world.exchanges) == calls
        assert world.simulator.quantity("MUG-1") == 7

    async def test_a_full_batch_is_one_outcome_an_item(self, world: ShopWorld) -> None:
        size = min(world.port.capabilities.stock_batch, MANY)
        for n in range(size):
            world.simulator.add_product(f"P{n}", f"Articolo {n}", [(f"SKU-{n:03}", None, Decimal("1.00"), 0)])
        found = [x for x in await world.sweep() if x.sku not in ALL]
        outcomes = await world.port.put_stock([StockWrite(x.sku, x.remote, 8, key="full") for x in found])
        assert sorted(o.sku for o in outcomes) == sorted(x.sku for x in found)
        assert {o.outcome for o in outcomes} == {Outcome.DONE}
        assert {world.simulator.quantity(x.sku) for x in found} == {8}

    async def test_a_partly_failed_batch_of_stock_names_the_failed_items_only(self, world: ShopWorld) -> None:
        mug, shirt = await world.listing("MUG-1"), await world.listing("SHIRT-S")
        first, last = StockWrite("MUG-1", mug.remote, 1, key="p"), StockWrite("SHIRT-S", shirt.remote, 1, key="p")
        found = {o.sku: o for o in await world.port.put_stock([first, gone(first), last])}
        assert found["GONE"].outcome in NOT_DONE
        for write in (first, last):
            outcome = found[write.sku].outcome
            assert outcome in (Outcome.DONE, Outcome.THROTTLED), "it did not fail: DONE, or THROTTLED to be sent again"
            assert (world.simulator.quantity(write.sku) == 1) == (outcome is Outcome.DONE)
        left = [w for w in (first, last) if found[w.sku].outcome is Outcome.THROTTLED]
        if left:
            assert {o.outcome for o in await world.port.put_stock(left)} == {Outcome.DONE}
        assert (world.simulator.quantity("MUG-1"), world.simulator.quantity("SHIRT-S")) == (1, 1)

    async def test_a_stock_that_somebody_else_moved_is_stale(self, world: ShopWorld) -> None:
        world.needs("compare_and_set")
        outcomes = await world.put_stock({"MUG-1": 3}, expected=6)
        assert outcomes["MUG-1"].outcome is Outcome.STALE
        assert world.simulator.quantity("MUG-1") == 7
        assert (await world.put_stock({"MUG-1": 3}, key="k2", expected=7))["MUG-1"].outcome is Outcome.DONE

    # Prices

    async def test_a_price_is_set_to_the_cent_and_twice_equals_once(self, world: ShopWorld) -> None:
        write = await world.price_write("SHIRT-S", "1234.57")
        for _ in range(2):
            assert [o.outcome for o in await world.port.put_prices([write])] == [Outcome.DONE]
        assert world.simulator.price("SHIRT-S") == Decimal("1234.57")
        assert (await world.listing("SHIRT-S")).price == Decimal("1234.57")
        assert world.simulator.price("SHIRT-M") == Decimal("0.25")

    async def test_a_partly_failed_batch_of_prices_names_the_failed_items_only(self, world: ShopWorld) -> None:
        first, last = await world.price_write("MUG-1", "5.00"), await world.price_write("SHIRT-S", "6.00")
        found = {o.sku: o.outcome for o in await world.port.put_prices([first, gone(first), last])}
        assert found.pop("GONE") in NOT_DONE
        assert set(found.values()) == {Outcome.DONE}
        assert (world.simulator.price("MUG-1"), world.simulator.price("SHIRT-S")) == (Decimal("5.00"), Decimal("6.00"))

    async def test_a_compare_at_price_is_set_and_cleared(self, world: ShopWorld) -> None:
        world.needs("compare_at")
        await world.port.put_prices([await world.price_write("MUG-1", "15.00", "19.90")])
        shown = await world.listing("MUG-1")
        assert (shown.price, shown.compare_at) == (Decimal("15.00"), Decimal("19.90"))
        await world.port.put_prices([await world.price_write("MUG-1", "16.00")])
        shown = await world.listing("MUG-1")
        assert (shown.price, shown.compare_at) == (Decimal("16.00"), None)

    # Products

    async def test_a_product_is_made_with_a_listing_for_each_variant(self, world: ShopWorld) -> None:
        world.needs("products")
        made = await world.port.put_product(PRODUCT, {}, "key")
        assert sorted(x.sku for x in made) == ["TOV-180", "TOV-90"]
        found = {x.sku: x for x in await world.port.find_listings(["TOV-90", "TOV-180"])}
        assert {x.sku: x.remote for x in made} == {sku: x.remote for sku, x in found.items()}
        assert found["TOV-180"].gtin == "8001234567906"

    async def test_putting_a_product_twice_makes_one(self, world: ShopWorld) -> None:
        world.needs("products")
        first = await world.port.put_product(PRODUCT, {}, "key")
        await world.port.put_product(PRODUCT, {x.sku: x.remote for x in first}, "key")
        again = await world.port.put_product(PRODUCT, {x.sku: x.remote for x in first}, "another")
        assert {x.sku: x.remote for x in again} == {x.sku: x.remote for x in first}
        assert sorted(x.sku for x in await world.sweep()) == sorted(ALL | {"TOV-90", "TOV-180"})

    async def test_an_update_touches_neither_stock_nor_price(self, world: ShopWorld) -> None:
        world.needs("products")
        known = {x.sku: x.remote for x in await world.port.put_product(PRODUCT, {}, "key")}
        await world.put_stock({"TOV-90": 6})
        await world.port.put_prices([await world.price_write("TOV-90", "45.00")])
        await world.port.put_product(replace(PRODUCT, name="Tovaglia"), known, "key 2")
        assert (world.simulator.quantity("TOV-90"), world.simulator.price("TOV-90")) == (6, Decimal("45.00"))

    async def test_a_name_that_is_the_shops_own_is_given_once_and_then_kept(self, world: ShopWorld) -> None:
        world.needs("products")
        known = {x.sku: x.remote for x in await world.port.put_product(PRODUCT, {}, "key", frozenset())}
        renamed = replace(PRODUCT, name="Runner")
        for fields, title in ((ALL_FIELDS - {"name"}, PRODUCT.name), (ALL_FIELDS, "Runner")):
            await world.port.put_product(renamed, known, title, fields)
            (seen,) = await world.connect().find_listings(["TOV-90"])
            assert title in seen.title

    async def test_a_new_variant_joins_its_product(self, world: ShopWorld) -> None:
        world.needs("products")
        known = {x.sku: x.remote for x in await world.port.put_product(PRODUCT, {}, "key")}
        wider = replace(PRODUCT, variants=(*PRODUCT.variants, Variant("TOV-270", None, {"misura": "90 × 270"})))
        made = await world.port.put_product(wider, known, "key 2")
        assert {x.sku for x in made} == {"TOV-90", "TOV-180", "TOV-270"}
        assert {x.sku: x.remote for x in made if x.sku in known} == known

    @pytest.mark.parametrize("name", [ACCENTS, "è" * 255], ids=["accents and emoji", "255 characters"])
    async def test_a_name_comes_back_as_it_was_sent(self, world: ShopWorld, name: str) -> None:
        world.needs("products")
        product = replace(PRODUCT, name=name, variants=(Variant("TOV-90"),))
        await world.port.put_product(product, {}, "key")
        assert name in (await world.listing("TOV-90")).title

    async def test_without_products_putting_one_is_unsupported_before_any_call(self, world: ShopWorld) -> None:
        world.lacks("products")
        calls = len(world.exchanges)
        with pytest.raises(Unsupported):
            await world.port.put_product(PRODUCT, {}, "key")
        assert len(world.exchanges) == calls
