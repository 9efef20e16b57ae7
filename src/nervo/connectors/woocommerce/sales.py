"""What WooCommerce sold: orders, shipments, cancellations."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from nervo.connectors.woocommerce import mapping, wire
from nervo.connectors.woocommerce.client import Client
from nervo.errors import Rejected
from nervo.kit.rows import read_rows
from nervo.model.fulfilment import Fulfilment
from nervo.model.orders import Order
from nervo.ports.common import Cursor, Page

PAGE = 100
MOST_TIES = 8  # the ids already read stand in the address, which servers take up to 8 kB
FINAL = ("completed", "refunded")
OFF = ("cancelled", "failed", "trash", "refunded")


class Sales:
    """The order half of the connector."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def orders(self, after: Cursor | None) -> Page[Order]:
        """By (second of change, id). WooCommerce orders by second only and its pages shift under changes: so the first page after
        a time is asked for, again without those already read, until a whole second is there."""
        if after is None:
            return Page((), await self._newest(), False)
        since = {"modified_after": f"{after.at.astimezone(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"}
        first = (after.at.replace(microsecond=0), int(after.id or -1))
        rows: list[wire.Order | wire.Place] = []
        for _ in range(MOST_TIES):
            seen = {"exclude": ",".join(str(row.id) for row in rows)} if rows else {}
            read = await self.client.orders(order="asc", per_page=str(PAGE), **since, **seen)
            rows += read
            more = len(read) == PAGE
            whole = _whole_seconds(rows) if more else sorted(rows, key=_key)
            new = [row for row in whole if _key(row) > first]
            if new or not more:
                break
        placed = [row for row in new if isinstance(row, wire.Place) or row.status not in mapping.NOT_PLACED]
        items, unreadable = await read_rows(placed, wire.Order, self._read, lambda row: str(row.id))
        return Page(items, Cursor(_key(new[-1])[0], str(new[-1].id)) if new else after, more, unreadable)

    async def order(self, external_id: str) -> Order:
        return await self._read(await self.client.order(external_id))

    async def fulfil(self, external_id: str, fulfilment: Fulfilment, key: str) -> str:
        """WooCommerce has no shipments: they are kept in the order's meta data under our key, and where tracking plug-ins look,
        with a note to the customer; the order is completed when all has left. One PUT, so all or nothing but the note."""
        row = await self.client.order(external_id)
        made = _made(row, fulfilment, key)
        if made is None:
            made = await self._record(row, fulfilment, key)
            noted = False
        else:
            noted = any(_words(fulfilment) in n.note for n in await self.client.notes(external_id))
        if fulfilment.tracking_number and not noted:
            await self.client.add_note(external_id, _words(fulfilment), to_customer=True)
        return made

    async def cancel_order(self, external_id: str, reason: str) -> Order:
        """WooCommerce puts the stock back by itself; the refund is another matter."""
        row = await self.client.order(external_id)
        if row.status in ("cancelled", "trash"):
            return await self._read(row)
        if row.status in FINAL or mapping.fulfilments_of(row):
            raise Rejected(
                f"cancelling order {row.number} in WooCommerce", row.status, code="already_shipped", order=row.number
            )
        row = await self.client.update_order(external_id, {"status": "cancelled"})
        if reason:
            await self.client.add_note(external_id, reason, to_customer=False)
        return await self._read(row)

    async def _record(self, row: wire.Order, fulfilment: Fulfilment, key: str) -> str:
        refunds = await self._refunds(row)
        left = mapping.left_to_ship(row, refunds)
        lines = _lines_to_ship(left, fulfilment)
        if not lines or row.status in OFF:
            raise Rejected(
                f"fulfilling order {row.number} in WooCommerce", row.status, code="nothing_to_fulfil", order=row.number
            )
        at = fulfilment.shipped_at or self.client.http.tools.clock.now()
        record = mapping.our_record(fulfilment, key, lines, at)
        meta = [{"key": mapping.OURS, "value": [*mapping.meta_list(row, mapping.OURS), record]}]
        if fulfilment.tracking_number:
            tracked = [*mapping.meta_list(row, mapping.TRACKING), mapping.tracking_record(fulfilment, key, at)]
            meta.append({"key": mapping.TRACKING, "value": tracked})
        values: dict[str, Any] = {"meta_data": meta}
        if lines == left:
            values["status"] = "completed"
        await self.client.update_order(str(row.id), values)
        return key

    async def _read(self, row: wire.Order) -> Order:
        return mapping.order(row, await self._refunds(row))

    async def _refunds(self, row: wire.Order) -> list[wire.Refund]:
        return await self.client.refunds(row.id) if row.refunds else []

    async def _newest(self) -> Cursor:
        """An empty shop's feed begins a little ago: its clock is not ours."""
        places = await self.client.newest_places()
        if not places:
            return Cursor(self.client.http.tools.clock.now() - timedelta(seconds=60))
        at, id = max(_key(place) for place in places)
        return Cursor(at, str(id))


def _key(row: wire.Order | wire.Place) -> tuple[datetime, int]:
    return mapping.utc(row.date_modified_gmt), row.id


def _whole_seconds(rows: list[wire.Order | wire.Place]) -> list[wire.Order | wire.Place]:
    """Without the last second, of which there may be more; nothing where all changed in one."""
    last = max(_key(row)[0] for row in rows)
    return sorted((row for row in rows if _key(row)[0] < last), key=_key)


def _made(row: wire.Order, fulfilment: Fulfilment, key: str) -> str | None:
    known = mapping.fulfilments_of(row)
    same = [f.external_id for f in known if f.external_id == key]
    number = fulfilment.tracking_number
    same += [f.external_id for f in known if number and f.tracking_number == number]
    return same[0] if same else None


def _lines_to_ship(left: Mapping[str, Decimal], fulfilment: Fulfilment) -> dict[str, Decimal]:
    """What was shipped, as far as it is open; without lines, all that is open."""
    if not fulfilment.lines:
        return dict(left)
    lines: dict[str, Decimal] = {}
    for line in fulfilment.lines:
        open_ = left.get(line.sku, Decimal(0)) - lines.get(line.sku, Decimal(0))
        if take := min(line.quantity, open_):
            lines[line.sku] = lines.get(line.sku, Decimal(0)) + take
    return lines


def _words(fulfilment: Fulfilment) -> str:
    return " ".join(t for t in (fulfilment.carrier, fulfilment.tracking_number, fulfilment.tracking_url) if t)
