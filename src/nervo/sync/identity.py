"""Who is at the other end of a connection: asked at every start, so that a copy of the hub never feeds somebody else's shop."""

from nervo.errors import NervoError
from nervo.ports.common import Identity
from nervo.store import journal, operations
from nervo.store.codec import parse, text
from nervo.store.database import Tx
from nervo.sync.context import Hub
from nervo.sync.remote import state_of

CHANGED = "identity_changed"


async def introduce(hub: Hub, name: str) -> Identity | None:
    """Asks a connection who it is and keeps the answer; None while it cannot be asked. Another account than before pauses the
    connection and asks a person."""
    try:
        found: Identity = await hub.remotes[name].call("check", attempts=1)
    except NervoError as error:
        said, state = str(error), state_of(error)
        await hub.db.write(lambda tx: operations.connection_state(tx, name, state, hub.now_ms(), error=said))
        return None
    if await hub.db.write(lambda tx: _keep(hub, tx, name, found)):
        hub.paused.add(name)
    return found


def _keep(hub: Hub, tx: Tx, name: str, found: Identity) -> bool:
    """Whether it is another account than the one that was kept."""
    before = known(tx, name)
    if before and before.account != found.account:
        operations.pause(tx, name, True)
        journal.problem(tx, CHANGED, name, "connection", name, hub.now_ms(), owner="owner",
                        values={"before": before.account, "now": found.account},
                        fix="If this is right, accept the new account with nervo connect; else correct the settings.")  # fmt: skip
        return True
    operations.connection_state(tx, name, "ok", hub.now_ms(), identity=found)
    return False


def known(tx: Tx, name: str) -> Identity | None:
    """The identity kept from the last time."""
    row = tx.one("SELECT identity FROM store_connectionstate WHERE connection = %s", (name,))
    return parse(row[0], Identity) if row and row[0] != "{}" else None


def accept(tx: Tx, name: str, found: Identity, now_ms: int) -> None:
    """A person has seen who answers and wants to be connected to it."""
    operations.connection_state(tx, name, "ok", now_ms, identity=found)
    tx.run("UPDATE store_connectionstate SET identity = %s WHERE connection = %s", (text(found), name))
    journal.close(tx, name, "connection", name, "connect")
