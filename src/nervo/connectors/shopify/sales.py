"""What Shopify sold: orders, fulfilments, cancellations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from nervo.connectors.shopify import mapping, queries, wire
from nervo.connectors.shopify.client import Client
from nervo.errors import Misunderstood, NotFound, OutcomeUnknown, Rejected
from nervo.kit.rows import decoded_rows, read_rows
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order
from nervo.model.units import aware
from nervo.ports.common import Cursor, Page

MOST_PAGES = 100
SHIPPABLE = ("OPEN", "IN_PROGRESS")
ALIVE = ("SUCCESS", "OPEN", "PENDING")
CANCEL_REASONS = {
    "customer": "CUSTOMER", "inventory": "INVENTORY", "fraud": "FRAUD", "declined": "DECLINED", "staff": "STAFF",
}  # fmt: skip


@dataclass(slots=True)
class _Open:
    """A line of a fulfilment order and what of it may still leave."""

    order: str
    location: str
    line: str
    sku: str
    left: int


class Sales:
    """The order half of the connector."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def orders(self, after: Cursor | None) -> Page[Order]:
        """By (updatedAt, id). Shopify's times have whole seconds and it does not say how it sorts within one: a page ends between
        two seconds, never within one."""
        if after is None:
            return Page((), await self._newest(), False)
        rows: list[wire.Order | wire.Stamp] = []
        mark, more = None, True
        for _ in range(MOST_PAGES):
            page = await self._orders_page(f"updated_at:>='{mapping.iso(after.at)}'", mark)
            rows += decoded_rows(page.nodes, wire.Order, wire.Stamp, "reading orders from Shopify")
            mark, more = page.pageInfo.endCursor, page.pageInfo.hasNextPage
            whole = [r for r in rows if not more or r.updatedAt < rows[-1].updatedAt]
            fresh = sorted((r for r in whole if _key(r) > (after.at, int(after.id or -1))), key=_key)
            if fresh or not more:
                break
        else:
            raise Misunderstood("reading orders from Shopify", f"more than {len(rows)} changed in one second")
        items, unreadable = await read_rows(fresh, wire.Order, self._read, lambda row: str(mapping.number(row.id)))
        return Page(items, _cursor(fresh[-1]) if fresh else after, more, unreadable)

    async def order(self, external_id: str) -> Order:
        return mapping.order(await self._order(external_id))

    async def fulfil(self, external_id: str, fulfilment: Fulfilment, key: str) -> str:
        """Shopify takes no key: what this tracking number has carried already is counted first. A fulfilment is of one location, so
        goods of two leave in two."""
        row, open_lines = await self._to_ship(external_id)
        doing = f"fulfilling order {row.name} in Shopify"
        before = [f for f in row.fulfillments if f.status in ALIVE and _carries(f, fulfilment.tracking_number)]
        chosen = _chosen(open_lines, fulfilment, before)
        made = ""
        for batch in _by_location(chosen):
            payload = await self.client.mutate(queries.FULFIL, fulfillment=self._input(batch, fulfilment))
            if payload.userErrors:
                raise Rejected(doing, "; ".join(e.message for e in payload.userErrors), order=row.name)
            if payload.fulfillment is None:
                raise Misunderstood(doing, "no fulfilment in the answer")
            made = made or payload.fulfillment.id
        if made or before:
            return mapping.tail(before[0].id if before else made)
        states = {f.status for f in row.fulfillmentOrders.nodes}
        fix = "Release the hold in Shopify, then press Retry." if "ON_HOLD" in states else ""
        raise Rejected(doing, ", ".join(sorted(states)), code="nothing_to_fulfil", fix=fix, order=row.name)

    async def cancel_order(self, external_id: str, reason: str) -> Order:
        """Cancels and restocks; the refund is another matter. Shopify does it in a job: not done yet is an unknown outcome."""
        row = await self._order(external_id)
        if row.cancelledAt:
            return mapping.order(row)
        why = CANCEL_REASONS.get(reason.lower(), "OTHER")
        payload = await self.client.mutate(queries.CANCEL, id=row.id, reason=why, note=reason[:255] or None)
        doing = f"cancelling order {row.name} in Shopify"
        if payload.orderCancelUserErrors:
            error = payload.orderCancelUserErrors[0]
            raise Rejected(doing, error.message, code=(error.code or "rejected").lower(), order=row.name)
        row = await self._order(external_id)
        if not row.cancelledAt:
            raise OutcomeUnknown(doing, "the job has not finished", order=row.name)
        return mapping.order(row)

    async def _order(self, external_id: str) -> wire.Order:
        found = await self.client.query(queries.ORDER, {"order": wire.Order}, id=mapping.gid("Order", external_id))
        if "order" not in found:
            raise NotFound("reading an order in Shopify", external_id, order=external_id)
        return await self._complete(found["order"])

    async def _read(self, row: wire.Order) -> Order:
        return mapping.order(await self._complete(row))

    async def _complete(self, row: wire.Order) -> wire.Order:
        """A long order's other lines."""
        for _ in range(MOST_PAGES):
            page = row.lineItems.pageInfo
            if not page.hasNextPage:
                return row
            found = await self.client.query(queries.MORE_LINES, {"order": _Lines}, id=row.id, after=page.endCursor)
            more = found["order"].lineItems
            row.lineItems = wire.Connection([*row.lineItems.nodes, *more.nodes], more.pageInfo)
        return row

    async def _orders_page(self, query: str, after: str | None) -> wire.Connection[msgspec.Raw]:
        values = {"first": self.client.page["Orders"], "query": query, "after": after}
        return (await self.client.query(queries.ORDERS, {"orders": wire.Connection[msgspec.Raw]}, **values))["orders"]

    async def _newest(self) -> Cursor:
        """Where the feed begins; of an empty shop a little ago, because Shopify's clock is not ours."""
        found = await self.client.query(queries.NEWEST_ORDER, {"orders": wire.Connection[wire.Stamp]})
        newest = found["orders"].nodes
        return _cursor(newest[0]) if newest else Cursor(self.client.http.tools.clock.now() - timedelta(seconds=60))

    async def _to_ship(self, external_id: str) -> tuple[wire.ToShip, list[_Open]]:
        id = mapping.gid("Order", external_id)
        found = await self.client.query(queries.TO_SHIP, {"order": wire.ToShip}, id=id)
        if "order" not in found:
            raise NotFound("reading what to ship of an order in Shopify", external_id, order=external_id)
        row, lines = found["order"], []
        for order in row.fulfillmentOrders.nodes:
            if order.status in SHIPPABLE:
                location = order.assignedLocation.location.id if order.assignedLocation.location else ""
                lines += [
                    _Open(order.id, location, x.id, x.lineItem.sku or "", x.remainingQuantity)
                    for x in await self._lines_to_ship(order)
                ]
        return row, lines

    async def _lines_to_ship(self, order: wire.FulfillmentOrder) -> list[wire.ToShipLine]:
        lines, page = list(order.lineItems.nodes), order.lineItems.pageInfo
        for _ in range(MOST_PAGES):
            if not page.hasNextPage:
                break
            found = await self.client.query(
                queries.MORE_TO_SHIP, {"fulfillmentOrder": _ToShipLines}, id=order.id, after=page.endCursor
            )
            more = found["fulfillmentOrder"].lineItems
            lines, page = [*lines, *more.nodes], more.pageInfo
        return lines

    def _input(self, batch: Sequence[tuple[_Open, int]], fulfilment: Fulfilment) -> dict[str, Any]:
        by_order: dict[str, list[dict[str, Any]]] = {}
        for line, quantity in batch:
            by_order.setdefault(line.order, []).append({"id": line.line, "quantity": quantity})
        given = {
            "company": fulfilment.carrier,
            "number": fulfilment.tracking_number,
            "url": fulfilment.tracking_url,
        }
        return {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": order, "fulfillmentOrderLineItems": lines} for order, lines in by_order.items()
            ],
            "notifyCustomer": self.client.settings.notify_customer,
            "trackingInfo": {name: value for name, value in given.items() if value},
        }


class _Lines(msgspec.Struct):
    lineItems: wire.Connection[wire.Line]


class _ToShipLines(msgspec.Struct):
    lineItems: wire.Connection[wire.ToShipLine]


def _key(row: wire.Order | wire.Stamp) -> tuple[Any, int]:
    return aware(row.updatedAt), mapping.number(row.id)


def _cursor(row: wire.Order | wire.Stamp) -> Cursor:
    return Cursor(aware(row.updatedAt), str(mapping.number(row.id)))


def _carries(fulfillment: wire.Fulfillment, tracking_number: str) -> bool:
    return bool(tracking_number) and any(t.number == tracking_number for t in fulfillment.trackingInfo)


def _chosen(
    open_lines: Sequence[_Open], fulfilment: Fulfilment, before: Sequence[wire.Fulfillment]
) -> list[tuple[_Open, int]]:
    """What was shipped less what its tracking number has carried already, over the open lines; without lines, all that is open."""
    if not fulfilment.lines:
        return [(line, line.left) for line in open_lines if line.left > 0]
    wanted: dict[str, int] = {}
    for shipped in fulfilment.lines:
        wanted[shipped.sku] = wanted.get(shipped.sku, 0) + int(shipped.quantity)
    for sent in before:
        for line in sent.fulfillmentLineItems.nodes:
            sku = line.lineItem.sku or ""
            wanted[sku] = wanted.get(sku, 0) - (line.quantity or 0)
    chosen = []
    for open_line in open_lines:
        take = min(wanted.get(open_line.sku, 0), open_line.left)
        if take > 0:
            wanted[open_line.sku] -= take
            chosen.append((open_line, take))
    return chosen


def _by_location(chosen: Sequence[tuple[_Open, int]]) -> list[list[tuple[_Open, int]]]:
    batches: dict[str, list[tuple[_Open, int]]] = {}
    for line, quantity in chosen:
        batches.setdefault(line.location, []).append((line, quantity))
    return list(batches.values())
