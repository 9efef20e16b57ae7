"""Simulated histories: the hub as it is, the connectors as they are, foreign systems that refuse what the real ones refuse; time,
network and processes are virtual, and everything follows from a seed.

`./dev prove --seed 42` plays one again and says what happened.
"""

from tests.prove.sim.campaign import run

__all__ = ["run"]
