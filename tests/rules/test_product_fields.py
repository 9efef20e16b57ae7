"""Which fields of a product a channel is given, and which it keeps for itself."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nervo.errors import BadInput
from nervo.model.catalog import PRODUCT_FIELDS, Product, Variant
from nervo.rules.config import parse
from nervo.rules.flowmap import data_flows
from nervo.rules.ownership import owned

DOCUMENT = """
erp = "erp"
[connections.erp]
connector = "tryton"
[connections.web]
connector = "woocommerce"
"""
SHIRT = Product("CAM", "Camicia", (Variant("CAM-M", "8001234567890", {"taglia": "M"}, Decimal(250)),), "Di lino")


def test_a_channel_that_says_nothing_is_given_every_field():
    assert parse(DOCUMENT).connections["web"].product_fields == PRODUCT_FIELDS


def test_an_unknown_field_is_refused_and_the_known_ones_are_named():
    with pytest.raises(BadInput) as raised:
        parse(DOCUMENT + 'product_fields = ["name", "descripton", "price"]')
    said = str(raised.value)
    assert f'connections.web.product_fields: "descripton" is none of {", ".join(PRODUCT_FIELDS)}' in said
    assert 'connections.web.product_fields: "price" is none of' in said
    assert '"name" is none of' not in said


def test_the_map_shows_what_each_channel_is_given_and_what_it_keeps():
    config = parse(DOCUMENT + 'product_fields = ["name", "gtin"]')
    (line,) = [flow for flow in data_flows(config) if flow.entity == "product"]
    assert line.fields == "name, gtin"
    assert line.rule == (
        "given once, then the channel's own: description, attributes, categories, images, options, weight, dimensions, active"
    )
    (line,) = [flow for flow in data_flows(parse(DOCUMENT)) if flow.entity == "product"]
    assert (line.fields, line.rule) == (", ".join(PRODUCT_FIELDS), "")


@pytest.mark.parametrize(
    ("field", "product", "variant"),
    [
        ("name", {"name": "Blusa"}, {}),
        ("description", {"description": "Di seta"}, {}),
        ("attributes", {"attributes": {"materiale": "seta"}}, {}),
        ("gtin", {}, {"gtin": "8009999999999"}),
        ("options", {}, {"options": {"taglia": "media"}}),
        ("weight", {}, {"weight_g": Decimal(300)}),
        ("dimensions", {}, {"height_mm": Decimal(20)}),
        ("active", {"active": False}, {}),
    ],
)
def test_a_change_counts_only_where_its_field_is_owned(field: str, product: dict[str, Any], variant: dict[str, Any]):
    changed = replace(SHIRT, **product, variants=(replace(SHIRT.variants[0], **variant),))
    others = [f for f in PRODUCT_FIELDS if f != field]
    assert owned(changed, PRODUCT_FIELDS) != owned(SHIRT, PRODUCT_FIELDS)
    assert owned(changed, others) == owned(SHIRT, others)


def test_a_variant_that_is_added_or_begins_to_be_sold_counts_in_any_case():
    wider = replace(SHIRT, variants=(*SHIRT.variants, Variant("CAM-L", active=False)))
    sold = replace(SHIRT, variants=(*SHIRT.variants, Variant("CAM-L")))
    assert len({str(owned(product, ())) for product in (SHIRT, wider, sold)}) == 3
