"""Who owns which field of a product: what the ERP gives a channel, and what the channel keeps."""

from collections.abc import Iterable
from typing import Any

from nervo.model.catalog import Product, Variant

ATTRIBUTES = {"weight": ("weight_g",), "dimensions": ("length_mm", "width_mm", "height_mm")}


def values(thing: Product | Variant, fields: Iterable[str]) -> dict[str, Any]:
    """What these fields are on a product, or on a variant, by the model's attribute."""
    attributes = (attribute for field in fields for attribute in ATTRIBUTES.get(field, (field,)))
    return {attribute: getattr(thing, attribute) for attribute in sorted(attributes) if hasattr(thing, attribute)}


def owned(product: Product, fields: Iterable[str]) -> dict[str, Any]:
    """What decides whether a channel must be told of the product again: the owned fields, and which variants there are to sell,
    for one that begins to be sold is created in any case."""
    there = [{**values(variant, fields), "sku": variant.sku, "active": variant.active} for variant in product.variants]
    return {**values(product, fields), "variants": there}
