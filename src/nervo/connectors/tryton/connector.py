"""Tryton as the ERP port."""

from nervo.connectors.tryton import wire
from nervo.connectors.tryton.catalogue import STOCK_BATCH, Catalogue, Shop
from nervo.connectors.tryton.client import Client
from nervo.connectors.tryton.documents import Documents
from nervo.connectors.tryton.settings import Settings
from nervo.errors import Unsupported
from nervo.kit.http import ToolBox
from nervo.ports.common import Check, Identity
from nervo.ports.erp import Erp, ErpCapabilities, OrderKey

RIGHTS = {
    "product.product": "read", "product.price_list": "read", "stock.move": "read", "party.party": "create", "sale.sale": "create",
    "account.payment": "create",
}  # fmt: skip
NO_BUS = "Set allow_subscribe = True under [bus] in trytond.conf; it needs PostgreSQL."


class Tryton(Catalogue, Documents):
    """One Tryton database, one web shop in it."""

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        self.capabilities = ErpCapabilities(
            promotions=True, order_key=OrderKey.UNIQUE, stock_batch=STOCK_BATCH, late_application_s=60.0,
            doorbell=settings.doorbell,
        )  # fmt: skip
        client = Client(settings, tools)
        shop = Shop(client)
        Catalogue.__init__(self, client, shop)
        Documents.__init__(self, client, shop)

    async def check(self) -> Identity:
        """Logs in, finds the web shop and asks what the user may do."""
        version = await self.client.version()
        shop = await self.shop.row()
        access = await self.client.rpc(
            "ir.model.access", "get_access", list(RIGHTS), type=dict[str, dict[str, wire.Flag]], safe=True
        )
        checks = [
            Check(f"may {right} {model}", bool(access.get(model, {}).get(right))) for model, right in RIGHTS.items()
        ]
        warehouses = await self.shop.warehouses()
        checks.append(Check("warehouses", bool(warehouses), "" if warehouses else "No warehouse has these codes."))
        settings = self.client.settings
        if settings.doorbell:
            checks.append(Check("doorbell", self.client.has_bus, "" if self.client.has_bus else NO_BUS))
        account = f"{settings.url}/{settings.database} · {shop.name}"
        return Identity(shop.company.rec_name, account, version, shop.currency.code or "", False, tuple(checks))

    async def doorbell(self, after: str) -> tuple[str, bool]:
        """Waits on the bus for what the trigger in quirks.md publishes; one message a transaction of Tryton's. The first call may
        return a message of the last minutes: harmless, since a bell only says "look"."""
        if not self.capabilities.doorbell:
            raise Unsupported("waiting for Tryton's doorbell", fix="Install its trigger (quirks.md) and switch it on.")
        rung = await self.client.bell(after)
        return rung or after, bool(rung)

    async def close(self) -> None:
        await self.client.close()


def connect(settings: Settings, tools: ToolBox) -> Erp:
    """A connector for these settings; calls nothing yet."""
    return Tryton(settings, tools)
