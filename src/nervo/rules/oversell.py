"""How many units a channel keeps back so that it hardly ever sells what another has sold already."""

from math import exp, lgamma, log

MOST = 10_000


def beyond(mean: float, kept: int) -> float:
    """E[(X − kept)+] for a Poisson X of this mean: with `mean` = Λ L, what is sold elsewhere before a channel knows of it, at most
    so many units are oversold per stock-out by a channel that closes at `kept`."""
    left, below = mean, 0.0
    for k in range(kept):
        below += _probability(mean, k)
        left -= 1.0 - below
    return max(0.0, left)


def buffer(mean: float, accepted: float) -> int:
    """The smallest number to keep back with no more than `accepted` oversold units per stock-out; MOST at most."""
    left, below, kept = mean, 0.0, 0
    while left > accepted and kept < MOST:
        below += _probability(mean, kept)
        left -= 1.0 - below
        kept += 1
    return kept


def _probability(mean: float, k: int) -> float:
    return exp(k * log(mean) - mean - lgamma(k + 1)) if mean > 0 else float(k == 0)
