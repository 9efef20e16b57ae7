"""`python -m tests.prove.model`: the table of docs/model.md, from a full check."""

from __future__ import annotations

from collections.abc import Iterable

from tests.prove.model import _cases, ready
from tests.prove.model.checker import Verdict

HEAD = "| protocol | policy | states | transitions | verdict |\n|---|---|---:|---:|---|"


def main() -> None:
    with ready():
        seen = [(case, case.check()) for case in _cases(short=False)]
    print(HEAD)
    product = [v for case, v in seen if not case.bad]
    for model in dict.fromkeys(v.model for v in product):
        settings = len(found := _of(model, product))
        print(_line(model, f"the product, {settings} setting{'s' * (settings > 1)}", found))
    for case, v in seen:
        if case.bad:
            print(_line(v.model, v.policy, [v]))


def _of(model: str, verdicts: Iterable[Verdict]) -> list[Verdict]:
    return [v for v in verdicts if v.model == model]


def _line(model: str, policy: str, verdicts: list[Verdict]) -> str:
    wrong = [f"**{v.broken}** ({len(v.trace)})" for v in verdicts if v.broken]
    states, transitions = sum(v.states for v in verdicts), sum(v.transitions for v in verdicts)
    return f"| {model} | {policy} | {states:,} | {transitions:,} | {', '.join(wrong) or 'safe'} |"


main()
