"""Many in one transaction, each under its own savepoint: one that fails is undone alone."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from nervo.store.database import LOST, apart

T = TypeVar("T")
R = TypeVar("R")


def each(items: Iterable[T], work: Callable[[T], R]) -> tuple[list[R], list[tuple[T, Exception]]]:
    """The results of those that went well, and those that did not with their errors. A database that is away raises."""
    well: list[R] = []
    failed: list[tuple[T, Exception]] = []
    for item in items:
        try:
            with apart():
                well.append(work(item))
        except LOST:
            raise
        except Exception as error:  # noqa: BLE001 - handed to the caller
            failed.append((item, error))
    return well, failed
