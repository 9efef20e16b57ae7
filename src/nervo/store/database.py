"""The store's threads: writers with group commit, readers beside them.

A write is a function of a transaction; it must do nothing but SQL, since it is repeated when the database asks for it. Writes that
wait together share one commit, each under its own savepoint, so that durability (SQLite `synchronous=FULL`) costs little. A write's
result is given back only after its commit.
"""

import asyncio
import contextlib
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from nervo.errors import Unavailable
from nervo.kit.crashpoint import crashpoint

T = TypeVar("T")
Row = tuple[Any, ...]
MAX_GROUP = 256
MAX_VALUES = 200
MAX_KEYS = 1_000
ATTEMPTS = 5
CHECKPOINT_S = 0.05
LOST = (OperationalError, InterfaceError, InternalError)  # the last one where PostgreSQL has ended the session
STOPPED_S = 5  # less than the lease: who takes it over must find no lock of the one before

_waits = threading.local()  # which connection of this thread was told what


class Tx:
    """SQL in one transaction, on the driver's own cursor. Placeholders are %s on both databases."""

    __slots__ = ("_cursor", "_own")

    def __init__(self, cursor: Any, vendor: str) -> None:
        self._cursor = cursor
        self._own: Callable[[str], str] = _with_question_marks if vendor == "sqlite" else str

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Runs a statement; how many rows it touched."""
        self._cursor.execute(self._own(sql), args)
        return int(self._cursor.rowcount)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Runs a statement for each row; how many rows were touched in all."""
        self._cursor.executemany(self._own(sql), rows if isinstance(rows, list) else list(rows))
        return int(self._cursor.rowcount)

    def values(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Runs a statement with all rows at once in place of its `{values}`; how many were touched.

        `many` gives the interpreter's lock away at every row and has to wait for it; this does so once.
        """
        touched = 0
        for start in range(0, len(rows), MAX_VALUES):
            part = rows[start : start + MAX_VALUES]
            one = f"({', '.join(['%s'] * len(part[0]))})"
            whole = self._own(sql.format(values=", ".join([one] * len(part))))
            self._cursor.execute(whole, [v for row in part for v in row])
            touched += int(self._cursor.rowcount)
        return touched

    def among(self, sql: str, keys: Sequence[Any], args: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows of a query whose `{}` stands for the keys of an IN, after `args`."""
        for start in range(0, len(keys), MAX_KEYS):
            part = keys[start : start + MAX_KEYS]
            self._cursor.execute(self._own(sql.format(", ".join(["%s"] * len(part)))), (*args, *part))
            yield from self._cursor.fetchall()

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        self._cursor.execute(self._own(sql), args)
        found: list[Row] = self._cursor.fetchall()
        return found

    def one(self, sql: str, args: Sequence[Any] = ()) -> Row | None:
        self._cursor.execute(self._own(sql), args)
        row: Row | None = self._cursor.fetchone()
        return row


@lru_cache(5_000)
def _with_question_marks(sql: str) -> str:
    """As SQLite's driver has them."""
    return re.sub("(?<!%)%s", "?", sql).replace("%%", "%")


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """A savepoint: what fails in it is undone alone. Its errors are Django's."""
    with connection.wrap_database_errors, transaction.atomic():
        yield


@contextlib.contextmanager
def _statements() -> Iterator[Tx]:
    """Django's own cursor costs several times what SQLite does. Errors are Django's all the same."""
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    with ours.wrap_database_errors:
        cursor = ours.connection.cursor()
        try:
            yield Tx(cursor, ours.vendor)
        finally:
            with contextlib.suppress(Exception):  # one whose connection is gone is closed
                cursor.close()


@dataclass(frozen=True, slots=True)
class Job:
    """A write that waits. `durable` False: it may be undone by a power cut, with all that came after it, never alone."""

    work: Callable[[Tx], Any]
    future: "Future[Any]"
    durable: bool


class Database:
    """One database, for one process. `writers` is 1 on SQLite."""

    def __init__(self, *, writers: int | None = None, readers: int = 3) -> None:
        self.vendor = connection.vendor
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        count = 1 if self.vendor == "sqlite" else writers or 3
        self._writers = [
            threading.Thread(target=self._write_loop, name=f"store-writer-{i}", daemon=True) for i in range(count)
        ]
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        self._closed = False
        self._written = threading.Event()
        self._keeper = threading.Thread(target=self._checkpoint_loop, name="store-keeper", daemon=True)
        for thread in self._writers:
            thread.start()
        if self.vendor == "sqlite":
            self._keeper.start()

    def submit(self, work: Callable[[Tx], T], *, durable: bool = True) -> "Future[T]":
        """Queues a write; the future holds its result once it is durable, or committed where `durable` is False."""
        if self._closed:
            raise Unavailable("writing to the store", "it is closed")
        future: Future[T] = Future()
        self._jobs.put(Job(work, future, durable))
        return future

    async def write(self, work: Callable[[Tx], T], *, durable: bool = True) -> T:
        """Runs a write and waits until it is durable. Raises Unavailable when the database cannot take it.

        `durable` False does not wait for the disk: for what is read again from its source after a power cut, which undoes it
        together with the cursor that came with it and with everything after it.
        """
        return await asyncio.wrap_future(self.submit(work, durable=durable))

    def write_now(self, work: Callable[[Tx], T]) -> T:
        """The same for callers without an event loop."""
        return self.submit(work).result()

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Runs a read beside the writers. Raises Unavailable when the database does not answer."""
        return await asyncio.wrap_future(self._readers.submit(_read, work))

    def read_now(self, work: Callable[[Tx], T]) -> T:
        return self._readers.submit(_read, work).result()

    def close(self) -> None:
        """Finishes what is queued, then stops."""
        if self._closed:
            return
        self._closed = True
        for _ in self._writers:
            self._jobs.put(None)
        for thread in self._writers:
            thread.join()
        self._written.set()
        if self._keeper.is_alive():
            self._keeper.join()
        self._readers.shutdown()

    def _write_loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            with contextlib.suppress(queue.Empty):
                while len(group) < MAX_GROUP:
                    following = self._jobs.get_nowait()
                    if following is None:
                        self._jobs.put(None)
                        break
                    group.append(following)
            # A caller that was cancelled while it waited wants no answer; from here on it cannot be cancelled any more.
            if group := [job for job in group if job.future.set_running_or_notify_cancel()]:
                _commit(group)
                self._written.set()
        connection.close()

    def _checkpoint_loop(self) -> None:
        """Moves SQLite's log into the database beside the writer, so that no commit has to; the writer's own checkpoint, far
        behind, is for when this one cannot."""
        while not self._closed:
            self._written.wait()
            self._written.clear()
            with contextlib.suppress(OperationalError), connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
            time.sleep(CHECKPOINT_S)
        connection.close()


def _commit(group: list[Job]) -> None:
    try:
        results = _attempt(group)
    except LOST as error:
        _give_back(error)
        _one_by_one(group)
        return
    except Exception as error:  # noqa: BLE001 - handed to the caller
        if len(group) > 1:
            _one_by_one(group)
        else:
            group[0].future.set_exception(error)
        return
    for job, (result, failure) in zip(group, results, strict=True):
        job.future.set_exception(failure) if failure else job.future.set_result(result)


def _attempt(group: list[Job]) -> list[tuple[Any, Exception | None]]:
    with _transaction(durable=any(job.durable for job in group)) as tx:
        results: list[tuple[Any, Exception | None]]
        results = [(group[0].work(tx), None)] if len(group) == 1 else [_savepoint(tx, job) for job in group]
        crashpoint("commit", group)
    crashpoint("committed", group)
    return results


def _savepoint(tx: Tx, job: Job) -> tuple[Any, Exception | None]:
    try:
        with apart():
            return job.work(tx), None
    except LOST:
        raise
    except Exception as error:  # noqa: BLE001 - handed to the caller
        return None, error


@contextlib.contextmanager
def _transaction(*, durable: bool) -> Iterator[Tx]:
    """A transaction whose commit waits for the disk, or does not. Either way commits reach the disk in their order."""
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    sqlite = ours.vendor == "sqlite"
    if sqlite:
        _wait_for_the_disk(ours, durable)
    else:
        _let_go_when_stopped(ours)
    with transaction.atomic(), _statements() as tx:
        if not sqlite and not durable:
            tx.run("SET LOCAL synchronous_commit TO off")
        yield tx


def _wait_for_the_disk(ours: BaseDatabaseWrapper, wait: bool) -> None:
    """Said to SQLite only where it changes: it compiles its statements again afterwards."""
    if getattr(_waits, "of", None) != (ours.connection, wait):
        with ours.cursor() as cursor:
            cursor.execute(f"PRAGMA synchronous={'FULL' if wait else 'NORMAL'}")
        _waits.of = (ours.connection, wait)


def _let_go_when_stopped(ours: BaseDatabaseWrapper) -> None:
    """Said once to each connection: a process that is stopped inside a transaction, with its machine or alone, keeps its locks no
    longer than that."""
    if getattr(_waits, "of", None) is not ours.connection:
        with ours.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{STOPPED_S}s'")
        _waits.of = ours.connection


def _one_by_one(group: list[Job]) -> None:
    """After a failed group: each write alone, so that one poison write spoils nothing but itself. A database that is away fails
    them all at once."""
    away: Unavailable | None = None
    for job in group:
        try:
            if away:
                raise away
            job.future.set_result(_alone(job.work))
        except Unavailable as error:
            away = error
            job.future.set_exception(error)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            job.future.set_exception(error)


def _alone(work: Callable[[Tx], T]) -> T:
    """One write in its own transaction; deadlocks (PostgreSQL's 40P01) and lost connections are tried again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _transaction(durable=True) as tx:
                return work(tx)
        except LOST as error:
            _give_back(error)
            if attempt == ATTEMPTS or _full_or_locked(error):
                raise _unavailable("writing to the store", error) from error
    raise AssertionError("unreachable")


def _unavailable(doing: str, error: Exception) -> Unavailable:
    return Unavailable(doing, str(error), code="store_unavailable", fix="Free disk space or start the database.")


def _full_or_locked(error: Exception) -> bool:
    """SQLite has waited for the lock already."""
    return connection.vendor == "sqlite" and ("locked" in str(error) or "full" in str(error))


def _give_back(error: Exception) -> None:
    """A connection that may be broken is not used again."""
    if isinstance(error, LOST):
        connection.close()


def _read(work: Callable[[Tx], T]) -> T:
    try:
        return _looked(work)
    except LOST as error:
        _give_back(error)
    try:
        return _looked(work)
    except LOST as error:
        _give_back(error)
        raise _unavailable("reading from the store", error) from error


def _looked(work: Callable[[Tx], T]) -> T:
    with _statements() as tx:
        return work(tx)
