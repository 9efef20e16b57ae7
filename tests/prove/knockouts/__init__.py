"""Knock-outs: each design rule is taken out of the product in turn, and a named test must go red."""

from tests.prove.knockouts.campaign import run

__all__ = ["run"]
