"""Network faults on real sockets: a fault proxy on every edge of the running hub, and the simulators' own books afterwards."""

from tests.prove.parts import Effort, Result


def run(effort: Effort) -> Result:
    from tests.prove.network import proof  # not for the pipe's process, which starts with this package

    return proof.run(effort)
