"""Secrets stay out of sight."""

from __future__ import annotations

import json
import logging

import pytest

from nervo.kit.secrets import MASK, Scrubber, Secret

TOKEN = Secret("shpat_0123456789")


def test_a_secret_shown_in_any_way_is_masked() -> None:
    shown = [
        str(TOKEN),
        repr(TOKEN),
        f"{TOKEN}",
        f"{TOKEN!r}",
        "%s" % TOKEN,  # noqa: UP031
        f"{TOKEN:>40}",
        repr([TOKEN]),
        repr({"a": TOKEN}),
    ]
    assert [text for text in shown if "0123456789" in text] == []
    assert TOKEN.reveal() == "shpat_0123456789"


def test_a_revealed_secret_is_plain_text() -> None:
    assert type(TOKEN.reveal()) is str
    assert json.dumps({"token": TOKEN.reveal()}) == '{"token": "shpat_0123456789"}'


def test_a_secret_in_a_log_line_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("nervo").warning("connecting with %s", TOKEN)
    assert MASK in caplog.text and "0123456789" not in caplog.text


def test_known_secrets_are_taken_out_of_texts_the_longer_first() -> None:
    scrub = Scrubber([Secret("abcdefgh"), Secret("abcdefghijkl"), "kurz"])
    assert scrub.text("a=abcdefghijkl b=abcdefgh kurz") == f"a={MASK} b={MASK} kurz"


@pytest.mark.parametrize("name", ["consumer_key", "consumer_secret", "access_token", "api_key", "password", "token"])
def test_secret_parameters_are_masked_though_unknown(name: str) -> None:
    assert Scrubber().text(f"https://x.example/a?{name}=v41ue&page=2") == f"https://x.example/a?{name}={MASK}&page=2"


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Shopify-Access-Token", "Set-Cookie", "X-WC-Webhook-Signature", "X-Api-Key"]
)
def test_secret_headers_are_masked(name: str) -> None:
    assert Scrubber().headers([(name, "v41ue"), ("Accept", "text/html")]) == {name: MASK, "Accept": "text/html"}
