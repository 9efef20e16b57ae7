"""Products and variants, as the ERP describes them."""

from dataclasses import dataclass, field
from decimal import Decimal

PRODUCT_FIELDS = (
    "name", "description", "attributes", "categories", "images", "options", "gtin", "weight", "dimensions", "active",
)  # fmt: skip
"""What of a product and its variants can belong to the ERP or to a channel. `dimensions` are length, width and height."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture by its public URL; `position` 0 is the cover."""

    url: str
    alt: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Category:
    """A place in the ERP's category tree; `path` reads from the root, e.g. ("Abbigliamento", "Camicie")."""

    code: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """What is stocked and sold: one SKU. `options` are what tells it from its siblings, e.g. {"taglia": "M"}."""

    sku: str
    gtin: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    weight_g: Decimal | None = None
    length_mm: Decimal | None = None
    width_mm: Decimal | None = None
    height_mm: Decimal | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Product:
    """What a shop shows on one page: one or more variants. `code` is the ERP's own code and never changes."""

    code: str
    name: str
    variants: tuple[Variant, ...]
    description: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    categories: tuple[Category, ...] = ()
    images: tuple[Image, ...] = ()
    tax_class: str | None = None
    tax_rate: Decimal | None = None
    active: bool = True
