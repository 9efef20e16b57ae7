"""Vendure as the shop port."""

from nervo.connectors.vendure.client import Client
from nervo.connectors.vendure.sales import Sales
from nervo.connectors.vendure.settings import Settings
from nervo.connectors.vendure.shelves import READ_BATCH, Shelves
from nervo.errors import Unsupported
from nervo.kit.http import ToolBox
from nervo.ports.common import Check, Identity
from nervo.ports.shop import Shop, ShopCapabilities, Subscription

NEEDED = ("ReadCatalog", "UpdateCatalog", "ReadOrder", "UpdateOrder")


class Vendure(Shelves, Sales):
    """One channel of a Vendure server."""

    capabilities = ShopCapabilities(
        locations=True, webhooks=False, stock_batch=READ_BATCH, price_batch=READ_BATCH, read_batch=READ_BATCH
    )

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        client = Client(settings, tools)
        Shelves.__init__(self, client)
        Sales.__init__(self, client)

    async def check(self) -> Identity:
        """Logs in, reads the channel and what the administrator may do in it."""
        about = await self.read_about()
        missing = [p for p in NEEDED if not {p, "SuperAdmin"} & about.permissions]
        checks = (
            Check("permissions", not missing, f"Give the administrator {', '.join(missing)}." if missing else ""),
        )
        channel, url = about.channel, self.client.settings.url
        return Identity(
            f"Vendure {channel.code}",
            f"{url} · {channel.id}",
            "3",
            channel.defaultCurrencyCode,
            channel.pricesIncludeTax,
            checks,
        )

    async def close(self) -> None:
        await self.client.close()

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """None: Vendure registers no webhooks; a plug-in posts to the address in its own settings."""
        return ()

    async def subscribe(self, url: str) -> tuple[Subscription, ...]:
        raise Unsupported(
            "subscribing to Vendure's events", url, fix="Install a doorbell plug-in in Vendure; see quirks.md."
        )


def connect(settings: Settings, tools: ToolBox) -> Shop:
    """A connector for these settings; calls nothing yet."""
    return Vendure(settings, tools)
