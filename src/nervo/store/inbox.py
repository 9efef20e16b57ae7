"""The way in: webhooks, durable before they are acknowledged."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from nervo.errors import Unavailable
from nervo.store.database import Database, Tx

MAX_TOGETHER = 200
Row = tuple[str, str, str, str, str, bytes, int]
INSERT = (
    "INSERT INTO store_inbox (connection, topic, event_key, body_sha256, headers, body, received_ms, state, error) "
    "VALUES {values} ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Received:
    """A stored webhook."""

    id: int
    connection: str
    topic: str
    headers: str
    body: bytes


class Intake:
    """Deliveries of one event loop, into the store: those that arrive while a commit is under way share the next one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def add(self, row: Row) -> None:
        """Returns when the delivery is durable, or was before. Raises what the store raises."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, durable))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store())
        await durable

    async def _store(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
                if await self._add(group):
                    for one in group:
                        await self._add([one])
        finally:
            self._storing = None

    async def _add(self, group: list[tuple[Row, asyncio.Future[None]]]) -> bool:
        """Whether it has to be tried one by one, so that one poison delivery spoils nothing but itself."""
        rows = [row for row, _ in group]
        try:
            await self._db.write(lambda tx: add(tx, rows))
        except Exception as error:  # noqa: BLE001 - handed to the caller
            if len(group) > 1 and not isinstance(error, Unavailable):
                return True
            _settle(group, error)
        else:
            _settle(group, None)
        return False


def _settle(group: list[tuple[Row, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, durable in group:
        if not durable.done():
            durable.set_exception(error) if error else durable.set_result(None)


def add(tx: Tx, rows: Sequence[Row]) -> int:
    """Stores deliveries (connection, topic, event key, sha256, headers, body, received_ms); how many were new."""
    return tx.values(INSERT, [(*row, "new", "") for row in rows])


def waiting(tx: Tx, limit: int) -> list[Received]:
    """The oldest deliveries that nobody has read."""
    sql = "SELECT id, connection, topic, headers, body FROM store_inbox WHERE state = 'new' ORDER BY id LIMIT %s"
    return [Received(i, c, t, h, bytes(b)) for i, c, t, h, b in tx.rows(sql, (limit,))]


def done(tx: Tx, ids: Sequence[int]) -> None:
    tx.many("UPDATE store_inbox SET state = 'done' WHERE id = %s", [(i,) for i in ids])


def failed(tx: Tx, id: int, error: str) -> None:
    tx.run("UPDATE store_inbox SET state = 'failed', error = %s WHERE id = %s", (error, id))


def again(tx: Tx, since_ms: int) -> int:
    """Deliveries since then are to be read once more, also those that could not be read; how many."""
    sql = "UPDATE store_inbox SET state = 'new', error = '' WHERE received_ms >= %s AND state <> 'new'"
    return tx.run(sql, (since_ms,))
