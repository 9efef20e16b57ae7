"""A rehearsal ERP with two articles, and the connector to it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from nervo.connectors.rehearsal_erp.connector import RehearsalErp
from nervo.connectors.rehearsal_erp.settings import Settings
from nervo.connectors.rehearsal_erp.simulator import Simulator
from nervo.kit.http import ToolBox
from nervo.kit.settings import parse
from nervo.model.fulfilment import FulfilmentStatus
from nervo.model.orders import Order, OrderLine, OrderStatus
from nervo.model.parties import Address, FiscalData, Party
from nervo.model.payments import PaymentStatus
from nervo.ports.erp import ErpOrder, OrderDraft

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MILAN = Address("Anna Rossi", "", "Via Dante 4", "", "20121", "Milano", "MI", "IT")


def order(
    quantity: int = 2, *, gross: str = "24.40", sku: str = "SHIRT-M", party: Party | None = None, **fields: Any
) -> Order:
    total = Decimal(gross) * quantity
    net = (total / Decimal("1.22")).quantize(Decimal("0.01"))
    line = OrderLine("1", sku, "Camicia", Decimal(quantity), net, total - net, total, Decimal("0.22"))
    made = Order(
        "77", "#77", "1", OrderStatus.OPEN, "open", PaymentStatus.PAID, FulfilmentStatus.UNFULFILLED, "EUR", (line,), total, total - net,
        AT, AT, party or Party("Anna Rossi", "anna@example.com"), MILAN, MILAN,
    )  # fmt: skip
    return replace(made, **fields)


def company(vat_number: str = "IT07643520567", email: str = "ordini@example.com") -> Party:
    return Party("Rossi S.r.l.", email, fiscal=FiscalData(vat_number=vat_number))


class Desk:
    """The connector with shortcuts of a test's own."""

    def __init__(self, erp: RehearsalErp, simulator: Simulator) -> None:
        self.erp, self.simulator = erp, simulator

    async def written(self, key: str = "shop-77", made: Order | None = None) -> ErpOrder:
        made = made or order()
        customer = await self.erp.create_customer(made.customer, made, f"c-{made.customer.email}")
        return await self.erp.create_order(OrderDraft(key, made, customer))

    async def confirmed(self, key: str = "shop-77", made: Order | None = None) -> ErpOrder:
        return await self.erp.confirm_order((await self.written(key, made)).erp_id)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    simulator = Simulator()
    simulator.add_product(
        "SHIRT", "Camicia Oxford", [("SHIRT-M", "8001234567890", Decimal("24.40"), 10)], weight_g=Decimal(250)
    )
    simulator.add_product("MUG", "Tazza", [("MUG", None, Decimal("12.20"), 5)])
    async with simulator.serve():
        erp = RehearsalErp(parse(Settings, simulator.settings()), ToolBox())
        yield Desk(erp, simulator)
        await erp.close()
