"""The rehearsal ERP as the ERP port."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from nervo.connectors.rehearsal_erp import mapping, wire
from nervo.connectors.rehearsal_erp.client import BELL_S, NEEDED_RIGHTS, Client, Taken
from nervo.connectors.rehearsal_erp.settings import Settings
from nervo.errors import Rejected, Unsupported
from nervo.kit.http import ToolBox
from nervo.kit.rows import decoded_rows, read_rows
from nervo.model.catalog import Product
from nervo.model.orders import Order
from nervo.model.parties import Party
from nervo.model.payments import Payment
from nervo.model.prices import Price
from nervo.model.promotions import Promotion
from nervo.model.stock import StockFigure
from nervo.ports.common import Check, Cursor, Identity, Page
from nervo.ports.erp import Erp, ErpCapabilities, ErpOrder, OrderDraft, OrderKey

W = TypeVar("W")
M = TypeVar("M")
P = TypeVar("P")


class RehearsalErp:
    """One company of a rehearsal ERP."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        self.client, self.page = Client(settings, tools), settings.page
        self.capabilities = ErpCapabilities(
            order_key=OrderKey.UNIQUE if settings.unique_keys else OrderKey.SEARCHABLE, stock_batch=200, doorbell=True,
            late_application_s=float(settings.late_application_s),
        )  # fmt: skip

    async def check(self) -> Identity:
        """Who answers, and whether the token may do what the hub needs."""
        found = await self.client.read("/company", wire.Company, "asking the ERP who it is")
        checks = [Check(f"may use {right}", right in found.rights) for right in NEEDED_RIGHTS]
        account = f"{self.client.settings.url} · {found.code}"
        return Identity(found.name, account, found.version, found.currency, found.prices_include_vat, tuple(checks))

    async def close(self) -> None:
        await self.client.close()

    async def products(self, after: Cursor | None) -> Page[Product]:
        return await self._each("/products", after, wire.Product, wire.Code, mapping.product, lambda row: row.code)

    async def prices(self, after: Cursor | None) -> Page[Price]:
        return await self._each("/prices", after, wire.Price, wire.Listed, mapping.price, _listed)

    async def promotions(self, after: Cursor | None) -> Page[Promotion]:
        raise Unsupported("reading promotions of the rehearsal ERP", "it plans none")

    async def changed_stock(self, after: Cursor | None) -> Page[str]:
        """SKUs of the stock journal after the cursor, each once a page."""
        start = after or Cursor((await self._journal("latest")).at, "latest")
        page = await self._feed("/stock/moves", start, wire.Feed[wire.Move], lambda move: move.sku)
        return Page(tuple(dict.fromkeys(page.items)), page.next, page.more)

    async def stock_of(self, skus: Sequence[str]) -> tuple[StockFigure, ...]:
        doing = "reading stock of the rehearsal ERP"
        found = await self.client.ask("/stock/query", wire.Query(skus=list(skus)), wire.Figures, doing)
        return tuple(mapping.figure(row) for row in found.rows)

    async def stock_snapshot(self, after: str | None) -> tuple[tuple[StockFigure, ...], str | None]:
        doing = "reading all stock of the rehearsal ERP"
        found = await self.client.read("/stock", wire.Figures, doing, after=after, limit=self.page)
        return tuple(mapping.figure(row) for row in found.rows), found.next

    async def find_customer(self, party: Party) -> str | None:
        """By partita IVA, then codice fiscale, then e-mail; an e-mail's owner with another identifier is somebody else."""
        vat, tax_code = mapping.vat_number(party.fiscal.vat_number), party.fiscal.tax_code.strip().upper()
        for name, value in (("vat_number", vat), ("tax_code", tax_code)):
            if value and (found := await self._customers(**{name: value})):
                return _only(found, value)
        if not party.email:
            return None
        found = [c for c in await self._customers(email=party.email) if not _somebody_else(c, vat, tax_code)]
        return _only(found, party.email) if found else None

    async def create_customer(self, party: Party, order: Order, key: str) -> str:
        """A customer under our key."""
        body = mapping.new_customer(party, order, key)
        try:
            made = await self.client.write("/customers", body, wire.Customer, f"creating customer {key} in the ERP")
        except Taken as taken:
            return taken.id
        return made.id

    async def find_order(self, key: str) -> ErpOrder | None:
        found = (await self.client.read("/orders", wire.Orders, f"looking for order {key}", reference=key)).rows
        if len(found) > 1:
            raise Rejected(f"looking for order {key} in the ERP", f"{len(found)} orders have this key", code="duplicate_in_erp",
                           fix="Cancel the surplus orders in the ERP, then press Retry.", order=key)  # fmt: skip
        return mapping.erp_order(found[0]) if found else None

    async def create_order(self, draft: OrderDraft) -> ErpOrder:
        try:
            made = await self.client.write(
                "/orders", mapping.new_order(draft), wire.Order, f"writing order {draft.key} to the ERP"
            )
        except Taken as taken:
            return await self.read_order(taken.id)
        return mapping.erp_order(made)

    async def confirm_order(self, erp_id: str) -> ErpOrder:
        return await self._act(erp_id, "confirm", None, "confirming")

    async def record_payment(self, erp_id: str, payment: Payment, key: str) -> ErpOrder:
        return await self._act(erp_id, "payments", mapping.new_payment(payment, key), "booking a payment of")

    async def cancel_order(self, erp_id: str) -> ErpOrder:
        return await self._act(erp_id, "cancel", None, "cancelling")

    async def read_order(self, erp_id: str) -> ErpOrder:
        return mapping.erp_order(
            await self.client.read(f"/orders/{erp_id}", wire.Order, f"reading order {erp_id} of the ERP")
        )

    async def changed_orders(self, after: Cursor | None) -> Page[ErpOrder]:
        return await self._each("/orders/changes", after, wire.Order, wire.Place, mapping.erp_order, lambda row: row.id)

    async def doorbell(self, after: str) -> tuple[str, bool]:
        """Without a mark it answers at once: whatever was before may have changed."""
        wait_s = BELL_S if after else 0
        found = await self.client.read(
            "/bell", wire.Bell, "waiting for the ERP's doorbell", after=after or 0, wait_s=wait_s
        )
        return str(found.mark), found.rung

    async def _act(self, erp_id: str, verb: str, body: wire.Document | None, doing: str) -> ErpOrder:
        path = f"/orders/{erp_id}/{verb}"
        return mapping.erp_order(await self.client.write(path, body, wire.Order, f"{doing} order {erp_id} in the ERP"))

    async def _customers(self, **by: str) -> list[wire.Customer]:
        found = await self.client.read("/customers", wire.Customers, "looking for a customer in the ERP", **by)
        return found.rows

    async def _journal(self, place: str) -> wire.Feed[wire.Move]:
        doing = "asking where the stock journal stands"
        return await self.client.read("/stock/moves", wire.Feed[wire.Move], doing, after=place, limit=1)

    async def _feed(self, path: str, after: Cursor | None, kind: type[wire.Feed[W]], read: Callable[[W], M]) -> Page[M]:
        found, stands = await self._read_feed(path, after, kind)
        return Page(tuple(read(row) for row in found.rows), stands, found.more)

    async def _each(
        self,
        path: str,
        after: Cursor | None,
        kind: type[W],
        place: type[P],
        read: Callable[[W], M],
        name: Callable[[W | P], str],
    ) -> Page[M]:
        """Each row by itself: one that nobody understands is named and stops no other."""

        async def of(row: W) -> M:
            return read(row)

        found, stands = await self._read_feed(path, after, wire.Feed[msgspec.Raw])
        rows = decoded_rows(found.rows, kind, place, f"reading {path} of the rehearsal ERP")
        items, unreadable = await read_rows(rows, kind, of, name)
        return Page(items, stands, found.more, unreadable)

    async def _read_feed(
        self, path: str, after: Cursor | None, kind: type[wire.Feed[W]]
    ) -> tuple[wire.Feed[W], Cursor]:
        """Rows by the ERP's own sequence, and where to go on; a cursor without an id (rewound) by time."""
        where: dict[str, Any] = (
            {"after": 0} if after is None else {"after": after.id} if after.id else {"since": after.at.isoformat()}
        )
        found = await self.client.read(path, kind, f"reading {path} of the ERP", limit=self.page, **where)
        return found, after if after and after.id == str(found.last) else Cursor(found.at, str(found.last))


def _listed(row: wire.Price | wire.Listed) -> str:
    return f"{row.sku}@{row.price_list}"


def _somebody_else(row: wire.Customer, vat: str, tax_code: str) -> bool:
    return bool(
        (vat and row.vat_number and row.vat_number != vat) or (tax_code and row.tax_code and row.tax_code != tax_code)
    )


def _only(found: Sequence[wire.Customer], by: str) -> str:
    if len(found) > 1:
        raise Rejected("looking for the customer in the ERP", f"{len(found)} customers have {by}", code="ambiguous_customer",
                       fix="Merge them in the ERP, then press Retry.", by=by)  # fmt: skip
    return found[0].id


def connect(settings: Settings, tools: ToolBox) -> Erp:
    """A connector for these settings; calls nothing yet."""
    return RehearsalErp(settings, tools)
