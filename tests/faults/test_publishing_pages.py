"""Pages that move while they are read: nothing is skipped, nothing comes twice."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nervo.kit.paging import next_rows

CHANGES = st.lists(st.tuples(st.sets(st.integers(0, 60)), st.integers(0, 8)), max_size=12)


async def _read(size: int, changes: list[tuple[set[int], int]]) -> tuple[list[int], set[int], set[int]]:
    """What was read of a list that changes between its pages; what was there all the time; what was ever there."""
    there = list(range(30))
    always, ever, found, mark, waiting = set(there), set(there), list[int](), None, iter(changes)

    async def read(offset: int) -> list[int]:
        return there[offset : offset + size]

    while True:
        rows, mark = await next_rows(read, lambda row: row, mark, size)
        found += rows
        if mark is None:
            return found, always, ever
        gone, more = next(waiting, (set(), 0))
        there = [row for row in there if row not in gone]
        there += range(max(ever) + 1, max(ever) + 1 + more)
        always, ever = always - gone, ever | set(there)


@pytest.mark.fault(46)
@given(size=st.integers(2, 9), changes=CHANGES)
@settings(max_examples=150, deadline=None)
def test_whatever_is_taken_out_or_added_between_pages_the_rest_comes_once(
    size: int, changes: list[tuple[set[int], int]]
) -> None:
    found, always, ever = asyncio.run(_read(size, changes))
    assert found == sorted(set(found))
    assert always <= set(found) <= ever
