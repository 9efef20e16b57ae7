"""What every engine promises, on each adapter; and what DBOS may not do behind the hub's back."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nervo.errors import Conflict, RateLimited, Rejected, Unavailable
from nervo.flows.engine import Engine, MemoryEngine
from nervo.kit.clock import ManualClock
from tests.conftest import empty_postgresql_database

LIMIT_S = 20


class Work:
    """Flows `first` and `second` that note each run and do what the test says; and the engine under test."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.runs: list[tuple[str, int]] = []
        self.at: list[float] = []
        self.told: list[tuple[str, int, str]] = []
        self.errors: list[Exception] = []
        self.go = asyncio.Event()
        self.go.set()
        self.flows = {name: self._flow(name) for name in ("first", "second")}

    def _flow(self, name: str):
        async def flow(document: int) -> None:
            self.runs.append((name, document))
            self.at.append(self.clock.monotonic())
            await self.go.wait()
            if self.errors:
                raise self.errors.pop(0)

        return flow

    async def failed(self, flow: str, document: int, error: Exception) -> None:
        self.told.append((flow, document, type(error).__name__))

    async def has_run(self, times: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.runs) < times:
                await asyncio.sleep(0.005)


@pytest.fixture
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where DBOS keeps its history; SQLite unless the test asks for PostgreSQL."""
    if getattr(request, "param", "sqlite") == "postgresql":
        yield from empty_postgresql_database()
    else:
        yield f"sqlite:///{tmp_path / 'engine.sqlite3'}"


@pytest.fixture
def work() -> Work:
    return Work()


def dbos(work: Work, history: str) -> Engine:
    from nervo.flows.engine_dbos import DbosEngine

    return DbosEngine(work.flows, work.failed, work.clock, database_url=history, executor="hub-a")


ON_POSTGRESQL = pytest.param("dbos", "postgresql", marks=pytest.mark.pg)
EVERY = pytest.mark.parametrize(
    ("engine", "history"), [("memory", "sqlite"), ("dbos", "sqlite"), ON_POSTGRESQL], indirect=True
)


@pytest.fixture
async def engine(request: pytest.FixtureRequest, work: Work, history: str) -> AsyncIterator[Engine]:
    memory = getattr(request, "param", "dbos") == "memory"
    made = MemoryEngine(work.flows, work.failed, work.clock) if memory else dbos(work, history)
    yield made
    await made.stop()


async def idle(engine: Engine) -> None:
    async with asyncio.timeout(LIMIT_S):
        await engine.idle()


@EVERY
async def test_a_flow_started_again_while_it_runs_or_waits_runs_once(engine, work):
    work.go.clear()
    engine.start("first", 1)
    engine.start("second", 1)
    await work.has_run(1)
    for name in ("first", "second", "second"):
        engine.start(name, 1)
    work.go.set()
    await idle(engine)
    assert work.runs == [("first", 1), ("second", 1)]


@EVERY
async def test_a_flow_that_has_ended_can_be_started_again(engine, work):
    for _ in range(2):
        engine.start("first", 1)
        await idle(engine)
    assert work.runs == [("first", 1), ("first", 1)]


@EVERY
async def test_flows_of_one_document_follow_each_other_and_other_documents_do_not_wait(engine, work):
    work.go.clear()
    for name, document in (("second", 1), ("first", 1), ("first", 2)):
        engine.start(name, document)
    await work.has_run(2)
    assert sorted(work.runs) == [("first", 2), ("second", 1)]
    work.go.set()
    await idle(engine)
    assert [name for name, document in work.runs if document == 1] == ["second", "first"]


@EVERY
async def test_a_machine_error_is_tried_again_after_a_pause_that_grows(engine, work):
    work.errors = [Conflict("writing"), Conflict("writing"), Conflict("writing")]
    engine.start("first", 1)
    engine.start("second", 1)
    await idle(engine)
    assert work.runs == [("first", 1)] * 4 + [("second", 1)]
    assert work.at[:4] == [0.0, 0.5, 1.5, 3.5]
    assert work.told == [("first", 1, "Conflict")] * 3


@EVERY
async def test_who_says_how_long_to_wait_is_given_that_long(engine, work):
    work.errors = [RateLimited("writing", retry_after_s=37.0)]
    engine.start("first", 1)
    await idle(engine)
    assert work.at == [0.0, 37.0]


@EVERY
async def test_a_channel_that_is_down_holds_up_nobody_elses_documents(engine, work):
    knocks, up = list[int](), asyncio.Event()

    async def first(document: int) -> None:
        if not up.is_set():
            knocks.append(document)
            error = Unavailable("calling mare")
            error.side = "mare"
            raise error

    engine._flows["first"] = first
    for document in range(1, 41):
        engine.start("first", document)
    async with asyncio.timeout(LIMIT_S):
        while len(set(knocks)) < 40:
            await asyncio.sleep(0.005)
    for document in range(100, 140):
        engine.start("second", document)
    await work.has_run(40)
    up.set()
    await idle(engine)
    assert {document for name, document in work.runs if name == "second"} == set(range(100, 140))


@EVERY
async def test_while_the_other_side_is_down_nothing_is_lost(engine, work):
    work.errors = [Unavailable("writing") for _ in range(5)]
    for document in (1, 2, 3):
        engine.start("first", document)
    await idle(engine)
    assert sorted({document for _, document in work.runs}) == [1, 2, 3]
    assert (len(work.runs), len(work.told)) == (8, 5)


@pytest.mark.fault(57)
@EVERY
@pytest.mark.parametrize("error", [Rejected("writing", "no"), ZeroDivisionError("a bug")], ids=["refusal", "bug"])
async def test_a_refusal_or_a_bug_is_told_once_and_the_next_flow_goes_on(engine, work, error):
    work.errors = [error]
    engine.start("first", 1)
    engine.start("second", 1)
    await idle(engine)
    assert work.runs == [("first", 1), ("second", 1)]
    assert work.told == [("first", 1, type(error).__name__)]


@EVERY
@pytest.mark.parametrize("error", [Unavailable("calling"), Rejected("writing"), KeyError("bug")])
async def test_what_cannot_be_told_because_the_store_is_away_is_tried_again(engine, work, error):
    told = work.failed
    away = [Unavailable("writing to the store")]

    async def failed(*what):
        if away:
            raise away.pop()
        await told(*what)

    engine._failed = failed
    work.errors[:] = [error, Rejected("writing")]
    engine.start("first", 1)
    await idle(engine)
    assert len(work.runs) == 2 and work.told == [("first", 1, "Rejected")]


@EVERY
async def test_what_is_dropped_neither_runs_on_nor_is_told_and_can_be_started_again(engine, work):
    work.go.clear()
    engine.start("first", 1)
    engine.start("second", 1)
    await work.has_run(1)
    await engine.drop()
    work.go.set()
    await idle(engine)
    assert (work.runs, work.told) == ([("first", 1)], [])
    engine.start("second", 1)
    await idle(engine)
    assert work.runs == [("first", 1), ("second", 1)]


@EVERY
async def test_a_flow_may_start_another(engine, work):
    async def passing_on(document: int) -> None:
        engine.start("second", document + 1)

    engine._flows["first"] = passing_on
    engine.start("first", 1)
    await idle(engine)
    assert (work.runs, work.told) == ([("second", 2)], [])


async def test_the_history_tells_what_ran_for_an_order_and_keeps_nobodys_words(engine, work, history):
    work.errors = [Rejected("writing for Ada Rossi", "codice fiscale RSSADA80A41H501X errato")]
    engine.start("first", 7)
    engine.start("second", 7)
    await idle(engine)
    await engine.stop()
    assert sorted(runs_in(history)) == [("first", "ERROR"), ("second", "SUCCESS")]
    kept = b"".join(await asyncio.to_thread(values_in, history.removeprefix("sqlite:///")))
    assert b"rejected" in kept
    assert b"Rossi" not in kept and b"RSSADA" not in kept


async def test_what_is_dropped_while_dbos_opens_can_be_started_again(engine, work):
    engine.start("first", 1)
    await asyncio.sleep(0.01)
    await engine.drop()
    assert work.runs == []
    engine.start("second", 1)
    await idle(engine)
    assert (work.runs, work.told) == ([("second", 1)], [])


async def test_the_history_is_trimmed_as_it_grows(engine, work, history, monkeypatch):
    monkeypatch.setattr("nervo.flows.engine_dbos.TRIM_EVERY_RUNS", 3)
    for document in (1, 2):
        engine.start("first", document)
        await idle(engine)
    work.clock.advance(40 * 86_400)
    engine.start("second", 3)
    await idle(engine)
    await engine.stop()
    assert runs_in(history) == [("second", "SUCCESS")]


async def test_threads_of_the_hub_work_on_after_dbos_has_stopped(engine, work):
    engine.start("first", 1)
    await idle(engine)
    await engine.stop()
    assert await asyncio.to_thread(lambda: "done") == "done"


async def test_a_history_that_cannot_be_kept_holds_nothing_back_for_good(work, tmp_path):
    folder = tmp_path / "not yet"
    engine = dbos(work, f"sqlite:///{folder / 'engine.sqlite3'}")
    work.clock.sleep = lambda seconds: asyncio.sleep(0.01)
    engine.start("first", 1)
    async with asyncio.timeout(LIMIT_S):
        while not work.told:
            await asyncio.sleep(0.01)
    assert (set(work.told), work.runs) == ({("first", 1, "Unavailable")}, [])
    folder.mkdir()
    await idle(engine)
    assert work.runs == [("first", 1)]
    await engine.stop()


DIES = """
import asyncio, os, sys
from nervo.flows.engine_dbos import DbosEngine
from nervo.kit.clock import SystemClock

async def dies(document):
    os._exit(9)

async def failed(*error):
    print(error, file=sys.stderr)

async def main():
    engine = DbosEngine({"first": dies}, failed, SystemClock(), database_url=sys.argv[1], executor="hub-a")
    engine.start("first", 1)
    await engine.idle()

asyncio.run(main())
"""


@pytest.mark.parametrize("history", ["sqlite", pytest.param("postgresql", marks=pytest.mark.pg)], indirect=True)
async def test_what_a_killed_process_left_is_forgotten_and_runs_only_when_the_hub_says_so(work, history):
    died = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", DIES, history], capture_output=True, text=True
    )
    assert (died.returncode, died.stderr) == (9, "")
    assert runs_in(history) == [("first", "PENDING")]
    engine = dbos(work, history)
    engine.start("second", 2)
    await idle(engine)
    await asyncio.sleep(2.5)  # DBOS would take up what is pending within a second
    assert work.runs == [("second", 2)]
    assert sorted(runs_in(history)) == [("first", "CANCELLED"), ("second", "SUCCESS")]
    engine.start("first", 1)
    await idle(engine)
    assert work.runs == [("second", 2), ("first", 1)]
    await engine.stop()


def test_dbos_is_not_imported_unless_it_is_chosen():
    script = "import sys, nervo.bootstrap.hub, nervo.bootstrap.supervisor, nervo.cli; sys.exit('dbos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


def runs_in(history: str) -> list[tuple[str, str]]:
    from dbos import DBOSClient

    client = DBOSClient(system_database_url=history, application_name="nervo")
    try:
        return [(run.name, run.status) for run in client.list_workflows()]
    finally:
        client.destroy()


def values_in(file: str) -> list[bytes]:
    """What went into the runs and what came out, unpacked."""
    columns = {"workflow_input": "inputs", "workflow_output": "output, error", "operation_outputs": "output, error"}
    with closing(sqlite3.connect(file)) as connection:
        rows = [row for table, names in columns.items() for row in connection.execute(f"SELECT {names} FROM {table}")]
    return [b64decode(value) for row in rows for value in row if value]
