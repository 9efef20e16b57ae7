"""Shopify as the shop port."""

from typing import Any

from nervo.connectors.shopify import mapping, queries, wire
from nervo.connectors.shopify.client import Client
from nervo.connectors.shopify.products import Products
from nervo.connectors.shopify.sales import Sales
from nervo.connectors.shopify.settings import API_VERSION, Settings
from nervo.connectors.shopify.shelves import BATCH
from nervo.connectors.shopify.webhooks import ORDERS, PRODUCTS, STOCK
from nervo.errors import Misunderstood, Rejected
from nervo.kit.http import ToolBox
from nervo.ports.common import Check, Identity
from nervo.ports.shop import Shop, ShopCapabilities, Subscription

SCOPES = (
    "write_products", "write_inventory", "read_locations", "write_orders", "read_customers",
    "write_merchant_managed_fulfillment_orders",
)  # fmt: skip


class Shopify(Products, Sales):
    """One shop."""

    capabilities = ShopCapabilities(
        compare_at=True, locations=True, webhooks=True, compare_and_set=True, stock_batch=BATCH, price_batch=100, read_batch=BATCH
    )  # fmt: skip

    def __init__(self, settings: Settings, tools: ToolBox) -> None:
        client = Client(settings, tools)
        Products.__init__(self, client)
        Sales.__init__(self, client)

    async def check(self) -> Identity:
        """Who the token belongs to, and whether it may do all that is needed."""
        fields: dict[str, type[Any]] = {
            "shop": wire.Shop, "currentAppInstallation": wire.Installation, "location": wire.Location,
        }  # fmt: skip
        given = mapping.gid("Location", self.client.settings.location) or None
        found = await self.client.query(queries.ABOUT, fields, location=given)
        shop: wire.Shop = found["shop"]
        scopes = {scope.handle for scope in found["currentAppInstallation"].accessScopes}
        checks = (
            _same_shop(shop.myshopifyDomain, self.client.settings.domain()),
            _served(self.client.served_version),
            _stocked(found.get("location")),
            *(_allowed(scope, scopes) for scope in SCOPES),
        )
        return Identity(
            shop.name, shop.myshopifyDomain, self.client.served_version or API_VERSION, shop.currencyCode, shop.taxesIncluded, checks
        )  # fmt: skip

    async def close(self) -> None:
        await self.client.close()

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """Those made through the API by this app; those of its shopify.app.toml are not told."""
        rows: list[wire.Subscription] = []
        mark = None
        for _ in range(20):
            kind = wire.Connection[wire.Subscription]
            found = await self.client.query(queries.SUBSCRIPTIONS, {"webhookSubscriptions": kind}, after=mark)
            page = found["webhookSubscriptions"]
            rows += page.nodes
            mark = page.pageInfo.endCursor
            if not page.pageInfo.hasNextPage:
                break
        return tuple(Subscription(r.id, TOPICS.get(r.topic, r.topic), r.uri) for r in rows)

    async def subscribe(self, url: str) -> tuple[Subscription, ...]:
        """Makes what is missing and moves what points elsewhere: after eight failures in a row Shopify deletes a subscription."""
        there = await self.subscriptions()
        here = {s.topic for s in there if s.url == url}
        for enum, topic in self._topics().items():
            if topic not in here:
                elsewhere = next((s.external_id for s in there if s.topic == topic), None)
                _accepted(await self._point(enum, elsewhere, url), topic)
        return await self.subscriptions()

    async def _point(self, topic: str, existing: str | None, url: str) -> wire.Payload:
        values = {"uri": url, "format": "JSON"}
        if existing:
            return await self.client.mutate(queries.RESUBSCRIBE, id=existing, subscription=values)
        return await self.client.mutate(queries.SUBSCRIBE, topic=topic, subscription=values)

    def _topics(self) -> dict[str, str]:
        return {e: t for e, t in TOPICS.items() if t != STOCK or self.client.settings.watch_stock}


TOPICS = {topic.upper().replace("/", "_"): topic for topic in (*ORDERS, *PRODUCTS, STOCK)}


def _accepted(payload: wire.Payload, topic: str) -> None:
    """That the address is taken for this topic already means that it is there."""
    if payload.userErrors and "already been taken" not in payload.userErrors[0].message:
        raise Rejected(f"subscribing to {topic} in Shopify", payload.userErrors[0].message, topic=topic)


def _same_shop(answered: str, expected: str) -> Check:
    fits = answered.lower() == expected
    return Check("shop", fits, "" if fits else f"{answered} answered, not {expected}. Correct the shop domain.")


def _served(version: str) -> Check:
    """Shopify serves a retired version's calls by the oldest one that it still supports, without a word."""
    fits = version in ("", API_VERSION)
    return Check("version", fits, "" if fits else f"Shopify answers as {version}, not {API_VERSION}. Update nervo.")


def _stocked(location: wire.Location | None) -> Check:
    if location is None or not location.isActive:
        return Check("location", False, "Set the id of an active location.")
    return Check("location", True, location.name)


def _allowed(scope: str, scopes: set[str]) -> Check:
    """write_products includes read_products."""
    fits = bool({scope, scope.replace("read_", "write_")} & scopes)
    return Check(scope, fits, "" if fits else f"Give the app the access scope {scope} in Shopify.")


def connect(settings: Settings, tools: ToolBox) -> Shop:
    """A connector for these settings; calls nothing yet."""
    if not settings.shop:
        raise Misunderstood("connecting to Shopify", "no shop domain")
    return Shopify(settings, tools)
