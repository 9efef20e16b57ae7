"""Shopify's webhooks. The signature covers the body only; a retry repeats the webhook's id and the ORIGINAL body."""

from collections.abc import Mapping

import msgspec

from nervo.connectors.shopify.settings import Settings
from nervo.errors import BadInput, Forged
from nervo.kit.signatures import matches_base64
from nervo.ports.shop import Delivery, Hint, WebhookRequest

ORDERS = ("orders/create", "orders/updated", "orders/cancelled", "orders/paid")
STOCK = "inventory_levels/update"
PRODUCTS = ("products/create", "products/update")


class _Body(msgspec.Struct):
    admin_graphql_api_id: str = ""
    inventory_item_id: int | None = None


def verify(request: WebhookRequest, settings: Settings) -> Delivery:
    """Base64 HMAC-SHA256 with the app's client secret. Raises Forged, also for another shop's delivery and when no secret is set."""
    secrets = [s.reveal() for s in (settings.client_secret, settings.old_client_secret) if s]
    headers = request.headers
    given, shop = headers.get("x-shopify-hmac-sha256", ""), headers.get("x-shopify-shop-domain", "")
    if not secrets or not given.isascii() or not matches_base64(given, request.body, secrets):
        raise Forged("checking the signature of a Shopify webhook")
    if shop.lower() != settings.domain():
        raise Forged("checking the sender of a Shopify webhook", shop, code="wrong_shop")
    return Delivery(headers.get("x-shopify-topic", ""), headers.get("x-shopify-webhook-id", ""))


def hints(topic: str, headers: Mapping[str, str], body: bytes) -> tuple[Hint, ...]:
    """What changed; nothing for a topic that changes nothing here (privacy requests, app/uninstalled)."""
    if topic not in (*ORDERS, *PRODUCTS, STOCK):
        return ()
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(f"reading Shopify's {topic} webhook", str(error)) from error
    if topic == STOCK and read.inventory_item_id:
        return (Hint("stock", f"gid://shopify/InventoryItem/{read.inventory_item_id}"),)
    if topic != STOCK and read.admin_graphql_api_id:
        return (Hint(*_subject(topic, read.admin_graphql_api_id)),)
    raise BadInput(f"reading Shopify's {topic} webhook", "no id in it")


def _subject(topic: str, gid: str) -> tuple[str, str]:
    """Orders are known by the number at the end of their global id."""
    return ("order", gid.rsplit("/", 1)[-1]) if topic in ORDERS else ("product", gid)
