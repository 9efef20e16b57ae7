"""What is kept out: I/O and floats from the model, clock and chance from the engines, loose ends anywhere."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from tests.architecture.sources import PACKAGE, Source, dotted, imports, is_under, local_names, packages

INPUT_OUTPUT = {
    *("asyncio", "concurrent", "ftplib", "http", "io", "logging", "multiprocessing", "os", "pathlib", "selectors"),
    *("shutil", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib"),
}
CLOCK_AND_CHANCE = {
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("uuid.uuid1", "uuid.uuid4", "os.urandom"),
}
CHANCE_MODULES = ("random", "secrets")
WITHOUT_CLOCK = ("model", "sync", "flows", "rules")
TEXT_SUFFIXES = {".py", ".html", ".toml", ".md", ".js", ".css", ".sql"}


def test_the_model_imports_the_standard_library_alone() -> None:
    foreign = [
        f"{source.name}:{line} {name}"
        for source in packages("model")
        for line, name in imports(source)
        if not is_under(name, "nervo.model") and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []


def test_the_model_does_no_input_or_output() -> None:
    found = [
        f"{source.name}:{line} {name}"
        for source in packages("model")
        for line, name in imports(source)
        if name.split(".")[0] in INPUT_OUTPUT
    ]
    assert found == []


def test_the_model_has_no_float() -> None:
    found = [
        f"{source.name}:{note.lineno} {ast.unparse(note)}"
        for source in packages("model")
        for note in annotations(source)
        if any(isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(note))
    ]
    assert found == [], "Decimal for money, weight and quantity"


def annotations(source: Source) -> Iterator[ast.expr]:
    for node in ast.walk(source.tree):
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(note, ast.Constant) and isinstance(note.value, str):
                yield ast.parse(note.value, mode="eval").body
            elif isinstance(note, ast.expr):
                yield note


def test_clock_and_chance_are_passed_in() -> None:
    found = [
        f"{source.name}:{node.lineno} {name}"
        for source in packages(*WITHOUT_CLOCK)
        for node, name in references(source)
        if name in CLOCK_AND_CHANCE or any(is_under(name, module) for module in CHANCE_MODULES)
    ]
    assert found == [], "take a clock (nervo.kit.clock), or the value itself, as an argument"


def references(source: Source) -> Iterator[tuple[ast.expr, str]]:
    names = local_names(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node, names)
            if name:
                yield node, name


def test_no_unfinished_work_is_left_in_the_source() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number} {line.strip()}"
        for path in sorted(PACKAGE.rglob("*"))
        if path.suffix in TEXT_SUFFIXES and "vendor" not in path.parts and "golden" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\b(TODO|FIXME)\b", line)
    ]
    assert found == [], "do it, or open an issue"
