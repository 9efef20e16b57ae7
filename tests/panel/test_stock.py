"""Stock and problems: why 7, what waits, what groups."""

from __future__ import annotations

from nervo.panel import problems
from nervo.store import journal, publications
from tests.panel.conftest import Visit
from tests.panel.seed import Seed


def test_why_is_answered_term_by_term(seed: Seed, visit: Visit) -> None:
    page = visit("viewer", "en").get("/stock/of/MAGLIA-BLU-M/").content.decode()
    assert "Why 29?" in page, "38 in the ERP, 4 orders hold 2 each, 1 is safety stock"
    assert page.count("−2") == 8 and "safety stock" in page
    assert "Why 30?" in page, "the outlet has no safety stock"


def test_a_cap_shows_as_a_term(seed: Seed, visit: Visit) -> None:
    page = visit("viewer", "en").get("/stock/of/CAPPELLO-FELTRO-VERDE-BOSCO-57/").content.decode()
    assert "Why 50?" in page and "most that this channel may show" in page


def test_what_is_published_but_has_changed_since_is_queued(seed: Seed, visit: Visit) -> None:
    seed.db.write_now(lambda tx: publications.mark(tx, "negozio", "stock", ["MAGLIA-BLU-M"], seed.now_ms))
    row = visit("viewer", "en").get("/stock/?q=MAGLIA-BLU-M").content.decode()
    assert "Queued" in row


def test_nothing_waits_for_a_channel_that_is_only_read(seed: Seed, visit: Visit) -> None:
    page = visit("viewer", "en").get("/stock/?q=MAGLIA-BLU-M").content.decode()
    assert "Read only" in page


def test_articles_are_found_by_sku_name_and_ean(seed: Seed, visit: Visit) -> None:
    client = visit("viewer")
    for asked in ("filo-5", "matassa"):
        assert "FILO-500" in client.get(f"/stock/?q={asked}").content.decode()
    assert "MAGLIA-BLU-L" in client.get("/stock/?q=8001234567909").content.decode()
    assert "Nessun articolo qui" in client.get("/stock/?q=zzz").content.decode()


def test_hand_edits_are_listed_with_both_values(seed: Seed, visit: Visit) -> None:
    page = visit("viewer", "en").get("/stock/drift/").content.decode()
    assert "MAGLIA-BLU-M" in page and ">35<" in page and "90" in page


def test_equal_problems_group_with_their_money(seed: Seed, visit: Visit) -> None:
    def more(tx: object) -> None:
        for n in range(40):
            journal.problem(tx, "unknown_sku", "negozio", "order", f"y{n}", seed.now_ms, money="10.50 EUR")  # type: ignore[arg-type]

    seed.db.write_now(more)
    group = next(g for g in problems.groups() if g["code"] == "unknown_sku")
    assert (group["n"], {c: str(a) for c, a in group["money"].items()}) == (41, {"EUR": "537.90"})
    page = visit("operator", "en").get("/problems/").content.decode()
    assert page.count("An SKU that the ERP does not know") == 1 and "€537.90" in page


def test_a_group_names_the_owner_who_may_approve(seed: Seed, visit: Visit) -> None:
    page = "/problems/stock_mass_zero/negozio/"
    assert "/do/guard.approve/" in visit("owner").get(page).content.decode()
    for_operator = visit("operator", "en").get(page).content.decode()
    assert "/do/guard.approve/" not in for_operator and "Only an owner may approve." in for_operator
    assert "41 of 120 articles" in for_operator


def test_the_words_follow_the_reader(seed: Seed, visit: Visit) -> None:
    page = "/problems/unknown_sku/negozio/"
    assert "Uno SKU che il gestionale non conosce" in visit("viewer", "it").get(page).content.decode()
    assert "An SKU that the ERP does not know" in visit("viewer", "en").get(page).content.decode()
