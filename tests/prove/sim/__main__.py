"""`play`: outcomes of the seeds on standard input. A number: that seed again, told in words."""

import logging
import os
import sys

import structlog

if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(
        sys.executable, [sys.executable, "-m", "tests.prove.sim", *sys.argv[1:]], os.environ | {"PYTHONHASHSEED": "0"}
    )

from tests.prove.knockouts.plugin import knock_out
from tests.prove.sim.campaign import play_all
from tests.prove.sim.history import play

if rule := os.environ.get("NERVO_KNOCK_OUT"):
    knock_out(rule)  # a proof that cannot fail proves nothing
if sys.argv[1] == "play":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    play_all([int(seed) for seed in sys.stdin.read().split()])
else:
    outcome = play(int(sys.argv[1]))
    print(f"seed {outcome.seed}  digest {outcome.digest}  {outcome.simulated_s:.0f} simulated s  {dict(outcome.met)}")
    print("\n".join(outcome.broken) or "nothing is broken")
    sys.exit(bool(outcome.broken))
