"""The feed gives each change once, and again when a page got lost."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nervo.connectors.tryton.feed import FAR_EVERY_S, NEAR_S, Feed, Source
from nervo.kit.clock import ManualClock

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Tables:
    """Answers `rows` from lists of (seconds, id), as Tryton's search_read does."""

    def __init__(self, **tables: list[tuple[int, int]]) -> None:
        self.tables, self.asked = tables, list[int]()
        self.http = SimpleNamespace(tools=SimpleNamespace(clock=ManualClock()))

    async def rows(
        self, model: str, domain: list[Any], fields: list[str], *, limit: int, order: Any
    ) -> list[dict[str, Any]]:
        rows = [(START + timedelta(seconds=s), i) for s, i in self.tables[model]]
        rows = sorted(row for row in rows if all(fits(clause, row) for clause in domain))
        self.asked.append(len(rows[:limit]))
        rows = rows[::-1] if order[0][1] == "DESC" else rows
        return [{"id": i, "last_modified_at": wire(at)} for at, i in rows[:limit]]


def fits(clause: list[Any], row: tuple[datetime, int]) -> bool:
    if clause[0] == "OR":
        return any(all(fits(c, row) for c in (x if isinstance(x[0], list) else [x])) for x in clause[1:])
    field, operator, value = clause
    mine: Any = row[0] if field == "last_modified_at" else row[1]
    return {">": mine > value, ">=": mine >= value, "=": mine == value}[operator]


def wire(at: datetime) -> dict[str, int]:
    return {
        "year": at.year,
        "month": at.month,
        "day": at.day,
        "hour": at.hour,
        "minute": at.minute,
        "second": at.second,
    }


def feed(tables: Tables, page_size: int = 3) -> Feed:
    return Feed(tables, [Source(name) for name in tables.tables], 300.0, page_size)  # type: ignore[arg-type]


async def read_all(feed: Feed, after: Any) -> tuple[list[tuple[int, int]], Any]:
    found: list[tuple[int, int]] = []
    for _ in range(50):
        rows, after, more = await feed.page(after)
        found += [(row.source, row.id) for row in rows]
        if not more:
            return found, after
    raise AssertionError("the feed does not end")


@pytest.mark.fault(46)
async def test_every_row_comes_once_although_many_share_one_time():
    tables = Tables(sale=[(5, i) for i in range(10)], shipment=[(5, 1), (4, 2), (6, 3)])
    found, _ = await read_all(feed(tables), None)
    assert sorted(found) == sorted([(0, i) for i in range(10)] + [(1, 1), (1, 2), (1, 3)])


async def test_a_poll_with_nothing_new_gives_the_same_cursor_back():
    tables = Tables(sale=[(5, 1), (6, 2)])
    watched = feed(tables)
    _, cursor = await read_all(watched, None)
    assert await watched.page(cursor) == ([], cursor, False)


@pytest.mark.fault(46)
async def test_a_row_of_a_slow_transaction_appears_behind_and_is_given_at_the_next_poll():
    tables = Tables(sale=[(100, 1)])
    watched = feed(tables)
    _, cursor = await read_all(watched, None)
    tables.tables["sale"].append((90, 2))
    found, _ = await read_all(watched, cursor)
    assert found == [(0, 2)]


async def test_a_row_of_a_very_long_transaction_is_given_within_half_a_minute():
    tables = Tables(sale=[(100, 1)])
    watched = feed(tables)
    _, cursor = await read_all(watched, None)
    tables.tables["sale"].append((40, 2))
    found, cursor = await read_all(watched, cursor)
    assert found == []
    tables.http.tools.clock.advance(FAR_EVERY_S)
    found, _ = await read_all(watched, cursor)
    assert found == [(0, 2)]


async def test_between_the_long_looks_a_poll_asks_for_little():
    tables = Tables(sale=[(i, i) for i in range(100)])
    watched = feed(tables, page_size=200)
    _, cursor = await read_all(watched, None)
    tables.asked.clear()
    await watched.page(cursor)
    assert tables.asked == [int(NEAR_S)]


@pytest.mark.fault(46)
async def test_a_page_that_got_lost_is_given_again():
    tables = Tables(sale=[(100, 1)])
    watched = feed(tables)
    _, cursor = await read_all(watched, None)
    tables.tables["sale"].append((110, 2))
    lost, _ = await read_all(watched, cursor)
    again, _ = await read_all(watched, cursor)
    assert lost == again == [(0, 2)]


async def test_a_row_that_changed_again_is_given_again():
    tables = Tables(sale=[(100, 1)])
    watched = feed(tables)
    _, cursor = await read_all(watched, None)
    tables.tables["sale"][0] = (101, 1)
    found, _ = await read_all(watched, cursor)
    assert found == [(0, 1)]


async def test_after_a_restart_the_overlap_is_given_again_rather_than_lost():
    tables = Tables(sale=[(100, 1), (200, 2)])
    _, cursor = await read_all(feed(tables), None)
    found, _ = await read_all(feed(tables), cursor)
    assert found == [(0, 1), (0, 2)]
