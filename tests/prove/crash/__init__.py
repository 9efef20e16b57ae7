"""Crashpoints: the hub dies once at every commit and at every call of a story, starts again, and everything must come right."""

from tests.prove.crash.campaign import run

__all__ = ["run"]
