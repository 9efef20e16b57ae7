"""Why a write may not leave, though nothing is wrong with it."""

from nervo.errors import MachineError


class LostLease(MachineError):
    """Another hub acts now, or this one was away too long to know: nothing left here."""

    code = "lost_lease"


class Paused(MachineError):
    """A person has paused the connection: nothing left here."""

    code = "paused"
