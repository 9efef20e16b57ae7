"""What ties our names to a foreign system's ids."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """A SKU's ids in one connection, e.g. {"product": "12", "variant": "34", "inventory_item": "56"}."""

    sku: str
    remote: dict[str, str] = field(default_factory=dict)
