"""WooCommerce as the shop port."""

from nervo.connectors.woocommerce import wire
from nervo.connectors.woocommerce.client import BATCH, Client
from nervo.connectors.woocommerce.products import Products
from nervo.connectors.woocommerce.sales import Sales
from nervo.connectors.woocommerce.settings import Settings
from nervo.connectors.woocommerce.shelves import Shelves
from nervo.connectors.woocommerce.webhooks import TOPICS
from nervo.errors import AuthFailed, Unsupported
from nervo.kit.http import ToolBox
from nervo.ports.common import Check, Identity
from nervo.ports.shop import Shop, ShopCapabilities, Subscription

NAME = "nervo "


class WooCommerce(Shelves, Products, Sales):
    """One WooCommerce shop."""

    capabilities = ShopCapabilities(
        compare_at=True, webhooks=True, stock_batch=BATCH, price_batch=BATCH, read_batch=BATCH, late_application_s=60.0
    )

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        client = Client(settings, tools)
        Shelves.__init__(self, client)
        Products.__init__(self, client)
        Sales.__init__(self, client)

    async def check(self) -> Identity:
        """Reads the shop's status and tax setting, and tries a batch of nothing to see whether the key may write."""
        status = await self.client.system_status()
        included = await self.client.setting("tax", "woocommerce_prices_include_tax")
        url, about = self.client.settings.url, status.environment
        return Identity(
            "WooCommerce", f"{url} · {about.store_id or about.home_url}", about.version, status.settings.currency,
            included.value == "yes", (await self._may_write(), Check("webhooks", *self._webhooks_ready())),
        )  # fmt: skip

    async def close(self) -> None:
        await self.client.close()

    async def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(_subscription(w) for w in await self.client.webhooks() if w.name.startswith(NAME))

    async def subscribe(self, url: str) -> tuple[Subscription, ...]:
        """One webhook a topic. WooCommerce disables one at the 7th failure and never enables it again: that is done here."""
        secret = self.client.settings.webhook_secret.reveal()
        if not secret:
            raise Unsupported("subscribing to WooCommerce's webhooks", url, code="no_webhook_secret",
                              fix="Fill in the webhook secret of this connection.")  # fmt: skip
        there = {w.topic: w for w in await self.client.webhooks() if w.name.startswith(NAME) and w.delivery_url == url}
        found = []
        for topic in TOPICS:
            known = there.get(topic)
            if known is None:
                values = {
                    "name": NAME + topic,
                    "topic": topic,
                    "delivery_url": url,
                    "secret": secret,
                    "status": "active",
                }
                known = await self.client.create_webhook(values)
            elif known.status != "active":
                known = await self.client.update_webhook(known.id, {"status": "active", "secret": secret})
            found.append(_subscription(known))
        return tuple(found)

    async def _may_write(self) -> Check:
        try:
            await self.client.can_write()
        except AuthFailed as error:
            return Check("write", False, f"{error.said} Make a key with Read/Write permission.")
        return Check("write", True)

    def _webhooks_ready(self) -> tuple[bool, str]:
        ready = bool(self.client.settings.webhook_secret.reveal())
        return ready, "" if ready else "No webhook secret: changes are found by the sweep only."


def _subscription(row: wire.Webhook) -> Subscription:
    return Subscription(str(row.id), row.topic, row.delivery_url, row.status == "active", {"status": row.status})


def connect(settings: Settings, tools: ToolBox) -> Shop:
    """A connector for these settings; calls nothing yet. Raises BadInput where the address is neither https nor local."""
    return WooCommerce(settings, tools)
