"""python -m tests.prove.kills [--keep] [KIND KILLS SEED]: the campaign alone; with --keep a life that went wrong can be looked at."""

from __future__ import annotations

import signal
import sys

from tests.prove.kills.campaign import campaign, line


def main(arguments: list[str]) -> int:
    keep = "--keep" in arguments
    kind, kills, seed = [a for a in arguments if a != "--keep"] or ("SQLite", "50", "1")
    tally = campaign(kind, int(kills), int(seed), lambda text: print(text, flush=True), keep=keep)
    print(f"{kind}: {line(tally)}", *tally.violations, sep="\n")
    return 1 if tally.violations else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
