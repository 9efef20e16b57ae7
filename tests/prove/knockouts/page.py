"""docs/proof.md's table of the rules: `python -m tests.prove.knockouts.page` writes it."""

from pathlib import Path

from tests.prove.knockouts.rules import RULES

PAGE = Path(__file__).parents[3] / "docs" / "proof.md"
START, END = "<!-- rules -->\n", "<!-- end of rules -->"


def current() -> str:
    """The page with its table as the rules are now."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    return f"{head}{START}{_table()}{END}{rest.partition(END)[2]}"


def _table() -> str:
    lines = ["| rule | taken out | the test that goes red |", "|---|---|---|"]
    lines += [
        f"| {k.rule} {k.says} | {k.without} | `{k.test.partition('::')[2]}` in `{k.test.partition('::')[0]}` |"
        for k in RULES
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(current(), encoding="utf-8")
