"""WooCommerce's deliveries: signed, one attempt each, and the unsigned ping of a new webhook."""

import re
from collections.abc import Mapping

import msgspec

from nervo.connectors.woocommerce.settings import Settings
from nervo.errors import BadInput, Forged
from nervo.kit.signatures import matches_base64
from nervo.ports.shop import Delivery, Hint, WebhookRequest

TOPICS = ("order.created", "order.updated", "order.deleted", "product.updated")
ENTITIES = {"order": "order", "product": "product"}
_PING = re.compile(rb"webhook_id=\d{1,20}")


class _Resource(msgspec.Struct):
    id: int


def verify(request: WebhookRequest, settings: Settings) -> Delivery:
    """Base64 HMAC-SHA256 of the raw body in X-WC-Webhook-Signature. Raises Forged, also when no secret is set.

    The ping has no signature: it is taken as what it is, always under one key, so that no number of them fills the inbox.
    Delivery-ID is made of the webhook and the second, so it dedupes nothing; but a deletion's body is always the same.
    """
    headers, secret = request.headers, settings.webhook_secret.reveal()
    given = headers.get("x-wc-webhook-signature", "")
    if not given and _PING.fullmatch(request.body):
        return Delivery("ping", "ping")
    if not secret or not matches_base64(given, request.body, (secret,)):
        raise Forged("checking the signature of a WooCommerce webhook")
    topic = headers.get("x-wc-webhook-topic", "")
    twice = topic.endswith(".deleted")
    return Delivery(topic, f"{headers.get('x-wc-webhook-delivery-id', '')} {request.body[:80]!r}" if twice else "")


def hints(topic: str, headers: Mapping[str, str], body: bytes) -> tuple[Hint, ...]:
    """The order or product that changed; nothing for a ping or a topic that is not ours."""
    entity = ENTITIES.get(topic.partition(".")[0])
    if entity is None:
        return ()
    try:
        return (Hint(entity, str(msgspec.json.decode(body, type=_Resource).id)),)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(f"reading WooCommerce's {topic} webhook", str(error)) from error
