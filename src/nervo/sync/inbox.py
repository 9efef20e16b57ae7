"""The inbox becomes hints: each says that something changed; the truth is fetched again."""

from collections.abc import Callable, Mapping

from nervo.errors import BadInput, Misunderstood, NervoError
from nervo.kit.text import as_utf8
from nervo.ports.shop import Hint
from nervo.store import inbox, journal, refresh
from nervo.store.codec import parse
from nervo.store.database import Tx
from nervo.store.inbox import Received
from nervo.sync.context import Hub

Reader = Callable[[str, Mapping[str, str], bytes], tuple[Hint, ...]]

# A channel's word on its stock or products is mostly the echo of our own writes; the read-back sweep sees hand edits.
READ = frozenset({"order"})


async def drain(hub: Hub, readers: Mapping[str, Reader], limit: int = 500) -> int:
    """Reads what came; how many deliveries. One that nobody can read becomes a problem and delays nothing."""
    waiting = await hub.db.read(lambda tx: inbox.waiting(tx, limit))
    if not waiting:
        return 0
    wanted: dict[tuple[str, str], set[str]] = {}
    bad: list[tuple[Received, NervoError]] = []
    for delivery in waiting:
        try:
            for hint in _hints(readers, delivery):
                if hint.entity not in READ:
                    continue
                wanted.setdefault((delivery.connection, hint.entity), set()).add(hint.external_id)
        except NervoError as error:
            bad.append((delivery, error))

    def note(tx: Tx) -> None:
        for (connection, entity), keys in sorted(wanted.items()):
            refresh.want(tx, connection, entity, keys, "webhook", hub.now_ms())
        for delivery, error in bad:
            inbox.failed(tx, delivery.id, str(error))
            journal.problem(
                tx,
                "bad_webhook",
                delivery.connection,
                "webhook",
                str(delivery.id),
                hub.now_ms(),
                said=error.said,
                owner="developer",
                fix="The delivery is kept; the sweep reads the truth anyway.",
            )
        failed = {d.id for d, _ in bad}
        inbox.done(tx, [d.id for d in waiting if d.id not in failed])

    await hub.db.write(note)
    for connection, _ in wanted:
        hub.ring(f"orders:{connection}")
    return len(waiting)


def _hints(readers: Mapping[str, Reader], delivery: Received) -> tuple[Hint, ...]:
    """What a delivery hints at. Raises NervoError, also where its connection is gone or its reader has a bug."""
    reader = readers.get(delivery.connection)
    if reader is None:
        raise BadInput("reading a webhook", f"no connection {delivery.connection}", code="no_reader")
    try:
        headers = parse(delivery.headers, dict[str, str])
        return reader(delivery.topic, headers, as_utf8(delivery.body, headers.get("content-type", "")))
    except (LookupError, ValueError, TypeError, AttributeError) as bug:
        raise Misunderstood("reading a webhook", f"{type(bug).__name__}: {bug}") from bug
