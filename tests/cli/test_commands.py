"""The commands as a person types them: real processes on a real database, against a served simulator."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nervo import registry

RULES = """
[connections.erp.stock]
safety = 2
"""


@dataclass
class Nervo:
    """`nervo` in a data folder of its own."""

    environment: dict[str, str]

    async def __call__(self, *args: str, stdin: str = "", expect: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nervo", *args, env=self.environment, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate(stdin.encode())
        assert process.returncode == expect, out.decode()
        return out.decode()


@pytest.fixture
def nervo(tmp_path: Path, database_url: str) -> Nervo:
    environment = {**os.environ, "NERVO_DATA_DIR": str(tmp_path), "NERVO_DATABASE_URL": database_url, "COLUMNS": "220"}
    return Nervo(environment)


@pytest.fixture
async def erp():
    simulator = registry.connector("rehearsal_erp").simulator()
    async with simulator.serve():
        yield simulator


async def connect(nervo: Nervo, erp) -> str:
    plain = {k: v for k, v in erp.settings().items() if k != "token"}
    pairs = [part for k, v in plain.items() for part in ("--set", f"{k}={v}")]
    return await nervo(
        "connect", "rehearsal_erp", "--name", "erp", *pairs, "--set", "token=-", stdin=erp.settings()["token"]
    )


async def test_a_system_is_tested_then_saved_read_only_with_its_secret_out_of_sight(nervo, erp):
    said = await connect(nervo, erp)
    assert "✓" in said and "read-only" in said
    shown = await nervo("config", "show")
    assert 'erp = "erp"' in shown and erp.settings()["token"] not in shown and "mode" not in shown
    assert "read" in await nervo("status")


async def test_a_wrong_secret_is_refused_before_anything_is_saved(nervo, erp):
    said = await nervo("connect", "rehearsal_erp", "--set", f"url={erp.url}", "--set", "token=wrong", expect=1)
    assert "auth_failed" in said
    assert "No configuration yet" in await nervo("config", "show")


async def test_a_missing_field_is_named(nervo):
    said = await nervo("connect", "rehearsal_erp", "--set", "url=http://127.0.0.1:1", expect=1)
    assert "token: missing" in said and "Traceback" not in said


async def test_configuration_versions_differ_apply_and_roll_back(nervo, erp, tmp_path):
    await connect(nervo, erp)
    file = tmp_path / "new.toml"
    file.write_text((await nervo("config", "show")) + RULES)
    assert "+ connections.erp.stock.safety = 2" in await nervo("config", "diff", str(file), expect=1)
    assert "Version 2 is live" in await nervo("config", "apply", str(file), "--note", "buffer")
    assert "Version 3 is live" in await nervo("config", "rollback", "1")
    assert "safety" not in await nervo("config", "show")
    assert "buffer" in await nervo("config", "history")


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("erp = ", "bad_config"),
        ("erp = 'x'\n[connections.x]\nconnector = 'nobody'", "nobody"),
        (
            "erp = 'x'\n[connections.x]\nconnector = 'rehearsal_erp'\nsettings = { token = 'abcdef' }",
            "a secret does not belong here",
        ),
        ("[connections.x]\nconnector = 'rehearsal_erp'\nstock = { safty = 1 }", "connections.x.stock.safty: unknown"),
        ("erp = 'y'\n[connections.x]\nconnector = 'rehearsal_erp'", 'erp = "y"'),
        ("[connections.x]\nconnector = 'rehearsal_erp'\nmode = 'both'", "neither read nor write"),
        ("[connections.x]\nconnector = 'rehearsal_erp'\nstock = { share = 'half' }", "is not a number"),
    ],
)
async def test_a_configuration_that_is_off_is_refused_whole_and_says_where(nervo, tmp_path, toml, named):
    file = tmp_path / "bad.toml"
    file.write_text(toml)
    said = await nervo("config", "apply", str(file), expect=1)
    assert named in said and "Traceback" not in said
    assert "No configuration yet" in await nervo("config", "show")


@pytest.mark.fault(54)
async def test_a_backup_of_one_database_is_restored_with_its_secrets_and_a_higher_epoch(nervo, erp, tmp_path):
    await connect(nervo, erp)
    await nervo("mode", "erp", "write")
    await nervo("backup", str(tmp_path / "b.jsonl.gz"))
    other = Nervo({**nervo.environment, "NERVO_DATABASE_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}"})
    assert "Restored" in await other("restore", str(tmp_path / "b.jsonl.gz"))
    assert 'mode = "write"' in await other("config", "show")
    assert "✓" in await other("check", "erp")


@pytest.mark.fault(54)
@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[: len(raw) // 2], lambda raw: b"no backup"], ids=["cut off", "another file"]
)
async def test_a_backup_that_is_damaged_is_refused_and_changes_nothing(nervo, erp, tmp_path, spoil):
    await connect(nervo, erp)
    file = tmp_path / "b.jsonl.gz"
    await nervo("backup", str(file))
    file.write_bytes(spoil(file.read_bytes()))
    said = await nervo("restore", "--force", str(file), expect=1)
    assert "nothing was changed" in said and "Traceback" not in said
    assert "rehearsal_erp" in await nervo("config", "show")


async def test_after_the_key_is_rotated_the_secrets_still_open(nervo, erp):
    await connect(nervo, erp)
    assert "1 secrets" in await nervo("rotate-key")
    assert "✓" in await nervo("check", "erp")


async def test_the_data_flow_map_is_written_from_the_live_configuration(nervo, erp, tmp_path):
    await connect(nervo, erp)
    document = (
        await nervo("config", "show")
    ) + "\n[connections.shop]\nconnector = 'woocommerce'\nstock = { safety = 1 }\n"
    (tmp_path / "c.toml").write_text(document)
    await nervo("config", "apply", str(tmp_path / "c.toml"))
    said = await nervo("flows", "--markdown")
    assert "| stock | erp | shop | erp |" in said and "less 1" in said and "| order | shop | erp |" in said


async def test_what_is_asked_while_no_worker_runs_is_queued_and_says_so(nervo, erp):
    await connect(nervo, erp)
    assert "no worker is running" in await nervo("sync")
    assert "no worker is running" in await nervo("replay", "--since", "2026-11-24")
