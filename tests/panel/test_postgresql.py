"""The same panel on PostgreSQL: every page, the search, the groups, a command, the first owner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nervo.panel import access
from tests.conftest import empty_postgresql_database
from tests.panel.conftest import Visit, commands
from tests.panel.seed import Seed
from tests.panel.test_orders import numbers
from tests.panel.test_pages import FOR_OPERATORS, FOR_OWNERS, PAGES

pytestmark = pytest.mark.pg


@pytest.fixture
def database_url() -> Iterator[str]:
    yield from empty_postgresql_database()


def test_every_page_and_the_search(seed: Seed, visit: Visit) -> None:
    client = visit("owner", "en")
    for page in [*PAGES, *FOR_OPERATORS, *FOR_OWNERS]:
        assert client.get(page).status_code == 200, page
    assert numbers(client, "q=so-00001") == ["#1042"]
    assert numbers(client, "q=BIANCHI") == ["#1044"]
    assert numbers(client, "q=084020012345678") == ["#1043"]
    assert "€235.80" in client.get("/problems/").content.decode()


def test_a_command_is_written(seed: Seed, visit: Visit) -> None:
    assert visit("operator").post("/do/order.retry/", {"order_id": "3"}).status_code == 200
    assert commands() == [("order.retry", '{"order_id":3}')]


def test_the_first_link_makes_one_owner(db: object, visit: Visit) -> None:
    token, password = access.first_token(), "correct horse battery"
    form = {"user": "titolare", "password": password, "again": password}
    assert visit().post(f"/first/{token}/", form).status_code == 302
    assert visit().post(f"/first/{token}/", {**form, "user": "intruso"}).status_code == 410
