"""Products: what the shop owns is given once and never written again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from nervo.connectors.vendure import queries
from nervo.connectors.vendure.connector import Vendure
from nervo.connectors.vendure.tests.conftest import Floor, Refused
from nervo.model.catalog import Product, Variant
from nervo.ports.shop import ALL_FIELDS

SHIRT = Product(
    "CAM-01",
    "Camicia di lino",
    (Variant("CAM-M", options={"taglia": "M"}), Variant("CAM-L", options={"taglia": "L"}, active=False)),
    "<p>Caffè</p>",
)
WORDS = ("name", "slug", "description")


class Catalogue(Floor):
    """Products, option groups and new variants too. A word of a translation that is not sent stays; a first translation needs
    its name and slug."""

    def __init__(self) -> None:
        super().__init__()
        self.products: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.written: list[dict[str, Any]] = []
        self.handlers |= {
            queries.PRODUCTS: self.list_products, queries.CREATE_PRODUCT: self.create_product, queries.UPDATE_PRODUCT: self.update_product,
            queries.CREATE_OPTION_GROUP: self.create_group, queries.ADD_OPTION_GROUP: self.add_group,
            queries.CREATE_OPTION: self.create_option, queries.CREATE_VARIANTS: self.create_variants, queries.TAXES: self.taxes,
        }  # fmt: skip

    def taxes(self) -> dict[str, Any]:
        return {"taxCategories": {"items": []}, "taxRates": {"items": []}}

    def list_products(self, options: dict[str, Any]) -> dict[str, Any]:
        ((field, rule),) = options["filter"].items()
        wanted = rule.get("in") or [rule["eq"]]
        return {"products": {"items": [self.shown(p) for p in self.products.values() if p[field] in wanted]}}

    def shown(self, row: dict[str, Any]) -> dict[str, Any]:
        variants = [
            {"id": v["id"], "sku": v["sku"], "options": []}
            for v in self.variants.values()
            if v["product"]["id"] == row["id"]
        ]
        return {
            "id": row["id"],
            "slug": row["slug"],
            "optionGroups": [self.groups[g] for g in row["groups"]],
            "variants": variants,
        }

    def create_product(self, input: dict[str, Any]) -> dict[str, Any]:
        (words,) = input["translations"]
        if not words.get("name") or not words.get("slug"):
            raise Refused("USER_INPUT_ERROR", "name and slug are required")
        id = str(len(self.products) + 1)
        self.products[id] = {
            "id": id,
            "enabled": input["enabled"],
            "groups": [],
            **{word: words.get(word, "") for word in WORDS},
        }
        return {"createProduct": self.shown(self.products[id])}

    def update_product(self, input: dict[str, Any]) -> dict[str, Any]:
        if input["id"] not in self.products:
            raise Refused("ENTITY_NOT_FOUND", f"No Product with the id {input['id']} could be found")
        self.written.append(input)
        row = self.products[input["id"]]
        row["enabled"] = input.get("enabled", row["enabled"])
        for words in input.get("translations", ()):
            row |= {word: words[word] for word in WORDS if word in words}
        return {"updateProduct": self.shown(row)}

    def create_group(self, input: dict[str, Any]) -> dict[str, Any]:
        id = str(len(self.groups) + 1)
        options = [self._option(id, n, o) for n, o in enumerate(input["options"])]
        self.groups[id] = {
            "id": id,
            "code": input["code"],
            "name": input["translations"][0]["name"],
            "options": options,
        }
        return {"createProductOptionGroup": self.groups[id]}

    def add_group(self, product: str, group: str) -> dict[str, Any]:
        self.products[product]["groups"].append(group)
        return {"addOptionGroupToProduct": self.shown(self.products[product])}

    def create_option(self, input: dict[str, Any]) -> dict[str, Any]:
        options = self.groups[input["productOptionGroupId"]]["options"]
        options.append(self._option(input["productOptionGroupId"], len(options), input))
        return {"createProductOption": options[-1]}

    def _option(self, group: str, n: int, given: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"{group}{n}", "code": given["code"], "name": given["translations"][0]["name"]}

    def create_variants(self, input: list[dict[str, Any]]) -> dict[str, Any]:
        rows = []
        for given in input:
            groups = [self.groups[g] for g in self.products[given["productId"]]["groups"]]
            if len(given["optionIds"]) != len(groups):
                raise Refused(
                    "USER_INPUT_ERROR", "ProductVariant optionIds must include one optionId from each of the groups"
                )
            id = str(len(self.variants) + 1)
            self.add(id, given["sku"], given["stockOnHand"], cents=given["price"])
            self.variants[id] |= {"name": given["translations"][0]["name"], "product": {"id": given["productId"]}}
            self.variants[id] |= {"enabled": given["enabled"]}
            rows.append(self.variants[id])
        return {"createProductVariants": rows}

    def update_variants(self, input: list[dict[str, Any]]) -> dict[str, Any]:
        answer = super().update_variants(input)
        for change in input:
            self.variants[change["id"]]["enabled"] = change.get("enabled", self.variants[change["id"]]["enabled"])
        return answer


@pytest.fixture
async def floor() -> AsyncIterator[Catalogue]:
    floor = Catalogue()
    async with floor.serve():
        yield floor


async def put(shop: Vendure, product: Product, fields: frozenset[str]) -> None:
    """As the hub does: look up by SKU, then put."""
    found = await shop.find_listings([v.sku for v in product.variants])
    listings = await shop.put_product(product, {x.sku: x.remote for x in found}, "key", fields)
    assert sorted(x.sku for x in listings) == sorted(v.sku for v in product.variants)


async def test_a_description_edited_by_hand_stays_where_the_shop_owns_it(floor: Catalogue, shop: Vendure):
    ours = ALL_FIELDS - {"description"}
    await put(shop, SHIRT, ours)
    row = floor.products["1"]
    assert row["description"] == "<p>Caffè</p>", "a created product is given everything"
    row["description"] = "Scritta a mano"
    await put(shop, replace(SHIRT, name="Camicia nuova"), ours)
    assert (row["name"], row["description"]) == ("Camicia nuova", "Scritta a mano")
    await put(shop, SHIRT, ALL_FIELDS)
    assert (row["name"], row["description"]) == ("Camicia di lino", "<p>Caffè</p>")


async def test_each_field_that_the_shop_owns_keeps_what_somebody_made_of_it(floor: Catalogue, shop: Vendure):
    await put(shop, SHIRT, frozenset())
    row, medium, large = floor.products["1"], floor.variants["1"], floor.variants["2"]
    assert (row["enabled"], medium["enabled"], large["enabled"]) == (True, True, False)
    row |= {"enabled": False, "name": "Mia"}
    medium["enabled"], large["enabled"] = False, True
    renamed = (
        Variant("CAM-M", options={"taglia": "media"}),
        SHIRT.variants[1],
        Variant("CAM-S", options={"taglia": "S"}),
    )
    await put(shop, replace(SHIRT, variants=renamed), frozenset())
    assert (row["enabled"], row["name"], medium["enabled"], large["enabled"]) == (False, "Mia", False, True)
    assert [o["name"] for o in floor.groups["1"]["options"]] == ["M", "L", "S"], "only the new size needs an option"
    assert floor.variants["3"]["enabled"]
    assert floor.written == []
