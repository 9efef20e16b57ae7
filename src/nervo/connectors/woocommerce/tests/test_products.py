"""Publishing products to the simulated shop."""

from dataclasses import replace
from decimal import Decimal

import pytest

from nervo.connectors.woocommerce.connector import WooCommerce
from nervo.connectors.woocommerce.simulator import Simulator
from nervo.errors import OutcomeUnknown, Rejected
from nervo.kit.simulator import Fault, FaultKind
from nervo.model.catalog import Category, Image, Product, Variant
from nervo.ports.shop import ALL_FIELDS, Listing

CATEGORY = Category("12", ("Abbigliamento", "Cappelli & guanti"))
HAT = Product(
    "HAT", "Cappello “Città” 🎩",
    (
        Variant("HAT-S", "8001111111111", {"taglia": "S"}, weight_g=Decimal(250), length_mm=Decimal(300)),
        Variant("HAT-M", options={"taglia": "M"}, active=False),
    ),
    "<p>Di lana</p>", {"materiale": "lana"}, (CATEGORY,), (Image("https://img.example/b.jpg", position=1), Image("https://img.example/a.jpg")),
    tax_rate=Decimal("0.22"),
)  # fmt: skip
PEN = Product("PEN", "Penna", (Variant("PEN-1", "8002222222222", weight_g=Decimal("7.5")),))


async def publish(woo: WooCommerce, product: Product, fields: frozenset[str] = ALL_FIELDS) -> tuple[Listing, ...]:
    """As the hub does: look up by SKU, then put."""
    found = await woo.find_listings([v.sku for v in product.variants])
    return await woo.put_product(product, {x.sku: x.remote for x in found}, "key", fields)


async def test_a_product_with_variants_becomes_a_variable_one(shop: Simulator, woo: WooCommerce) -> None:
    listings = await publish(woo, HAT)
    assert [(x.sku, x.quantity, x.price, x.gtin) for x in listings] == [
        ("HAT-S", 0, None, "8001111111111"), ("HAT-M", 0, None, None),
    ]  # fmt: skip
    parent = shop.catalogue.rows[int(listings[0].remote["product"])]
    assert (parent["sku"], parent["name"], parent["type"], parent["status"]) == ("HAT", HAT.name, "variable", "publish")
    assert [(a["name"], a["options"], a["variation"]) for a in parent["attributes"]] == [
        ("taglia", ["S", "M"], True), ("materiale", ["lana"], False),
    ]  # fmt: skip
    assert [i["src"] for i in parent["images"]] == ["https://img.example/a.jpg", "https://img.example/b.jpg"]
    small, medium = (shop.catalogue.rows[int(x.remote["variation"])] for x in listings)
    assert (small["weight"], small["dimensions"]["length"], small["status"]) == ("0.25", "30", "publish")
    assert medium["status"] == "private"
    category = shop.catalogue.categories[parent["categories"][0]["id"]]
    assert category["name"] == "Cappelli &amp; guanti"
    assert shop.catalogue.categories[category["parent"]]["name"] == "Abbigliamento"


async def test_publishing_twice_makes_nothing_new(shop: Simulator, woo: WooCommerce) -> None:
    first = await publish(woo, HAT)
    count, categories = len(shop.catalogue.rows), len(shop.catalogue.categories)
    woo._categories.clear()
    assert await publish(woo, HAT) == first
    assert (len(shop.catalogue.rows), len(shop.catalogue.categories)) == (count, categories)


@pytest.mark.parametrize("skip", range(4))
async def test_a_lost_answer_never_makes_a_second_product(shop: Simulator, woo: WooCommerce, skip: int) -> None:
    shop.faults.append(Fault(FaultKind.LOST_REPLY, "POST", after=skip))
    with pytest.raises(OutcomeUnknown):
        await publish(woo, HAT)
    listings = await publish(woo, HAT)
    assert len({x.remote["product"] for x in listings}) == 1
    assert len([r for r in shop.catalogue.rows.values() if r["type"] == "variable" and r["name"] == HAT.name]) == 1
    assert len([r for r in shop.catalogue.rows.values() if r["sku"] in ("HAT-S", "HAT-M")]) == 2


async def test_one_variant_becomes_a_simple_product(shop: Simulator, woo: WooCommerce) -> None:
    (listing,) = await publish(woo, PEN)
    row = shop.catalogue.rows[int(listing.remote["product"])]
    assert (row["type"], row["sku"], row["global_unique_id"], row["weight"]) == (
        "simple",
        "PEN-1",
        "8002222222222",
        "0.008",
    )
    assert (row["regular_price"], row["stock_quantity"]) == ("", 0), "nobody can buy it yet"


async def test_what_exists_keeps_its_stock_price_and_pictures(shop: Simulator, woo: WooCommerce) -> None:
    mug = Product(
        "MUG", "Tazza grande", (Variant("MUG-1"),), images=(Image("https://img.example/m.jpg"),), active=False
    )
    (listing,) = await publish(woo, mug)
    row = shop.catalogue.rows[int(listing.remote["product"])]
    assert (row["name"], row["status"], row["images"]) == ("Tazza grande", "draft", [])
    assert (row["stock_quantity"], row["regular_price"]) == (7, "19.90")
    await publish(woo, replace(mug, active=True))
    assert row["status"] == "publish"
    assert not [s for s in shop.seen if s.method != "GET" and b"stock" in s.body]


async def test_a_created_product_is_given_the_fields_that_are_the_shops_own(shop: Simulator, woo: WooCommerce) -> None:
    listings = await publish(woo, HAT, frozenset())
    parent = shop.catalogue.rows[int(listings[0].remote["product"])]
    small = shop.catalogue.rows[int(listings[0].remote["variation"])]
    assert (parent["name"], parent["description"], len(parent["categories"])) == (HAT.name, "<p>Di lana</p>", 1)
    assert (small["global_unique_id"], small["weight"], small["status"]) == ("8001111111111", "0.25", "publish")
    (pen,) = await publish(woo, replace(PEN, description="Blu"), frozenset())
    assert shop.catalogue.rows[int(pen.remote["product"])]["description"] == "Blu"


async def test_a_description_edited_by_hand_stays_where_the_shop_owns_it(shop: Simulator, woo: WooCommerce) -> None:
    for product in (HAT, replace(PEN, description="Blu")):
        (listing, *_) = await publish(woo, product)
        row = shop.catalogue.rows[int(listing.remote["product"])]
        row["description"] = "Scritta a mano"
        (listing, *_) = await publish(woo, replace(product, name="Nuovo nome"), ALL_FIELDS - {"description"})
        assert (row["name"], row["description"]) == ("Nuovo nome", "Scritta a mano")
        await publish(woo, product)
        assert row["description"] == product.description


async def test_each_field_that_the_shop_owns_keeps_what_somebody_made_of_it(shop: Simulator, woo: WooCommerce) -> None:
    small, _ = await publish(woo, HAT)
    parent, row = (shop.catalogue.rows[int(small.remote[k])] for k in ("product", "variation"))
    parent |= {"status": "draft", "name": "A mano", "categories": []}
    parent["attributes"][1]["options"] = ["seta"]
    row |= {"status": "private", "global_unique_id": "8009999999999", "weight": "9"}
    row["dimensions"]["length"] = "99"
    wider = replace(HAT, variants=(*HAT.variants, Variant("HAT-L", options={"taglia": "L"}, weight_g=Decimal(500))))
    listings = await publish(woo, wider, frozenset())
    assert (parent["status"], parent["name"], parent["categories"]) == ("draft", "A mano", [])
    options = {a["name"]: a["options"] for a in parent["attributes"]}
    assert options == {"taglia": ["S", "M", "L"], "materiale": ["seta"]}, "the new size needs its option"
    assert (row["status"], row["global_unique_id"], row["weight"]) == ("private", "8009999999999", "9")
    assert row["dimensions"]["length"] == "99"
    assert shop.catalogue.rows[int(listings[2].remote["variation"])]["weight"] == "0.5", "what is new comes whole"
    assert [x.title for x in listings] == ["A mano - S", "A mano - M", "A mano - L"]


async def test_a_new_variant_joins_and_the_shops_own_attributes_stay(shop: Simulator, woo: WooCommerce) -> None:
    first = await publish(woo, HAT)
    parent = shop.catalogue.rows[int(first[0].remote["product"])]
    parent["attributes"].append({"id": 0, "name": "colore", "slug": "colore", "position": 9, "visible": False, "variation": False,
                                 "options": ["blu"]})  # fmt: skip
    wider = replace(HAT, variants=(*HAT.variants, Variant("HAT-L", options={"taglia": "L"})))
    listings = await publish(woo, wider)
    assert len({x.remote["product"] for x in listings}) == 1
    options = {a["name"]: (a["options"], a["visible"]) for a in parent["attributes"]}
    assert options == {"colore": (["blu"], False), "taglia": (["S", "M", "L"], True), "materiale": (["lana"], True)}


async def test_a_simple_product_that_should_be_variable_asks_a_person(shop: Simulator, woo: WooCommerce) -> None:
    mugs = Product(
        "MUG", "Tazza", (Variant("MUG-1", options={"colore": "blu"}), Variant("MUG-2", options={"colore": "verde"}))
    )
    with pytest.raises(Rejected) as raised:
        await publish(woo, mugs)
    assert raised.value.code == "not_variable"
    assert not [s for s in shop.seen if s.method != "GET"]


async def test_a_code_that_is_also_a_sku_leaves_the_sku_to_the_variant(shop: Simulator, woo: WooCommerce) -> None:
    bag = Product(
        "BAG", "Borsa", (Variant("BAG", options={"colore": "blu"}), Variant("BAG-2", options={"colore": "rosso"}))
    )
    listings = await publish(woo, bag)
    assert shop.catalogue.rows[int(listings[0].remote["product"])]["sku"] == "BAG-group"
    assert await publish(woo, bag) == listings


async def test_a_rate_that_the_shop_has_not_asks_a_person(woo: WooCommerce) -> None:
    with pytest.raises(Rejected) as raised:
        await publish(woo, replace(PEN, tax_rate=Decimal("0.04")))
    assert raised.value.code == "tax_rate_unknown"
    assert (await publish(woo, replace(PEN, tax_class="Reduced rate", tax_rate=Decimal("0.04"))))[0].sku == "PEN-1"


async def test_a_gtin_that_another_product_has_is_refused_in_the_shops_words(woo: WooCommerce) -> None:
    with pytest.raises(Rejected) as raised:
        await publish(woo, replace(PEN, variants=(Variant("PEN-1", "8001234567890"),)))
    assert raised.value.code == "product_invalid_global_unique_id"
