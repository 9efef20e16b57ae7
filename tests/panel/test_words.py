"""The panel's words: complete in Italian, and there for every code that the hub uses."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.utils.translation import override

from nervo.panel import causes, formats, results, words
from tests.architecture.sources import ROOT, packages


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "dev.d" / "messages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_sentence_is_there_in_italian_and_compiled(messages: ModuleType) -> None:
    assert messages.problems() == [], "run python dev.d/messages.py and translate what it found"


def test_translations_keep_every_placeholder(messages: ModuleType) -> None:
    for message in messages.collected():
        pairs = zip(_all(message.id), _all(message.string), strict=True) if message.id else ()
        for english, italian in pairs:
            assert sorted(_holes(english)) == sorted(_holes(italian)), english


def _all(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _holes(text: str) -> list[str]:
    return re.findall(r"\{\w*\}|%\(\w+\)s", text)


def calls(name: str, position: int) -> Iterator[tuple[str, str]]:
    """(place, code) of every call that gives a literal code."""
    for source in packages("sync", "flows"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name and len(node.args) > position:
                code = node.args[position]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield f"{source.name}:{node.lineno}", code.value


def guards() -> Iterator[tuple[str, str]]:
    """(place, code) of every reason why a guard rail holds a value."""
    for source in packages("sync"):
        for function in (n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef) and n.name == "refused"):
            for node in ast.walk(function):
                value = getattr(node, "value", None) if isinstance(node, ast.Return) else None
                for code in ast.walk(value) if value else ():
                    if isinstance(code, ast.Constant) and isinstance(code.value, str) and code.value:
                        yield f"{source.name}:{code.lineno}", code.value


def test_every_problem_of_the_hub_has_words() -> None:
    found = [*calls("journal.problem", 1), *calls("Doubt", 0), *calls("self._alarm", 1), *guards()]
    assert len(found) > 8, "the calls are found"
    assert [(place, code) for place, code in found if code not in causes.CAUSES] == []


def test_every_event_of_the_hub_has_words() -> None:
    found = list(calls("journal.event", 2))
    assert len(found) > 8, "the calls are found"
    assert [(place, code) for place, code in found if code not in words.EVENT] == []


def test_a_status_is_never_colour_alone() -> None:
    for table, pills in words.TABLES.items():
        for code, pill in pills.items():
            assert pill.icon and pill.word and pill.colour, (table, code)


def test_every_icon_is_in_the_sprite() -> None:
    panel = Path(words.__file__).parent
    sprite = (panel / "static" / "panel" / "icons.svg").read_text(encoding="utf-8")
    asked = {p.icon for pills in words.TABLES.values() for p in pills.values()} | {
        i for i, _ in words.EVENT_ICON.values()
    }
    for template in (panel / "templates").rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        asked |= set(re.findall(r'{% icon "([a-z0-9-]+)"', text)) | set(re.findall(r'icon_name="([a-z0-9-]+)"', text))
    assert {name for name in asked if f'id="{name}"' not in sprite} == set()


def test_an_unknown_code_falls_back_to_the_errors_own_words() -> None:
    with override("it"):
        assert causes.title("brand_new_trouble") == "Brand new trouble"
        assert causes.todo("brand_new_trouble", "Turn it off and on.") == "Turn it off and on."
        assert causes.detail("brand_new_trouble", {"doing": "opening the door"}) == "opening the door"
        assert words.pill("order", "teleported").word == "teleported"


def test_amounts_are_written_as_people_do() -> None:
    with override("it"):
        assert formats.money("1234.5", "EUR").replace("\xa0", " ") == "1.234,50 €"
        assert formats.value("19.90|24.90|EUR").replace("\xa0", " ") == "19,90 €"
        assert formats.value(["A", "2.50"]) == "A, 2,50"
        assert formats.value("SO-2026.11") == "SO-2026.11"
    with override("en"):
        assert formats.money("1234.5", "EUR") == "€1,234.50"
        assert formats.money("500", "JPY") == "¥500"


def test_a_sentence_survives_values_that_are_missing_or_strange() -> None:
    with override("en"):
        assert words.filled("Held: {reason}", {}) == "Held: …"
        assert words.filled("Held: {reason}", {"reason": "{x} %s"}) == "Held: {x} %s"


def test_the_hubs_answers_are_told_in_the_readers_language() -> None:
    with override("it"):
        assert results.told("Order #1042 goes on.") == "L'ordine #1042 prosegue."
        assert (
            results.told("negozio is read back: 3 differed; 120 compared again.")
            == "negozio è riletto: 3 diversi; 120 confrontati di nuovo."
        )
        refused = results.told(
            'correcting the order: "SO-7" (already_in_erp). Correct it in the ERP, or cancel it there first.'
        )
        assert refused == "È già nel gestionale “SO-7”. Correggilo nel gestionale, o prima annullalo lì."
        assert results.told("Something new (odd)") == "Something new (odd)"


def test_the_answers_known_here_are_those_that_the_hub_gives() -> None:
    said = "".join(s.text for s in packages("sync") if "command" in s.name)
    for sentence in results.SENTENCES:
        for part in re.split(r"\{\w+\}|(?<=\.) ", sentence):
            assert part.strip() in said, sentence
