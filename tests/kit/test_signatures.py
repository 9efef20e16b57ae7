"""Webhook signatures."""

from __future__ import annotations

import base64

import pytest

from nervo.kit.secrets import Secret
from nervo.kit.signatures import hmac_sha256, matches_base64, matches_hex

# RFC 4231, test case 2.
KEY, BODY = Secret("Jefe"), b"what do ya want for nothing?"
HEX = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
BASE64 = base64.b64encode(bytes.fromhex(HEX)).decode()


def test_it_is_the_hmac_of_rfc_4231() -> None:
    assert hmac_sha256(KEY, BODY).hex() == HEX


def test_the_right_signature_fits_in_either_form_and_case() -> None:
    assert matches_hex(HEX, BODY, [KEY]) and matches_hex(HEX.upper(), BODY, [KEY])
    assert matches_base64(BASE64, BODY, [KEY])


def test_while_a_secret_is_rotated_both_fit() -> None:
    assert matches_base64(BASE64, BODY, ["new secret", KEY]) and matches_hex(HEX, BODY, [KEY, "new secret"])


@pytest.mark.parametrize("given", ["", "0", HEX[:-1], HEX[:-1] + "0", "à", "=" * 44])
def test_anything_else_does_not(given: str) -> None:
    assert not matches_hex(given, BODY, [KEY])
    assert not matches_base64(given, BODY, [KEY])


def test_one_byte_of_the_body_is_enough_and_no_secret_fits_nothing() -> None:
    assert not matches_hex(HEX, BODY + b" ", [KEY])
    assert not matches_hex(HEX, BODY, [])
