"""Real kills of real processes: what is acknowledged is kept, and every effect happens once."""

from tests.prove.kills.campaign import run

__all__ = ["run"]
