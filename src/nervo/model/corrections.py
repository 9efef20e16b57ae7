"""What a person corrects in an order, kept apart from the channel's own reading and put on every later one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nervo.model.orders import Order


@dataclass(frozen=True, slots=True)
class Corrections:
    """`skus`: line id → the ERP's SKU; the rest: field → text (`wants_invoice`: true or false) of the addresses and fiscal data."""

    skus: Mapping[str, str] = field(default_factory=dict)
    billing: Mapping[str, str] = field(default_factory=dict)
    shipping: Mapping[str, str] = field(default_factory=dict)
    fiscal: Mapping[str, Any] = field(default_factory=dict)

    def with_more(self, more: "Corrections") -> "Corrections":
        """Both; the later one wins."""
        return Corrections(
            {**self.skus, **more.skus},
            {**self.billing, **more.billing},
            {**self.shipping, **more.shipping},
            {**self.fiscal, **more.fiscal},
        )


def corrected(order: Order, changes: Corrections) -> Order:
    """The order as it is meant. A correction of a line that the channel has taken out changes nothing."""
    if changes == Corrections():
        return order
    return replace(
        order,
        lines=tuple(replace(line, sku=changes.skus.get(line.line_id, line.sku)) for line in order.lines),
        billing=replace(order.billing, **changes.billing),
        shipping=replace(order.shipping, **changes.shipping),
        customer=replace(order.customer, fiscal=replace(order.customer.fiscal, **changes.fiscal)),
    )
