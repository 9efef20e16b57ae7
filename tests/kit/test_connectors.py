"""Every connector's folder: its manifest, its files, and its page of documentation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from nervo import registry
from nervo.errors import BadInput
from nervo.kit.settings import form
from tests.architecture.sources import PACKAGE, ROOT

FOLDERS = sorted(path.parent for path in (PACKAGE / "connectors").glob("*/manifest.toml"))
FILES = ("__init__.py", "settings.py", "wire.py", "client.py", "mapping.py", "connector.py", "quirks.md")
TIERS = ("core", "simulated", "real-only")
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@each
def test_it_has_the_files_of_every_connector(folder: Path) -> None:
    assert [name for name in FILES if not (folder / name).exists()] == []


@each
def test_what_has_a_simulator_is_under_the_conformance_suite(folder: Path) -> None:
    """Only what is tested against the real system has none."""
    simulated = registry.connector(folder.name).tier != "real-only"
    assert (folder / "simulator.py").exists() == simulated
    assert (folder / "tests" / "test_conformance.py").exists() == simulated


@each
def test_its_manifest_says_what_it_is(folder: Path) -> None:
    found = registry.connector(folder.name)
    assert (found.name, found.kind in registry.KINDS, found.tier in TIERS) == (folder.name, True, True)
    assert found.title and found.auth and found.vendor_api_version
    assert found.docs.startswith("https://") or found.tier == "simulated"
    assert found.limits.rate > 0 and found.limits.burst >= 1


@each
def test_its_settings_are_a_form(folder: Path) -> None:
    fields = form(registry.connector(folder.name).settings)
    assert fields and all(f.label and f.label_it for f in fields)
    assert any(f.secret for f in fields)


@each
def test_it_takes_webhooks_whole_or_not_at_all(folder: Path) -> None:
    found = registry.connector(folder.name)
    assert (found.verify is None) == (found.hints is None)


def test_an_unknown_connector_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadInput, match="Use one of"):
        registry.connector("no_such")


def test_the_pages_are_current() -> None:
    made, folder = docs().pages(), ROOT / "docs" / "connectors"
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    assert kept == made, "run: .venv/bin/python dev.d/connector_docs.py"


def docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("connector_docs", ROOT / "dev.d" / "connector_docs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_installed_package_brings_its_connector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "acme/__init__.py": "",
        "acme/manifest.toml": 'name = "acme"\nkind = "courier"\ntitle = "Acme"\n',
        "acme-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1\n",
        "acme-1.dist-info/entry_points.txt": "[nervo.connectors]\nacme = acme\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    registry.connectors.cache_clear()
    try:
        assert (registry.connector("acme").package, registry.connector("acme").kind) == ("acme", "courier")
    finally:
        registry.connectors.cache_clear()
