"""What people ask of problems: retry, ignore; and of guard rails: approve."""

from nervo.errors import BadInput, NotFound
from nervo.store import journal, orders, publications
from nervo.store.database import Tx
from nervo.store.journal import Problem
from nervo.sync import command_orders, command_state, unreadable
from nervo.sync.context import Hub
from nervo.sync.figures import FIGURE, split
from nervo.sync.handlers import Handlers

KINDS = ("stock", "price", "product")


async def retry(hub: Hub, actor: str, problem_id: int) -> str:
    """Does again what the problem stopped; it closes, and opens again if it is still there."""
    problem = await _open(hub, problem_id)
    if problem is None:
        return "It is closed already."
    if problem.order_id:
        return await command_orders.retry(hub, actor, problem.order_id)
    if problem.subject == FIGURE:
        return await command_state.stock(hub, actor, split(problem.key)[0])
    if problem.subject in KINDS and problem.connection in hub.remotes:
        return await _retry_key(hub, actor, problem)

    def close(tx: Tx) -> None:
        journal.close_one(tx, problem_id, actor)
        if problem.code == unreadable.CODE:
            unreadable.read_again(hub, tx, problem.subject)

    await hub.db.write(close)
    for bell in list(hub.bells):
        hub.ring(bell)
    return "Closed; it is tried again now and comes back if it is still there."


async def _retry_key(hub: Hub, actor: str, problem: Problem) -> str:
    def work(tx: Tx) -> int:
        journal.close_one(tx, problem.id, actor)
        name, kind = problem.connection, problem.subject
        keys = publications.held(tx, name, kind) if problem.key == "*" else [problem.key]
        return publications.retry(tx, name, kind, keys)

    count = await hub.db.write(work)
    hub.ring(f"publish:{problem.connection}:{problem.subject}")
    return f"{count} to be published again."


async def ignore(hub: Hub, actor: str, problem_id: int, reason: str) -> str:
    """Closes it without doing anything; why is kept."""
    problem = await _open(hub, problem_id)
    if problem is None:
        return "It is closed already."

    def work(tx: Tx) -> None:
        journal.close_one(tx, problem_id, actor, "ignored")
        if problem.order_id and orders.get(tx, problem.order_id):
            journal.event(
                tx, problem.order_id, "problem_ignored", hub.now_ms(), actor, reason=reason, problem=problem.code
            )

    await hub.db.write(work)
    return f"Ignored: {reason}"


async def approve(hub: Hub, actor: str, channel: str, kind: str) -> str:
    """The values that a guard rail holds go out; others of the same keys do not."""
    _known(hub, channel, kind)

    def work(tx: Tx) -> int:
        keys = publications.approve(tx, channel, kind)
        for key in [*keys, "*"]:
            journal.close(tx, channel, kind, key, actor)
        return len(keys)

    count = await hub.db.write(work)
    hub.ring(f"publish:{channel}:{kind}")
    return f"{count} released." if count else "Nothing is held."


async def publish_again(hub: Hub, actor: str, channel: str, kind: str, key: str) -> str:
    """One key is compared and sent again."""
    _known(hub, channel, kind)

    def work(tx: Tx) -> int:
        journal.close(tx, channel, kind, key, actor)
        return publications.retry(tx, channel, kind, [key])

    if not await hub.db.write(work):
        raise NotFound("publishing again", key, code="unknown_key", fix=f"{channel} has no such {kind}.")
    hub.ring(f"publish:{channel}:{kind}")
    return f"{key} is published again."


def _known(hub: Hub, channel: str, kind: str) -> None:
    if channel not in {c.name for c in hub.channels()}:
        raise NotFound("looking for the channel", channel, code="unknown_channel", fix="Check its name.")
    if kind not in KINDS:
        raise BadInput("looking for the kind", kind, code="unknown_kind", fix=f"It is one of {', '.join(KINDS)}.")


async def _open(hub: Hub, problem_id: int) -> Problem | None:
    problem = await hub.db.read(lambda tx: journal.get(tx, problem_id))
    if problem is None:
        raise NotFound(
            "looking for the problem", str(problem_id), code="unknown_problem", fix="The list shows the open ones."
        )
    return problem if problem.state == "open" else None


PROBLEMS: Handlers = {
    "problem.retry": ({"problem_id": int}, retry),
    "problem.ignore": ({"problem_id": int, "reason": str}, ignore),
    "guard.approve": ({"channel": str, "kind": str}, approve),
    "publication.retry": ({"channel": str, "kind": str, "key": str}, publish_again),
}
