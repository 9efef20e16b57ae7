"""What Tryton is told: customers, orders, payments, cancellations; and what became of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from nervo.connectors.tryton import mapping, wire
from nervo.connectors.tryton.catalogue import Shop
from nervo.connectors.tryton.client import Client, Domain
from nervo.connectors.tryton.feed import Feed, Source
from nervo.connectors.tryton.lines import LineWriter
from nervo.errors import NotFound, Rejected
from nervo.kit.rows import read_rows
from nervo.model.orders import Order
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment
from nervo.ports.common import Cursor, Page
from nervo.ports.erp import ErpOrder, ErpOrderState, OrderDraft

SENT = ("done",)
OLDEST_FIRST = [("last_modified_at", "ASC"), ("id", "ASC")]
DROPPABLE_INVOICES = ("draft", "validated", "cancelled")


class Documents:
    """The writing half of the connector."""

    def __init__(self, client: Client, shop: Shop) -> None:
        self.client, self.shop = client, shop
        self._lines = LineWriter(client)
        self._ids: dict[tuple[str, str], int | None] = {}
        self._addressing = asyncio.Lock()
        self._orders: Feed | None = None

    async def find_customer(self, party: Party) -> str | None:
        """By partita IVA, then codice fiscale, then e-mail; an e-mail's owner with another identifier is somebody else."""
        await self.shop.row()
        given = mapping.identifiers(party.fiscal)
        for kind, code in given:
            codes = [code, code.removeprefix("IT")] if kind in mapping.VAT_TYPES else [code]
            found = await self.client.search("party.party", [["identifiers.code", "in", codes]])
            if found:
                return _only(found, code)
        if not party.email or any(kind in mapping.VAT_TYPES for kind, _ in given):
            return None
        domain = [["contact_mechanisms", "where", [["type", "=", "email"], ["value", "ilike", _literal(party.email)]]]]
        rows = await self.client.find("party.party", domain, wire.PartyRow)
        guests = await self._guests() if rows else frozenset()
        fitting = [row.id for row in rows if row.id not in guests and not _contradicts(row, given)]
        return _only(fitting, party.email) if fitting else None

    async def create_customer(self, party: Party, order: Order, key: str) -> str:
        """A party under our key as its code; the one that has it already is returned."""
        await self.shop.row()
        if existing := await self.client.search("party.party", [["code", "=", key]]):
            return str(existing[0])
        wanted = [a for a in dict.fromkeys((order.billing, order.shipping)) if a.street or a.city]
        addresses = [await self._address_values(a) for a in wanted]
        try:
            return str(await self.client.create("party.party", mapping.party_values(party, key, addresses)))
        except Rejected as refused:
            if existing := await self.client.search("party.party", [["code", "=", key]]):
                return str(existing[0])
            raise Rejected(
                f"creating the customer {party.name} of order {order.number} in Tryton", refused.said,
                code="customer_refused", order=order.number, customer=party.name,
                fix="Correct the customer's fiscal data at the channel or in Tryton, then press Retry.",
            ) from refused  # fmt: skip

    async def find_order(self, key: str) -> ErpOrder | None:
        """By (web_shop, web_id), which Tryton keeps unique."""
        shop = await self.shop.row()
        rows = await self._sales([["web_shop", "=", shop.id], ["web_id", "=", key]])
        return mapping.erp_order(rows[0]) if rows else None

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        """A draft sale with its lines priced as the channel sold them; no price list, so that none is applied over them."""
        values = await self._sale_values(draft)
        try:
            sale = await self.client.create("sale.sale", values)
        except Rejected:  # (web_shop, web_id) is unique
            if existing := await self.find_order(draft.key):
                return existing
            raise
        return await self.read_order(str(sale))

    async def confirm_order(self, erp_id: str) -> ErpOrder:
        """Quotes and confirms it. Raises Rejected(code="erp_changed_total") when quoting changes what it costs."""
        row = await self._sale(erp_id)
        if row.state == "draft":
            row = await self._quote(row)
        if row.state == "quotation":
            await self.client.button("sale.sale", "confirm", [row.id])
            row = await self._sale(erp_id)
        if row.state == "confirmed":
            # Tryton processes in a transaction of its own after the confirmation: one that was cut off in between reserves nothing.
            await self.client.button("sale.sale", "process", [row.id])
            row = await self._sale(erp_id)
        return mapping.erp_order(row)

    async def record_payment(self, erp_id: str, payment: Payment, key: str) -> ErpOrder:
        """A payment on the sale, carried to "succeeded" from wherever an earlier try left it."""
        row = await self._sale(erp_id)
        if row.state == "draft":
            row = await self._quote(row)
        known = [p for p in row.payments if (p.reference or "").split(" ")[-1] == key]
        number, state = (
            (known[0].id, known[0].state) if known else (await self._create_payment(row, payment, key), "draft")
        )
        if state == "draft":
            await self.client.button("account.payment", "submit", [number])
        if state in ("draft", "submitted"):
            await self.client.wizard("account.payment.process", "process", "account.payment", [number])
        if state in ("draft", "submitted", "processing"):
            await self.client.button("account.payment", "succeed", [number])
        return await self.read_order(erp_id)

    async def cancel_order(self, erp_id: str) -> ErpOrder:
        """Cancels shipments, draft invoices and payments of a confirmed sale, then the sale. A posted invoice needs a person."""
        row = await self._sale(erp_id)
        if mapping.erp_order(row).state is ErpOrderState.CANCELLED and all(p.state == "failed" for p in row.payments):
            return mapping.erp_order(row)
        if any(s.state in SENT for s in row.shipments) or any(m.state == "done" for m in row.moves):
            raise Rejected(
                f"cancelling sale {row.number} in Tryton", "goods have left", code="already_shipped", order=row.number
            )
        if any(i.state not in DROPPABLE_INVOICES for i in row.invoices):
            raise Rejected(f"cancelling sale {row.number} in Tryton", "its invoice is posted", code="already_invoiced",
                           fix="Issue a credit note in Tryton.", order=row.number)  # fmt: skip
        if row.state in ("confirmed", "processing", "done"):
            await self._undo_processing(row)
        if paid := [p.id for p in row.payments if p.state not in ("draft", "failed")]:
            await self.client.button("account.payment", "fail", paid)
        if dropped := [p.id for p in row.payments if p.state == "draft"]:
            await self.client.rpc("account.payment", "delete", dropped, type=object)
        if row.state in ("draft", "quotation"):
            await self.client.button("sale.sale", "cancel", [row.id])
        return await self.read_order(erp_id)

    async def read_order(self, erp_id: str) -> ErpOrder:
        return mapping.erp_order(await self._sale(erp_id))

    async def changed_orders(self, after: Cursor | None) -> Page[ErpOrder]:
        """Our sales whose own row, shipments, invoices or payments changed."""
        shop = await self.shop.row()
        if self._orders is None:
            sources = (Source("sale.sale", (), (["web_shop", "=", shop.id],)), Source("stock.shipment.out"), Source("account.invoice"),
                       Source("account.payment", ("origin",)))  # fmt: skip
            self._orders = Feed(self.client, sources, float(self.client.settings.overlap_s), page_size=100)
        rows, cursor, more = await self._orders.page(after)
        by = [[row for row in rows if row.source == index] for index in range(4)]
        paid = [
            int(row.data["origin"].split(",")[1])
            for row in by[3]
            if str(row.data.get("origin") or "").startswith("sale.sale,")
        ]
        touched = ["OR", ["id", "in", [*(row.id for row in by[0]), *paid]], ["shipments", "in", [row.id for row in by[1]]],
                   ["invoices", "in", [row.id for row in by[2]]]]  # fmt: skip
        ours = [["web_shop", "=", shop.id], ["web_id", "!=", None], touched]
        sales = (
            await self.client.find_each("sale.sale", ours, wire.SaleRow, wire.SalePlace, order=OLDEST_FIRST)
            if rows
            else []
        )
        items, unreadable = await read_rows(sales, wire.SaleRow, _order, lambda sale: str(sale.id))
        return Page(items, cursor, more, unreadable)

    async def _quote(self, row: wire.SaleRow) -> wire.SaleRow:
        await self.client.button("sale.sale", "quote", [row.id])
        quoted = await self._sale(str(row.id))
        before, after = row.total_amount.decimal, quoted.total_amount.decimal
        if before != after:
            await self.client.button("sale.sale", "draft", [row.id])
            raise Rejected(
                f"quoting order {row.web_id} in Tryton", f"{before} became {after}",
                code="erp_changed_total", order=row.web_id,
                before=before, after=after,
                fix="A promotion without a price list applies to web orders: give it a price list, then press Retry.",
            )  # fmt: skip
        return quoted

    async def _create_payment(self, row: wire.SaleRow, payment: Payment, key: str) -> int:
        shop, journal = await self.shop.row(), self.client.settings.payment_journal
        return await self.client.create("account.payment", {
            "company": shop.company.id, "journal": await self._known("account.payment.journal", "name", journal), "kind": "receivable",
            "party": row.party, "amount": payment.amount, "origin": f"sale.sale,{row.id}",
            "reference": f"{payment.reference.replace(' ', '_')} {key}".strip(),
        })  # fmt: skip

    async def _undo_processing(self, row: wire.SaleRow) -> None:
        if open_shipments := [s.id for s in row.shipments if s.state != "cancelled"]:
            await self.client.button("stock.shipment.out", "cancel", open_shipments)
        if open_invoices := [i.id for i in row.invoices if i.state != "cancelled"]:
            await self.client.button("account.invoice", "cancel", open_invoices)
        # What the two "handle exception" wizards do when a person ignores everything that was cancelled.
        lines = await self.client.find("sale.line", [["sale", "=", row.id]], wire.SaleLineRow)
        for line in lines:
            if moves := [m.id for m in line.moves if m.id not in line.moves_ignored]:
                await self.client.rpc("sale.line", "write", [line.id], {"moves_ignored": [("add", moves)]}, type=object)
        invoices = [i.id for i in row.invoices]
        await self.client.rpc("sale.sale", "write", [row.id], {"invoices_ignored": [("add", invoices)]}, type=object)
        await self.client.button("sale.sale", "process", [row.id])

    async def _sale_values(self, draft: OrderDraft) -> dict[str, Any]:
        shop, order, party = await self.shop.row(), draft.order, int(draft.customer)
        billing, shipping = _filled(order.billing, order.shipping), _filled(order.shipping, order.billing)
        values: dict[str, Any] = {
            "party": party, "invoice_address": await self._address(party, billing),
            "shipment_address": await self._address(party, shipping),
            "reference": order.number, "comment": mapping.comment(order) or None, "company": shop.company.id,
            "currency": await self._known("currency.currency", "code", order.currency), "warehouse": await self._warehouse(draft.warehouse),
            "web_shop": shop.id, "web_id": draft.key, "lines": [("create", await self._lines.values(order))],
        }  # fmt: skip
        if term := self.client.settings.payment_term:
            values["payment_term"] = await self._known("account.invoice.payment_term", "name", term)
        return values

    async def _warehouse(self, code: str) -> int:
        warehouses = await self.shop.warehouses()
        default = (await self.shop.row()).warehouses
        fitting = [w for w in warehouses if (w.code or w.name) == code] if code else [*default, *warehouses]
        if not fitting:
            raise Rejected("choosing the warehouse in Tryton", code, code="warehouse_unknown", warehouse=code)
        return fitting[0].id

    async def _address(self, party: int, address: Address) -> int:
        """The party's address that is this one, made when there is none."""
        async with self._addressing:
            known = await self.client.find("party.address", [["party", "=", party]], wire.AddressRow)
            if same := [row for row in known if mapping.same_address(row, address)]:
                return same[0].id
            return await self.client.create("party.address", {"party": party, **await self._address_values(address)})

    async def _address_values(self, address: Address) -> dict[str, Any]:
        country = await self._known("country.country", "code", address.country) if address.country else None
        code = f"{address.country}-{address.province}" if country and address.province else ""
        subdivision = await self._lookup("country.subdivision", "code", code) if code else None
        return mapping.address_values(address, country, subdivision)

    async def _known(self, model: str, field: str, value: str) -> int:
        found = await self._lookup(model, field, value)
        if found is None:
            raise Rejected(f"looking for {model} in Tryton", value, code="unknown_record", model=model, value=value,
                           fix="Create it in Tryton or correct the settings.")  # fmt: skip
        return found

    async def _lookup(self, model: str, field: str, value: str) -> int | None:
        if self._ids.get((model, value)) is None:
            found = await self.client.search(model, [[field, "=", value]], limit=1)
            self._ids[model, value] = found[0] if found else None
        return self._ids[model, value]

    async def _guests(self) -> frozenset[int]:
        rows = await self.client.rows(
            "web.shop", [["guest_party", "!=", None]], ["guest_party"], limit=1000, order=(("id", "ASC"),)
        )
        return frozenset(int(row["guest_party"]) for row in rows)

    async def _sale(self, erp_id: str) -> wire.SaleRow:
        await self.shop.row()
        rows = await self._sales([["id", "=", int(erp_id)]]) if erp_id.isdigit() else []
        if not rows:
            raise NotFound("reading a sale in Tryton", erp_id, order=erp_id)
        return rows[0]

    async def _sales(self, domain: Domain) -> list[wire.SaleRow]:
        return await self.client.find("sale.sale", domain, wire.SaleRow, order=OLDEST_FIRST)


async def _order(row: wire.SaleRow) -> ErpOrder:
    return mapping.erp_order(row)


def _only(found: Sequence[int], by: str) -> str:
    if len(set(found)) > 1:
        raise Rejected("looking for the customer in Tryton", f"{len(set(found))} parties have {by}", code="ambiguous_customer",
                       fix="Merge them in Tryton, then press Retry.", by=by)  # fmt: skip
    return str(found[0])


def _contradicts(row: wire.PartyRow, given: Sequence[tuple[str, str]]) -> bool:
    """Whether the party has another codice fiscale than the one given."""
    return any(i.type == kind and i.code.upper() != code for i in row.identifiers for kind, code in given)


def _literal(text: str) -> str:
    """A text for ilike that matches itself alone."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _filled(address: Address, other: Address) -> Address:
    return address if address.street or address.city else other
