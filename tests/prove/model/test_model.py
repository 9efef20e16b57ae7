"""The product is right in every order of events; policies that are known to be bad are found wrong, each by the fewest moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.prove.model import ready
from tests.prove.model.cases import ALL, Case

SHORT = [case for case in ALL if not case.long]


@pytest.fixture(scope="module", autouse=True)
def database() -> Iterator[None]:
    with ready():
        yield


@pytest.mark.parametrize("case", [c for c in SHORT if not c.bad], ids=str)
def test_the_product_is_right_whatever_happens_in_whatever_order(case: Case):
    verdict = case.check()
    assert not verdict.broken, (verdict.broken, *verdict.trace)
    assert verdict.states > 100


@pytest.mark.parametrize("case", [c for c in SHORT if c.bad], ids=str)
def test_a_bad_policy_is_found_wrong(case: Case):
    verdict = case.check()
    assert verdict.broken
    assert len(verdict.trace) == case.bad, verdict.trace
