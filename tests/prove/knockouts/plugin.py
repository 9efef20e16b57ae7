"""A pytest plugin: `-p tests.prove.knockouts.plugin` with NERVO_KNOCK_OUT=R5 takes that rule out before the tests run."""

from __future__ import annotations

import os

from tests.prove.knockouts.rules import RULES


def knock_out(rule: str) -> None:
    """Takes a rule out of the product, for the rest of this process."""
    next(r for r in RULES if r.rule == rule).out(setattr)


def pytest_collection_finish(session: object) -> None:
    if rule := os.environ.get("NERVO_KNOCK_OUT"):
        knock_out(rule)
