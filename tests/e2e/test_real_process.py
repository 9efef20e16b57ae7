"""Bringing real programs up and down: what is said when it fails, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from nervo.staging.findings import Report, percentile
from nervo.staging.peers import vendure
from nervo.staging.peers.process import Child, PeerError, answers, free_port, run
from nervo.staging.peers.vendure import VendurePeer

SERVE = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


async def served(log: Path) -> tuple[Child, int]:
    child, port = Child(log), free_port()
    await child.start("python3", "-c", SERVE, str(port), cwd=log.parent, env={}, ready=lambda: answers(port))
    return child, port


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_is_ended_answers_no_more(tmp_path: Path, how: str):
    child, port = await served(tmp_path / "log")
    assert await answers(port, "/")
    await getattr(child, how)()
    await getattr(child, how)()
    assert not await answers(port)


async def test_a_server_that_ends_by_itself_shows_the_end_of_its_log(tmp_path: Path):
    child = Child(tmp_path / "log")
    with pytest.raises(PeerError, match="no such database"):
        await child.start("sh", "-c", "echo no such database; exit 3", cwd=tmp_path, env={}, ready=lambda: answers(1))


async def test_a_server_that_is_never_ready_is_ended(tmp_path: Path):
    child = Child(tmp_path / "log")

    async def never() -> bool:
        return False

    with pytest.raises(PeerError, match="not ready"):
        await child.start(
            "sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60", cwd=tmp_path, env={}, ready=never, timeout_s=0.5
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_an_installation_that_is_cancelled_leaves_no_process(tmp_path: Path):
    command = f"echo $$ > {tmp_path}/pid; sleep 60 & wait"
    task = asyncio.create_task(run("sh", "-c", command, cwd=tmp_path, log=tmp_path / "log"))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_command_that_fails_says_which_and_why(tmp_path: Path):
    with pytest.raises(PeerError, match=r"ended with 4; .* ends with:\nno space left"):
        await run("sh", "-c", "echo no space left; exit 4", cwd=tmp_path, log=tmp_path / "log")


def test_a_machine_without_node_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "there is no node and no npm" in VendurePeer.missing()
    assert "apt-get install nodejs npm" in VendurePeer.missing()


def test_an_old_node_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.19.0\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "this is v18.19.0" in VendurePeer.missing()


def test_the_plug_in_that_is_served_is_the_one_that_is_shipped():
    assert vendure.DOORBELL.is_file()
    assert "./nervo-doorbell" in vendure.SERVER.read_text()


def test_a_report_is_good_only_when_something_was_seen_and_all_of_it_agrees():
    report = Report()
    assert not report.good
    report.note("orders", 20, 20)
    assert report.good
    report.note("sales", 20, 19)
    assert not report.good


def test_percentiles_are_values_that_were_seen():
    assert [percentile([30.0, 10.0, 20.0], p) for p in (1, 50, 99)] == [10.0, 20.0, 30.0]
