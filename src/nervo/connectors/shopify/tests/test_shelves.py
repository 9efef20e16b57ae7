"""Stock, prices and products."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nervo.connectors.shopify.tests.conftest import SHIRT, World
from nervo.errors import BadInput, OutcomeUnknown, RateLimited, Rejected, Unsupported
from nervo.kit.simulator import Fault, FaultKind
from nervo.model.catalog import Product, Variant
from nervo.ports.common import Outcome
from nervo.ports.shop import ALL_FIELDS, StockWrite

DONE, STALE, AGAIN = Outcome.DONE, Outcome.STALE, Outcome.THROTTLED


def calls(world: World, name: str) -> list[dict[str, Any]]:
    return [c["variables"] for s in world.simulator.seen if (c := json.loads(s.body))["operationName"] == name]


async def test_a_thousand_skus_are_linked_and_stocked_in_nine_calls(world: World) -> None:
    for n in range(997):
        world.simulator.add_product(f"Q{n}", f"Altro {n}", [(f"Q-{n}", None, Decimal(1), 0)])
    found, mark = [], None
    for _ in range(4):
        page, mark = await world.shop.listings(mark)
        found += page
    assert (mark, len({x.sku for x in found})) == (None, 1000)
    for start in range(0, 1000, 250):
        await world.shop.put_stock([StockWrite(x.sku, x.remote, 3, x.quantity) for x in found[start : start + 250]])
    assert len(world.simulator.seen) == 9
    assert world.simulator.quantity("Q-996") == 3


async def test_every_write_carries_a_key_and_what_it_expects_even_nothing(world: World) -> None:
    await world.stock({"SKU-1": 4})
    await world.stock({"SKU-1": 3}, expected={"SKU-1": 4})
    first, second = calls(world, "PutStock")
    assert [w["input"]["quantities"][0]["changeFromQuantity"] for w in (first, second)] == [None, 4]
    assert first["key"] != second["key"]


@pytest.mark.fault(24)
async def test_one_bad_item_is_named_and_the_good_ones_are_to_be_sent_again(world: World) -> None:
    """Shopify applies nothing of a batch with an error in it."""
    outcomes = await world.stock({"SKU-1": 7, "SKU-2": 8, "SKU-3": 9}, expected={"SKU-2": 99})
    assert outcomes == [AGAIN, STALE, AGAIN]
    assert [world.simulator.quantity(f"SKU-{n}") for n in (1, 2, 3)] == [5, 5, 5]
    assert await world.stock({"SKU-1": 7, "SKU-3": 9}) == [DONE, DONE]


async def test_the_same_batch_after_a_refusal_goes_under_a_new_key(world: World) -> None:
    world.simulator.edit_stock("SKU-1", 6)
    assert await world.stock({"SKU-1": 7}, expected={"SKU-1": 5}) == [STALE]
    world.simulator.edit_stock("SKU-1", 5)
    assert await world.stock({"SKU-1": 7}, expected={"SKU-1": 5}) == [DONE]


async def test_a_hub_that_forgot_a_refused_key_learns_it_and_goes_on(world: World) -> None:
    world.simulator.edit_stock("SKU-1", 6)
    await world.stock({"SKU-1": 7}, expected={"SKU-1": 5})
    world.simulator.edit_stock("SKU-1", 5)
    world.shop._spent.clear()
    assert await world.stock({"SKU-1": 7}, expected={"SKU-1": 5}) == [AGAIN]
    assert await world.stock({"SKU-1": 7}, expected={"SKU-1": 5}) == [DONE]


async def test_a_write_repeated_under_its_key_takes_effect_once(world: World) -> None:
    await world.stock({"SKU-1": 7}, key="one")
    world.simulator.place_order([("SKU-1", 2)])
    assert await world.stock({"SKU-1": 7}, key="one") == [DONE]
    assert world.simulator.quantity("SKU-1") == 5
    assert len(world.simulator.history) == 1


async def test_a_lost_reply_is_an_unknown_outcome_and_reading_back_tells(world: World) -> None:
    listing = await world.listing("SKU-1")
    world.simulator.faults.append(Fault(FaultKind.LOST_REPLY, "graphql.json"))
    with pytest.raises(OutcomeUnknown):
        await world.shop.put_stock([StockWrite("SKU-1", listing.remote, 3, 5)])
    assert (await world.shop.read_listings([listing.remote]))[0].quantity == 3


async def test_a_variant_that_is_gone_is_missing(world: World) -> None:
    listing = await world.listing("SKU-1")
    world.simulator.books.drop(world.simulator.books.variants[listing.remote["variant"]])
    stock = await world.shop.put_stock([StockWrite("SKU-1", listing.remote, 3)])
    price = await world.shop.put_prices([world.price(listing, "9.00")])
    assert [stock[0].outcome, price[0].outcome] == [Outcome.MISSING, Outcome.MISSING]
    assert await world.shop.read_listings([listing.remote]) == ()


@pytest.mark.parametrize("quantity", [-1, Decimal("1.5")])
async def test_a_negative_or_broken_quantity_never_leaves(world: World, quantity: Any) -> None:
    listing = await world.listing("SKU-1")
    with pytest.raises(BadInput):
        await world.shop.put_stock([StockWrite("SKU-1", listing.remote, quantity)])
    assert not calls(world, "PutStock")


async def test_an_item_that_is_not_stocked_at_the_location_is_named(world: World) -> None:
    listing = await world.listing("SKU-1")
    write = StockWrite("SKU-1", listing.remote, 3, location="404")
    outcome = (await world.shop.put_stock([write]))[0]
    assert (outcome.outcome, outcome.code) == (Outcome.REJECTED, "invalid_location")


async def test_prices_of_many_products_go_in_few_requests(world: World) -> None:
    for n in range(40):
        world.simulator.add_product(f"Q{n}", f"Altro {n}", [(f"Q-{n}", None, Decimal(1), 0)])
    found, _ = await world.shop.listings(None)
    outcomes = await world.shop.put_prices([world.price(x, "12.50", "15.00") for x in found])
    assert {o.outcome for o in outcomes} == {DONE}
    assert len(calls(world, "PutPrices")) == 3
    assert (world.simulator.price("Q-39"), (await world.listing("Q-39")).compare_at) == (
        Decimal("12.50"),
        Decimal("15.00"),
    )


async def test_half_a_cent_is_rounded_away_from_zero(world: World) -> None:
    await world.shop.put_prices([world.price(await world.listing("SKU-1"), "10.005", "12.344")])
    listing = await world.listing("SKU-1")
    assert (listing.price, listing.compare_at) == (Decimal("10.01"), Decimal("12.34"))


async def test_accents_emoji_and_long_names_come_back_as_they_went(world: World) -> None:
    name = ("Caffè “Già pronto” 🔔 " * 20)[:255]
    odd = Product(
        "CAFFÈ & TÈ",
        name,
        (Variant("È-1/à 🔔", options={"misura": "½ kg"}), Variant("È-2", options={"misura": "1 kg"})),
    )
    listings = await world.shop.put_product(odd, {}, "k")
    assert [x.title for x in listings] == [f"{name} - ½ kg", f"{name} - 1 kg"]
    assert (await world.listing("È-1/à 🔔")).remote == listings[0].remote


async def test_no_compare_at_price_clears_the_old_one(world: World) -> None:
    listing = await world.listing("SKU-1")
    await world.shop.put_prices([world.price(listing, "8.00", "10.00")])
    await world.shop.put_prices([world.price(listing, "10.00")])
    assert (await world.listing("SKU-1")).compare_at is None


async def test_a_request_that_fails_in_the_middle_leaves_the_rest_for_later(world: World) -> None:
    for n in range(40):
        world.simulator.add_product(f"Q{n}", f"Altro {n}", [(f"Q-{n}", None, Decimal(1), 0)])
    found, _ = await world.shop.listings(None)
    writes = [world.price(x, "2.00") for x in found]
    kinds = {
        FaultKind.RATE_LIMITED: AGAIN,
        FaultKind.LOST_REPLY: Outcome.UNKNOWN,
        FaultKind.GARBAGE: Outcome.UNKNOWN,
    }
    for kind, second in kinds.items():
        world.simulator.faults.append(Fault(kind, "graphql.json", after=1))
        outcomes = [o.outcome for o in await world.shop.put_prices(writes)]
        assert outcomes == [DONE] * 20 + [second] * 20 + [AGAIN] * 3
    world.simulator.faults.append(Fault(FaultKind.RATE_LIMITED, "graphql.json"))
    with pytest.raises(RateLimited):
        await world.shop.put_prices(writes)


async def test_a_sku_is_found_to_the_letter(world: World) -> None:
    world.simulator.add_product("X", "Simile", [("SKU-10", None, Decimal(1), 1), ("sku-1", None, Decimal(1), 1)])
    world.simulator.add_product("Y", 'Doppio "Y"', [('A"B', None, Decimal(1), 1)])
    world.simulator.add_product("Z", "Doppio", [("SKU-2", None, Decimal(1), 1)])
    found = await world.shop.find_listings(["SKU-1", "SKU-2", 'A"B', "NOPE"])
    assert sorted(x.sku for x in found) == ['A"B', "SKU-1", "SKU-2", "SKU-2"]


async def test_a_product_is_made_with_its_variants_unsold_and_counted(world: World) -> None:
    medium, large = await world.shop.put_product(SHIRT, {}, "k")
    assert (medium.sku, medium.gtin, medium.quantity, medium.price) == ("CAM-M", "8001234567890", 0, Decimal("0.00"))
    assert (large.sku, large.title, large.quantity) == ("CAM-L", "Camicia di lino - L", 0)
    variant = world.simulator.books.variants[medium.remote["variant"]]
    assert (variant.tracked, variant.weight_g, variant.options) == (True, Decimal(250), {"taglia": "M"})


async def test_a_product_of_one_variant_takes_the_default_one(world: World) -> None:
    (only,) = await world.shop.put_product(Product("UNO", "Uno", (Variant("UNO-1"),)), {}, "k")
    product = world.simulator.books.by_sku("UNO-1").product  # type: ignore[union-attr]
    assert (only.sku, len(product.variants), product.handle) == ("UNO-1", 1, "uno")


async def test_a_lost_reply_makes_no_second_product(world: World) -> None:
    for after in range(3):
        world.simulator.faults.append(Fault(FaultKind.LOST_REPLY, "graphql.json", after=after))
        with pytest.raises(Exception):  # noqa: B017 - which call was lost decides the kind
            await world.shop.put_product(SHIRT, {}, "k")
    await world.shop.put_product(SHIRT, {}, "k")
    made = [p for p in world.simulator.books.products.values() if p.handle == "cam-01"]
    assert [[v.sku for v in p.variants] for p in made] == [["CAM-M", "CAM-L"]]


async def test_an_update_touches_neither_price_nor_stock_nor_what_is_not_sent(world: World) -> None:
    known = {x.sku: x.remote for x in await world.shop.put_product(SHIRT, {}, "k")}
    await world.stock({"CAM-M": 9})
    await world.shop.put_prices([world.price(await world.listing("CAM-M"), "49.90")])
    only_one = replace(SHIRT, name="Camicia nuova", variants=(Variant("CAM-M", "8001234567890", {"taglia": "M"}),))
    (listing,) = await world.shop.put_product(only_one, {"CAM-M": known["CAM-M"]}, "k2")
    assert (listing.quantity, listing.price, listing.title) == (9, Decimal("49.90"), "Camicia nuova - M")
    assert world.simulator.quantity("CAM-L") == 0


async def test_a_new_size_joins_the_product(world: World) -> None:
    known = {x.sku: x.remote for x in await world.shop.put_product(SHIRT, {}, "k")}
    more = replace(SHIRT, variants=(*SHIRT.variants, Variant("CAM-S", options={"taglia": "S"})))
    listings = await world.shop.put_product(more, known, "k2")
    assert len({x.remote["product"] for x in listings}) == 1
    assert [x.sku for x in listings] == ["CAM-M", "CAM-L", "CAM-S"]


async def test_archiving_and_back_leaves_a_draft_a_draft(world: World) -> None:
    known = {x.sku: x.remote for x in await world.shop.put_product(SHIRT, {}, "k")}
    product = world.simulator.books.by_sku("CAM-M").product  # type: ignore[union-attr]
    for before, active, after in (
        ("ACTIVE", False, "ARCHIVED"),
        ("ARCHIVED", True, "ACTIVE"),
        ("DRAFT", True, "DRAFT"),
    ):
        product.status = before
        await world.shop.put_product(replace(SHIRT, active=active), known, "k")
        assert product.status == after


async def test_a_description_edited_by_hand_stays_where_the_shop_owns_it(world: World) -> None:
    ours = ALL_FIELDS - {"description"}
    known = {x.sku: x.remote for x in await world.shop.put_product(SHIRT, {}, "k", ours)}
    product = world.simulator.books.by_sku("CAM-M").product  # type: ignore[union-attr]
    assert product.description == "<p>Caffè</p>", "a created product is given everything"
    product.description = "Scritta a mano"
    await world.shop.put_product(replace(SHIRT, name="Camicia nuova"), known, "k2", ours)
    assert (product.title, product.description) == ("Camicia nuova", "Scritta a mano")
    await world.shop.put_product(SHIRT, known, "k3")
    assert product.description == "<p>Caffè</p>"


async def test_each_field_that_the_shop_owns_keeps_what_somebody_made_of_it(world: World) -> None:
    known = {x.sku: x.remote for x in await world.shop.put_product(SHIRT, {}, "k", frozenset())}
    variant = world.simulator.books.variants[known["CAM-M"]["variant"]]
    assert (variant.barcode, variant.weight_g) == ("8001234567890", Decimal(250))
    variant.barcode, variant.weight_g, variant.product.title, variant.product.status = (
        "1",
        Decimal(9),
        "Mia",
        "ARCHIVED",
    )
    more = replace(SHIRT, variants=(*SHIRT.variants, Variant("CAM-S", "8009", {"taglia": "S"}, Decimal(7))))
    *_, fresh = await world.shop.put_product(more, known, "k2", frozenset())
    assert (variant.barcode, variant.weight_g) == ("1", Decimal(9))
    assert (variant.product.title, variant.product.status) == ("Mia", "ARCHIVED")
    added = world.simulator.books.variants[fresh.remote["variant"]]
    assert (added.barcode, added.weight_g) == ("8009", Decimal(7)), "what is new comes whole"
    assert not calls(world, "UpdateProduct")


async def test_options_that_shopify_cannot_hold_are_refused(world: World) -> None:
    four = Product("Q", "Q", (Variant("Q-1", options={"a": "1", "b": "1", "c": "1", "d": "1"}),))
    with pytest.raises(Unsupported):
        await world.shop.put_product(four, {}, "k")
    assert not world.simulator.seen
    known = {"SKU-1": (await world.listing("SKU-1")).remote}
    sizes = Product(
        "P1", "Uno", (Variant("SKU-1", options={"taglia": "M"}), Variant("SKU-1L", options={"taglia": "L"}))
    )
    with pytest.raises(Rejected, match="options_differ"):
        await world.shop.put_product(sizes, known, "k")
