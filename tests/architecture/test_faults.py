"""docs/faults.md is what the marks say, and no row of it is empty."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.architecture.sources import ROOT


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults", ROOT / "dev.d" / "faults.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults"] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_of_faults_is_current(faults: ModuleType) -> None:
    assert faults.PAGE.read_text(encoding="utf-8") == faults.page(), "run: .venv/bin/python dev.d/faults.py"


def test_every_fault_has_a_test_or_a_reason(faults: ModuleType) -> None:
    assert faults.unproved() == []


def test_every_mark_names_a_fault(faults: ModuleType) -> None:
    assert faults.unknown() == []


def test_what_outside_authors_run_has_no_mark_of_ours(faults: ModuleType) -> None:
    assert [test for _, test in faults.marks() if test.startswith("src/nervo/testing/")] == []
