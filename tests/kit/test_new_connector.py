"""./dev new-connector writes a folder that lints and imports, and says what is still to be written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

KINDS = ("shop", "marketplace", "erp", "courier")
FIRST_PARTY = 'lint.isort.known-first-party = ["nervo"]'
# As if the folder were nervo's own.
CONFTEST = """from pathlib import Path

import nervo.connectors
import nervo.registry

nervo.registry.FOLDER = Path(__file__).parent
nervo.connectors.__path__.append(str(nervo.registry.FOLDER))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connector of every kind."""
    folder = tmp_path_factory.mktemp("connectors")
    for kind in KINDS:
        done = run(ROOT / "dev.d" / "new_connector.py", kind, f"acme_{kind}", "--into", folder)
        assert done.returncode == 0, done.stderr
    (folder / "conftest.py").write_text(CONFTEST)
    return folder


def test_it_writes_every_file_that_a_connector_has(made: Path) -> None:
    wanted = "manifest.toml settings.py wire.py client.py mapping.py connector.py simulator.py quirks.md tests/test_conformance.py"
    for kind in KINDS:
        assert [name for name in wanted.split() if not (made / f"acme_{kind}" / name).exists()] == []
    with_webhooks = {path.parent.name for path in made.glob("*/webhooks.py")}
    assert with_webhooks == {"acme_shop", "acme_marketplace"}


def test_what_it_writes_lints_and_leaves_no_placeholder(made: Path) -> None:
    config = ROOT / "pyproject.toml"
    for rule in (["check"], ["format", "--check"]):
        done = run("-m", "ruff", *rule, "--config", config, "--config", FIRST_PARTY, "--no-cache", made)
        assert done.returncode == 0, done.stdout
    texts = "".join(path.read_text() for path in made.rglob("*") if path.suffix in (".py", ".toml", ".md"))
    assert re.findall(r"\$\w+|\b(?:TODO|FIXME)\b", texts) == []


def test_its_conformance_run_says_what_is_missing(made: Path) -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "who_answers or undocumented", "--rootdir", made,
               "--import-mode=importlib", "-o", "asyncio_mode=auto", made)  # fmt: skip
    assert done.returncode == 1, done.stdout
    for words in (
        "acme_shop/simulator.py is not finished: it has no add_product, place_order",
        "acme_marketplace/simulator.py is not finished: it has no add_product, place_order",
        "acme_erp/simulator.py is not finished: it has no add_product, set_stock",
        "acme_courier/connector.py is not finished: it has no buy, check",
    ):
        assert words in done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) == len(KINDS), "the mapping tests pass: so everything imports"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("warehouse", "acme"), "invalid choice"),
        (("shop", "Acme-1"), "small letters"),
        (("shop", "acme_shop"), "is there already"),
    ],
)
def test_it_refuses_what_it_cannot_write(made: Path, arguments: tuple[str, str], words: str) -> None:
    done = run(ROOT / "dev.d" / "new_connector.py", *arguments, "--into", made)
    assert done.returncode == 2 and words in done.stderr


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)
