"""Who may only look sees no personal data: not in pages, not in problems, not in raw exchanges."""

from __future__ import annotations

import json

import pytest

from nervo.panel import masks
from nervo.store import journal
from tests.panel.conftest import Visit
from tests.panel.seed import BIANCHI, FIRM, HOME, ROSSI, Seed, order

PERSONAL = ["Mario", "Rossi", "mario.rossi", "333 1234567", "393331234567", "RSSMRA85T10A562S", "Garibaldi", "scala B", "24121",
            "Bianchi", "00743110157", "M5UXCR1", "tessil@pec", "Industria", "acquisti@"]  # fmt: skip


def pages_of(seed: Seed) -> list[str]:
    ids = [seed.ids[n] for n in ("#1042", "#1043", "#1044")]
    exchanges = [f"/orders/{seed.ids['#1042']}/exchanges/{n}/" for n in (1, 2)]
    groups = ["/problems/unknown_sku/negozio/", "/problems/never_seen_before/outlet/"]
    return [
        "/",
        "/orders/",
        "/problems/",
        "/stock/of/MAGLIA-BLU-M/",
        *[f"/orders/{id}/" for id in ids],
        *exchanges,
        *groups,
    ]


def test_a_viewer_sees_no_personal_data_anywhere(seed: Seed, visit: Visit) -> None:
    client = visit("viewer")
    for page in pages_of(seed):
        html = client.get(page).content.decode()
        assert [text for text in PERSONAL if text in html] == [], page


def test_an_operator_sees_it_where_the_work_needs_it(seed: Seed, visit: Visit) -> None:
    client = visit("operator")
    everything = "".join(client.get(page).content.decode() for page in pages_of(seed))
    assert [text for text in PERSONAL if text not in everything.replace("&#x27;", "'")] == []


def test_a_viewer_still_sees_the_goods_in_a_raw_exchange(seed: Seed, visit: Visit) -> None:
    html = visit("viewer").get(f"/orders/{seed.ids['#1042']}/exchanges/1/").content.decode()
    assert "MAGLIA-BLU-M" in html and "https://erp.example/api/parties?" in html


def test_an_exchange_of_another_order_is_not_shown(seed: Seed, visit: Visit) -> None:
    assert visit("operator").get(f"/orders/{seed.ids['#1043']}/exchanges/1/").status_code == 404


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        ('{"sku":"A-1","name":"Mario"}', {"sku": "A-1", "name": "•••"}),
        ('{"lines":[{"quantity":2,"note":"al citofono Rossi"}]}', {"lines": [{"quantity": 2, "note": "•••"}]}),
        ('{"phone":393331234567,"total_price":"12.00"}', {"phone": "•••", "total_price": "12.00"}),
        ('{"message":"no customer anna@x.it or RSSMRA85T10A562S"}', {"message": "no customer ••• or •••"}),
        ('["Mario",7]', ["•••", "•••"]),
    ],
)
def test_of_a_body_only_what_is_about_the_goods_is_shown(body: str, masked: object) -> None:
    assert json.loads(masks.body(body)) == masked


def test_a_body_that_is_not_json_is_hidden_whole() -> None:
    assert masks.body("name=Mario&surname=Rossi") == "•••"
    assert masks.body("") == ""


def test_prose_loses_names_that_are_known_and_numbers_that_are_long() -> None:
    known = masks.personal(order("#1", 0))
    assert masks.prose("MARIO ROSSI, +39 333 1234567, RSSMRA85T10A562S, 3 pezzi SKU-20261124", known).count("•••") == 3
    assert "3 pezzi SKU-20261124" in masks.prose("3 pezzi SKU-20261124", known)


def test_a_masked_order_keeps_its_money() -> None:
    whole = order("#1", 0, customer=BIANCHI, address=FIRM, note="chiamare Lucia")
    hidden = masks.order(whole)
    assert (hidden.lines, hidden.total_gross, hidden.payments) == (whole.lines, whole.total_gross, whole.payments)
    assert (hidden.customer.name, hidden.customer.email, hidden.note) == ("L••• B•••", "a•••@•••", "•••")
    assert (hidden.billing.street, hidden.billing.country) == ("•••", "IT")


def test_no_field_of_a_person_is_forgotten() -> None:
    """A field added to the model shows up here until somebody decides about it."""
    for whole, hidden, may_show in (
        (HOME, masks.address(HOME), {"province", "country"}),
        (ROSSI, masks.party(ROSSI), {"language", "is_company", "fiscal"}),
        (BIANCHI.fiscal, masks.fiscal(BIANCHI.fiscal), {"wants_invoice"}),
    ):
        for name in type(whole).__dataclass_fields__:
            value = getattr(whole, name)
            assert name in may_show or not value or getattr(hidden, name) != value, name


def test_what_was_corrected_is_told_to_a_viewer_without_the_values(seed: Seed, visit: Visit) -> None:
    id, changes = seed.ids["#1044"], [{"field": "billing.street", "before": "Via Segreta 1", "after": "Via Nascosta 2"}]
    seed.db.write_now(lambda tx: journal.event(tx, id, "order_corrected", 1, "anna", changes=changes))
    viewer, operator = (visit(role).get(f"/orders/{id}/").content.decode() for role in ("viewer", "operator"))
    assert "Via e numero" in viewer and "Segreta" not in viewer and "Nascosta" not in viewer
    assert "Via Segreta 1 → Via Nascosta 2" in operator
