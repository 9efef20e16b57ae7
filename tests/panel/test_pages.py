"""Every page, for every role, in both languages."""

from __future__ import annotations

import pytest

from tests.panel.conftest import Visit
from tests.panel.seed import Seed

PAGES = [
    "/",
    "/orders/",
    "/orders/?view=to-fix&channel=negozio",
    "/orders/1/",
    "/orders/2/",
    "/orders/3/",
    "/orders/1/exchanges/1/",
    "/problems/",
    "/problems/?owner=owner",
    "/problems/unknown_sku/negozio/",
    "/problems/stock_mass_zero/negozio/",
    "/problems/never_seen_before/outlet/",
    "/stock/",
    "/stock/?q=sciarpa",
    "/stock/of/MAGLIA-BLU-M/",
    "/stock/drift/",
    "/connections/",
    "/connections/add/shopify/",
    "/account/",
]
FOR_OPERATORS = ["/orders/3/correct/", "/orders/skus/?skus.l1=maglia"]
FOR_OWNERS = ["/users/"]


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("role", ["viewer", "operator", "owner"])
def test_who_is_in_sees_every_page(seed: Seed, visit: Visit, role: str, language: str) -> None:
    client = visit(role, language)
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert answer.headers["Content-Language"] == language


def test_nobody_sees_nothing_but_the_login(seed: Seed, visit: Visit) -> None:
    client = visit()
    for page in [*PAGES, *FOR_OPERATORS, *FOR_OWNERS, "/commands/1-1/"]:
        answer = client.get(page)
        assert answer.status_code == 302, page
        assert answer.headers["Location"].startswith("/login/?next="), page


@pytest.mark.parametrize(("role", "expected"), [("viewer", 403), ("operator", 200), ("owner", 200)])
def test_correcting_is_for_operators(seed: Seed, visit: Visit, role: str, expected: int) -> None:
    client = visit(role)
    assert [client.get(page).status_code for page in FOR_OPERATORS] == [expected] * 2


@pytest.mark.parametrize(("role", "expected"), [("viewer", 403), ("operator", 403), ("owner", 200)])
def test_users_are_for_owners(seed: Seed, visit: Visit, role: str, expected: int) -> None:
    assert visit(role).get("/users/").status_code == expected


def test_an_installation_without_anything_has_pages_too(db: object, visit: Visit) -> None:
    client = visit("owner")
    for page in ("/", "/orders/", "/problems/", "/stock/", "/stock/drift/", "/connections/"):
        assert client.get(page).status_code == 200, page
    assert "Non c'è ancora niente di collegato" in client.get("/connections/").content.decode().replace("&#x27;", "'")


def test_what_is_not_there_says_so_in_words(seed: Seed, visit: Visit) -> None:
    client = visit("viewer", "en")
    for page in ("/orders/99999/", "/stock/of/NO-SUCH-SKU/", "/nowhere/", "/orders/1/exchanges/999/"):
        answer = client.get(page)
        assert answer.status_code == 404, page
        assert "This page does not exist" in answer.content.decode()


def test_the_language_switch_is_kept(seed: Seed, visit: Visit) -> None:
    client = visit("viewer", "it")
    assert "Oggi" in client.get("/").content.decode()
    client.post("/language/", {"language": "en", "next": "/"})
    assert "Orders today" in client.get("/").content.decode()


def test_the_band_says_where_one_is(seed: Seed, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    client = visit("viewer")
    assert "PRODUZIONE" in client.get("/").content.decode()
    monkeypatch.setattr("django.conf.settings.NERVO_ENVIRONMENT", "staging")
    assert "PROVA" in client.get("/").content.decode()


def test_today_says_what_is_stuck_and_what_it_costs(seed: Seed, visit: Visit) -> None:
    page = visit("owner").get("/").content.decode().replace("\xa0", " ")
    assert "235,80 €" in page, "money at stake"
    assert "412 ms" in page, "lag"
    assert "Non risponde" in page, "the outlet"
    assert "502 Bad Gateway" in page
    assert "26 ore fa" in page, "backup"
