"""The doorbell: a merchant's plug-in that posts signed order events (src/nervo/staging/peers/vendure_server.js shows one)."""

from collections.abc import Mapping

import msgspec

from nervo.connectors.vendure.settings import Settings
from nervo.errors import BadInput, Forged
from nervo.kit.signatures import matches_hex
from nervo.ports.shop import Delivery, Hint, WebhookRequest

TOPICS = ("order.placed", "order.state")


class _Event(msgspec.Struct):
    id: str | int


def verify(request: WebhookRequest, settings: Settings) -> Delivery:
    """Hex HMAC-SHA256 of the raw body in X-Signature. Raises Forged, also when no secret is set."""
    given, secret = request.headers.get("x-signature", ""), settings.webhook_secret.reveal()
    if not secret or not matches_hex(given, request.body, (secret,)):
        raise Forged("checking the signature of a Vendure event")
    return Delivery(request.headers.get("x-topic", ""), request.headers.get("x-event-id", ""))


def hints(topic: str, headers: Mapping[str, str], body: bytes) -> tuple[Hint, ...]:
    """The order that changed; nothing for a topic that is not ours."""
    if topic not in TOPICS:
        return ()
    try:
        return (Hint("order", str(msgspec.json.decode(body, type=_Event).id)),)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(f"reading Vendure's {topic} event", str(error)) from error
