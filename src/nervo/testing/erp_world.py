"""The ERP's world: an order as a channel sold it, written step by step."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.money import rounded
from nervo.model.orders import Charge, ChargeKind, Order, OrderLine, OrderStatus
from nervo.model.parties import Address, Party
from nervo.model.payments import Payment, PaymentStatus
from nervo.ports.common import Cursor
from nervo.ports.erp import ErpOrder, OrderDraft
from nervo.testing.world import World

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
VAT = Decimal("0.22")
HOME = Address("Niccolò D’Agata", "", "Via dell’Università 7", "", "95131", "Catania", "CT", "IT", "+39 095 000000")
MOST_PAGES = 500


@dataclass
class ErpWorld(World):
    """An ERP with its simulator."""

    def needs(self, capability: str) -> None:
        """Skips the test where the ERP cannot."""
        if not getattr(self.port.capabilities, capability):
            pytest.skip(f"{self.connector.name} has no {capability}")

    def lacks(self, capability: str) -> None:
        """Skips the test where the ERP can."""
        if getattr(self.port.capabilities, capability):
            pytest.skip(f"{self.connector.name} has {capability}")

    def add_many(self, count: int) -> None:
        for n in range(count):
            self.simulator.add_product(f"P{n}", f"Articolo {n}", [(f"SKU-{n:04}", None, Decimal("1.00"), n)])

    async def pages(self, feed: str, after: Cursor | None, port: Any) -> tuple[list[Any], Cursor | None]:
        """A feed from a place on until there is no more, and the place reached."""
        found: list[Any] = []
        for _ in range(MOST_PAGES):
            page = await getattr(port or self.port, feed)(after)
            found += page.items
            after = page.next or after
            if not page.more:
                return found, after
        raise AssertionError(f"{feed} does not end after {MOST_PAGES} pages")

    async def all_of(self, feed: str, after: Cursor | None = None, port: Any = None) -> list[Any]:
        return (await self.pages(feed, after, port))[0]

    async def end_of(self, feed: str, after: Cursor | None = None, port: Any = None) -> Cursor | None:
        return (await self.pages(feed, after, port))[1]

    async def customer(self, order: Order) -> str:
        """The ERP's id of the order's customer, made where it has none."""
        found: str | None = await self.port.find_customer(order.customer)
        return found or await self.port.create_customer(order.customer, order, f"customer/{order.customer.email}")

    async def draft(self, key: str, order: Order | None = None) -> OrderDraft:
        order = order or sold(key)
        return OrderDraft(key, order, await self.customer(order))

    async def written(self, key: str, order: Order | None = None) -> ErpOrder:
        made: ErpOrder = await self.port.create_order(await self.draft(key, order))
        return made

    async def confirmed(self, key: str, order: Order | None = None) -> ErpOrder:
        made: ErpOrder = await self.port.confirm_order((await self.written(key, order)).erp_id)
        return made

    def booked(self, key: str) -> list[dict[str, Any]]:
        """What the ERP's own books have under our key."""
        return [row for row in self.simulator.orders() if row["key"] == key]


def line(sku: str, quantity: int, unit_gross: str, number: int = 1) -> OrderLine:
    gross = Decimal(unit_gross) * quantity
    net = rounded(gross / (1 + VAT), "EUR")
    return OrderLine(str(number), sku, sku, Decimal(quantity), net, gross - net, gross, VAT)


def shipping(gross: str) -> Charge:
    net = rounded(Decimal(gross) / (1 + VAT), "EUR")
    return Charge(ChargeKind.SHIPPING, "Spedizione", net, Decimal(gross) - net, Decimal(gross), VAT)


def sold(number: str, *lines: OrderLine, email: str = "anna@example.com", charges: tuple[Charge, ...] = ()) -> Order:
    """An order as a channel has it: two shirts where no lines are given."""
    goods = lines or (line("SHIRT-M", 2, "24.40"),)
    parts: tuple[OrderLine | Charge, ...] = (*goods, *charges)
    total = sum((part.total_gross for part in parts), Decimal(0))
    tax = sum((part.total_tax for part in parts), Decimal(0))
    return Order(
        number, f"#{number}", "1", OrderStatus.OPEN, "open", PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED, "EUR", goods, total, tax,
        AT, AT, Party("Niccolò D’Agata", email), replace(HOME, email=email), HOME, charges,
    )  # fmt: skip


def payment(order: Order, amount: Decimal | None = None) -> Payment:
    """A card payment of the whole order, or of this much."""
    paid = order.total_gross if amount is None else amount
    return Payment("ch_1", "card", PaymentStatus.PAID, paid, order.currency, "ch_1", AT)
