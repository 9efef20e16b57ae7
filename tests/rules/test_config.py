"""The company's configuration: what it means, and that every mistake in it is named."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nervo.errors import BadInput
from nervo.rules.changes import changes
from nervo.rules.config import parse

HEAD = 'erp = "erp"\n[connections.erp]\nconnector = "x"\n[connections.shop]\nconnector = "y"\n'


def test_a_connection_reads_only_until_it_is_switched() -> None:
    assert not parse(HEAD).connections["shop"].writable
    assert parse(HEAD + 'mode = "write"').connections["shop"].writable


def test_numbers_are_decimals_to_the_letter() -> None:
    rule = parse(HEAD + "stock = { share = 0.1, safety = 2 }").connections["shop"].stock
    assert (rule.share, rule.safety) == (Decimal("0.1"), Decimal(2))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sweep_s = 'fast'", "connections.shop.sweep_s: 'fast' is not a whole number"),
        ("sweep_s = true", "connections.shop.sweep_s: True is not a whole number"),
        ("publishes = 'stock'", "connections.shop.publishes: 'stock' is not a list of texts"),
        ("publishes = [1]", "connections.shop.publishes: [1] is not a list of texts"),
        ("stock = { share = nan }", "connections.shop.stock.share: nan is not a number"),
        ("stock = { cap = 'ten' }", "connections.shop.stock.cap: 'ten' is not a number"),
        ("orders = { import_unpaid = 1 }", "connections.shop.orders.import_unpaid: 1 is not true or false"),
        ("settings = 'x'", "connections.shop.settings: 'x' is not a table"),
        ("colour = 'red'", "connections.shop.colour: unknown"),
        ("mode = 'both'", 'connections.shop.mode: "both" is neither read nor write'),
    ],
)
def test_a_wrong_entry_is_named_with_what_it_should_be(line: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(HEAD + line)
    assert said in refused.value.said


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        parse(HEAD + "sweep_s = 'fast'\npublishes = 'stock'")
    assert refused.value.said.count(" is not ") == 2


def test_changes_name_what_differs_entry_by_entry() -> None:
    found = changes(HEAD, HEAD + "sweep_s = 5\nstock = { safety = 1 }")
    assert [(c.path, c.before, c.after) for c in found] == [
        ("connections.shop.stock.safety", None, 1),
        ("connections.shop.sweep_s", None, 5),
    ]
