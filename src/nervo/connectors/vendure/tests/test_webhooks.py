"""The doorbell's deliveries: signed on the raw body, or refused."""

import hashlib
import hmac

import pytest

from nervo.connectors.vendure.settings import Settings
from nervo.connectors.vendure.webhooks import hints, verify
from nervo.errors import BadInput, Forged
from nervo.kit.secrets import Secret
from nervo.ports.shop import Delivery, Hint, WebhookRequest

BODY = b'{"id":41,"code":"VSA3XXDY9CQ3ATJT","state":"PaymentSettled"}'


def settings(secret: str = "ding-dong-secret") -> Settings:
    return Settings("http://shop", "hub", Secret("x"), webhook_secret=Secret(secret))


def request(body: bytes = BODY, secret: str = "ding-dong-secret") -> WebhookRequest:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return WebhookRequest({"x-signature": signature, "x-topic": "order.placed", "x-event-id": "e-1"}, body)


def test_a_signed_event_is_a_delivery_with_its_own_id():
    assert verify(request(), settings()) == Delivery("order.placed", "e-1")


def test_a_changed_body_or_another_secret_is_forged():
    changed = WebhookRequest(request().headers, BODY.replace(b"41", b"42"))
    for bad in (changed, request(secret="guess"), WebhookRequest({}, BODY)):
        with pytest.raises(Forged):
            verify(bad, settings())


def test_without_a_secret_nothing_is_believed():
    with pytest.raises(Forged):
        verify(request(secret=""), settings(""))


def test_an_event_hints_at_its_order():
    assert hints("order.placed", {}, BODY) == (Hint("order", "41"),)
    assert hints("product.changed", {}, BODY) == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"code":"x"}', b'{"id":null}'])
def test_an_event_without_an_order_is_kept_for_a_look(body: bytes):
    with pytest.raises(BadInput):
        hints("order.state", {}, body)
