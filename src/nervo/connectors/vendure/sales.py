"""What Vendure sold: orders, fulfilments, cancellations."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from nervo.connectors.vendure import mapping, queries, wire
from nervo.connectors.vendure.client import Client
from nervo.errors import NotFound, Rejected
from nervo.kit.rows import decoded_rows, read_rows
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order, OrderStatus
from nervo.model.units import aware
from nervo.ports.common import Cursor, Page

PAGE = 100
MOST_TIES = 1000
ALIVE = ("Created", "Pending", "Shipped", "Delivered")


class _Orders(msgspec.Struct):
    items: list[msgspec.Raw]


class _Moved(msgspec.Struct):
    id: str = ""
    state: str = ""


class Sales:
    """The order half of the connector."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def orders(self, after: Cursor | None) -> Page[Order]:
        """Placed orders by (updatedAt, id). Vendure has no "id after": orders of the cursor's own millisecond come again and are
        left out here."""
        placed = {"orderPlacedAt": {"isNull": False}}
        if after is None:
            newest = await self._orders({"filter": placed, "sort": {"updatedAt": "DESC", "id": "DESC"}, "take": 1})
            return Page((), _cursor(newest[0]) if newest else Cursor(self._a_little_ago()), False)
        since = mapping.iso(after.at - timedelta(milliseconds=1))
        options = {"filter": {**placed, "updatedAt": {"after": since}}, "sort": {"updatedAt": "ASC", "id": "ASC"}}
        rows: list[wire.Order | wire.Place] = []
        for skip in range(0, MOST_TIES, PAGE):
            read = await self._orders({**options, "skip": skip, "take": PAGE})
            rows += [row for row in read if _key(row) > (after.at, int(after.id or -1))]
            if len(read) < PAGE or len(rows) >= PAGE:
                break
        more = len(read) == PAGE
        items, unreadable = await read_rows(rows, wire.Order, _read, lambda row: row.id)
        return Page(items, _cursor(rows[-1]) if rows else after, more, unreadable)

    async def order(self, external_id: str) -> Order:
        return mapping.order(await self._order(external_id))

    async def fulfil(self, external_id: str, fulfilment: Fulfilment, key: str) -> str:
        """A fulfilment with carrier and tracking number, moved to Shipped. The one that has the number already is finished."""
        row = await self._order(external_id)
        tracking = fulfilment.tracking_number
        if tracking and (
            made := [f for f in row.fulfillments or () if f.trackingCode == tracking and f.state in ALIVE]
        ):
            return await self._ship(made[0].id, made[0].state)
        lines = _lines_to_ship(row, fulfilment)
        if not lines:
            raise Rejected(
                f"fulfilling order {row.code} in Vendure", row.state, code="nothing_to_fulfil", order=row.code
            )
        arguments = [
            {"name": "method", "value": fulfilment.carrier or "-"},
            {"name": "trackingCode", "value": tracking},
        ]
        handler = {"code": self.client.settings.fulfilment_handler, "arguments": arguments}
        made_now = await self.client.mutate(
            queries.FULFIL, "addFulfillmentToOrder", _Moved, input={"lines": lines, "handler": handler}
        )
        return await self._ship(made_now.id, made_now.state)

    async def cancel_order(self, external_id: str, reason: str) -> Order:
        """Cancels all lines and shipping; the refund is another matter."""
        row = await self._order(external_id)
        if mapping.ORDER_STATES.get(row.state) is OrderStatus.CANCELLED:
            return mapping.order(row)
        if mapping.shipped_quantities(row, mapping.LEFT):
            raise Rejected(f"cancelling order {row.code} in Vendure", row.state, code="already_shipped", order=row.code)
        values = {"orderId": row.id, "reason": reason or "-", "cancelShipping": True}
        await self.client.mutate(queries.CANCEL, "cancelOrder", _Moved, input=values)
        return await self.order(external_id)

    async def _ship(self, fulfilment: str, state: str) -> str:
        if state in ("Created", "Pending"):
            await self.client.mutate(
                queries.MOVE_FULFILMENT, "transitionFulfillmentToState", _Moved, id=fulfilment, state="Shipped"
            )
        return fulfilment

    async def _order(self, external_id: str) -> wire.Order:
        found = await self.client.query(queries.ORDER_BY_ID, {"order": wire.Order}, id=external_id)
        if "order" not in found or found["order"].orderPlacedAt is None:
            # A cart has an id and an admin's view from its first line on: it is no order before it is placed.
            raise NotFound("reading an order in Vendure", external_id, order=external_id)
        return found["order"]

    async def _orders(self, options: Mapping[str, Any]) -> list[wire.Order | wire.Place]:
        found = (await self.client.query(queries.ORDERS, {"orders": _Orders}, options=options))["orders"].items
        return decoded_rows(found, wire.Order, wire.Place, "reading orders from Vendure")

    def _a_little_ago(self) -> datetime:
        """Where an empty shop's feed begins: Vendure's clock is not ours, and SQLite keeps whole seconds."""
        return self.client.http.tools.clock.now() - timedelta(seconds=60)


async def _read(row: wire.Order) -> Order:
    return mapping.order(row)


def _key(row: wire.Order | wire.Place) -> tuple[Any, int]:
    return aware(row.updatedAt), int(row.id)


def _cursor(row: wire.Order | wire.Place) -> Cursor:
    return Cursor(aware(row.updatedAt), row.id)


def _lines_to_ship(row: wire.Order, fulfilment: Fulfilment) -> Sequence[Mapping[str, Any]]:
    """What was shipped, spread over the order's lines as far as they are open; without lines, all that is open."""
    taken = mapping.shipped_quantities(row, ALIVE)
    open_ = {line.id: line.quantity - taken.get(line.id, 0) for line in row.lines}
    if not fulfilment.lines:
        return [{"orderLineId": line, "quantity": left} for line, left in open_.items() if left > 0]
    lines: dict[str, int] = {}
    for shipped in fulfilment.lines:
        wanted = int(shipped.quantity)
        for line in row.lines:
            take = min(wanted, open_[line.id]) if line.productVariant.sku == shipped.sku else 0
            if take > 0:
                lines[line.id] = lines.get(line.id, 0) + take
                open_[line.id] -= take
                wanted -= take
    return [{"orderLineId": line, "quantity": quantity} for line, quantity in lines.items()]
