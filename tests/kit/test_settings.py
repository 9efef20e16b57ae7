"""A settings class as a form, and back from what was filled in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nervo.errors import BadInput
from nervo.kit.secrets import Secret
from nervo.kit.settings import form, parse, setting


@dataclass(frozen=True, slots=True)
class Settings:
    url: str = setting("Address", it="Indirizzo")
    token: Secret = setting("Token", it="Token")  # noqa: RUF009
    rows: int = setting("Rows", it="Righe", default=100)
    active: bool = setting("Active", it="Attivo", default=True)
    mode: str = setting("Mode", it="Modo", default="fast", choices=("fast", "slow"))


def test_the_form_has_every_field_in_order() -> None:
    fields = form(Settings)
    assert [(f.name, f.kind, f.required, f.secret) for f in fields] == [
        ("url", "str", True, False), ("token", "Secret", True, True), ("rows", "int", False, False),
        ("active", "bool", False, False), ("mode", "str", False, False),
    ]  # fmt: skip
    assert fields[0].label_it == "Indirizzo" and fields[4].choices == ("fast", "slow")


def test_texts_become_what_the_fields_are() -> None:
    found = parse(Settings, {"url": "u", "token": "t0k3n-t0k3n", "rows": "7", "active": "off", "mode": "slow"})
    assert (found.url, found.rows, found.active, found.mode) == ("u", 7, False, "slow")
    assert isinstance(found.token, Secret) and "t0k3n" not in repr(found)


def test_an_empty_field_takes_its_default() -> None:
    assert parse(Settings, {"url": "u", "token": "t", "rows": "", "active": None}) == Settings("u", Secret("t"))


def test_every_wrong_field_is_named_at_once_and_no_secret_is_told() -> None:
    given = {"token": "", "rows": "many", "active": "perhaps", "mode": "odd", "colour": "red"}
    with pytest.raises(BadInput) as refused:
        parse(Settings, given)
    for part in ("url: missing", "token: missing", "rows:", "active:", "mode:", "colour: unknown"):
        assert part in refused.value.said
