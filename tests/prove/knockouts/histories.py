"""How many simulated histories go wrong without each rule, and by which invariant: `python -m tests.prove.knockouts.histories [SEEDS]`.

A proof that cannot fail proves nothing. Not every rule shows there: where another one makes up for it the rule's own test goes red.
"""

from __future__ import annotations

import os
import re
import sys

from tests.prove.knockouts.rules import RULES
from tests.prove.parts import Effort
from tests.prove.sim import campaign

SAYS = re.compile(r"seed (\d+)[^:]*: (\S+)")


def main(seeds: int) -> None:
    for rule in RULES:
        os.environ["NERVO_KNOCK_OUT"] = rule.rule
        found = [SAYS.match(line) for line in campaign.run(Effort(seeds=seeds, say=lambda line: None)).violations]
        wrong, broken = {m[1] for m in found if m}, sorted({m[2] for m in found if m})
        print(f"{rule.rule} {rule.without}: {len(wrong)} of {seeds} wrong {' '.join(broken)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
