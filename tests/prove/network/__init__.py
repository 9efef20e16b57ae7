"""Network faults on real sockets: a fault proxy on every edge of the running hub, and the simulators' own books afterwards."""

from tests.prove.network.proof import run

__all__ = ["run"]
