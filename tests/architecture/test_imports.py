"""What the import contracts of pyproject.toml cannot see."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import PACKAGE, imports, is_under, packages, sources

CONNECTORS = PACKAGE / "connectors"
NETWORK = ("aiohttp", "http.client", "httpx", "requests", "socket", "urllib.request", "nervo.sync.remote")


def test_no_connector_is_named_outside_its_folder() -> None:
    """import-linter sees import statements; a module name in a string goes past it."""
    found = [
        f"{source.name}:{node.lineno} {node.value}"
        for source in sources(PACKAGE)
        if CONNECTORS not in source.path.parents
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and brand_module().search(node.value)
    ]
    assert found == [], "ask nervo.registry"


def brand_module() -> re.Pattern[str]:
    return re.compile(rf"nervo\.connectors\.({'|'.join(connector_names()) or '-'})\b")


def test_no_flow_names_a_brand() -> None:
    if not connector_names():
        return
    brand = re.compile(rf"\b({'|'.join(connector_names())})\b", re.IGNORECASE)
    found = [
        f"{source.name}:{number} {line.strip()}"
        for source in packages("flows")
        for number, line in enumerate(source.text.splitlines(), 1)
        if brand.search(line)
    ]
    assert found == [], "a flow knows ports and capabilities only"


def connector_names() -> list[str]:
    return sorted(path.parent.name for path in CONNECTORS.glob("*/manifest.toml"))


def test_the_panel_calls_no_foreign_system() -> None:
    found = [
        f"{source.name}:{line} {name}"
        for source in packages("panel")
        for line, name in imports(source)
        if any(is_under(name, module) for module in NETWORK)
    ]
    assert found == [], "write a command row; a worker acts"


def test_only_connector_tests_import_the_testing_package() -> None:
    found = [
        f"{source.name}:{line} {name}"
        for source in sources(PACKAGE)
        if "tests" not in source.path.parts and PACKAGE / "testing" not in source.path.parents
        for line, name in imports(source)
        if is_under(name, "nervo.testing")
    ]
    assert found == []


def test_connectors_do_not_retry_or_sleep() -> None:
    """One call's worth of work, then return or raise: `sync/remote.py` holds the one retry policy."""
    found = [
        f"{source.name}:{line} {name}"
        for source in sources(CONNECTORS)
        if source.path.name in {"client.py", "mapping.py", "connector.py"}
        for line, name in imports(source)
        if is_under(name, "stamina") or is_under(name, "time")
    ]
    assert found == []
