"""The package installs as a wheel, complete, and gives the command `nervo`."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT

DATA = {".toml", ".html", ".css", ".js", ".mo", ".svg", ".json", ".sql"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_it_holds_every_module_and_every_data_file(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    wanted = {path for path in PACKAGE.rglob("*") if path.suffix in DATA | {".py"} and not is_test(path)}
    assert {path.relative_to(PACKAGE.parent).as_posix() for path in wanted} - inside == set()


def test_it_leaves_the_tests_out(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if "/tests/" in name] == []


def test_installed_it_gives_the_command(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "nervo = nervo.cli:main" in wheel.read(entry).decode()
    run = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import nervo; print(nervo.__file__)",
    ]
    assert str(tmp_path) in subprocess.run(run, capture_output=True, text=True, check=True).stdout


def is_test(path: Path) -> bool:
    return "tests" in path.parts[len(PACKAGE.parts) :] or "__pycache__" in path.parts
