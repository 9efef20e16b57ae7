"""No file over 400 lines, no function over 60."""

from __future__ import annotations

import ast

from tests.architecture.sources import PACKAGE, ROOT, Source, sources

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
RATCHET = ROOT / "tests" / "architecture" / "oversize.txt"


def test_no_file_and_no_function_is_over_the_limit() -> None:
    assert oversized().keys() - allowed().keys() == set(), "split these: a room for each concern"


def test_what_is_allowed_to_be_over_the_limit_only_shrinks() -> None:
    now = oversized()
    for name, lines in allowed().items():
        assert name in now, f"{name} is within the limit now: take it out of oversize.txt"
        assert now[name] <= lines, f"{name} grew to {now[name]} lines"
        assert now[name] == lines, f"{name} shrank: write {now[name]} in oversize.txt"


def oversized() -> dict[str, int]:
    found: dict[str, int] = {}
    for source in sources(PACKAGE, ROOT / "tests", ROOT / "dev.d"):
        lines = source.text.count("\n")
        if lines > FILE_LINES_MAX:
            found[source.name] = lines
        found |= {f"{source.name}:{name}": size for name, size in functions(source) if size > FUNCTION_LINES_MAX}
    return found


def functions(source: Source) -> list[tuple[str, int]]:
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def allowed() -> dict[str, int]:
    lines = [line.split("#")[0].split() for line in RATCHET.read_text(encoding="utf-8").splitlines()]
    return {name: int(size) for name, size in (line for line in lines if line)}
