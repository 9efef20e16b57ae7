"""One word per thing: every field of the model is in docs/glossary.md."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import ROOT, packages

GLOSSARY = ROOT / "docs" / "glossary.md"


def test_every_model_field_is_in_the_glossary() -> None:
    missing = {field: place for field, place in model_fields().items() if field not in terms()}
    assert missing == {}, "add them to docs/glossary.md: English term, Italian, meaning"


def test_every_glossary_row_has_its_italian_and_its_meaning() -> None:
    unfinished = [row for row in rows() if len(row) != 3 or not all(row)]
    assert unfinished == []


def test_no_term_stands_twice_in_the_glossary() -> None:
    listed = [term for row in rows() for term in re.findall(r"`([^`]+)`", row[0])]
    assert sorted({term for term in listed if listed.count(term) > 1}) == []


def terms() -> set[str]:
    return {term for row in rows() for term in re.findall(r"`([^`]+)`", row[0])}


def rows() -> list[list[str]]:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def model_fields() -> dict[str, str]:
    """Each public dataclass field of nervo.model, and one place where it is."""
    return {
        field: f"{source.name}: {node.name}"
        for source in packages("model")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and is_dataclass(node)
        for field in fields(node)
    }


def is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def fields(node: ast.ClassDef) -> list[str]:
    return [
        part.target.id
        for part in node.body
        if isinstance(part, ast.AnnAssign)
        and isinstance(part.target, ast.Name)
        and not part.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(part.annotation)
    ]
