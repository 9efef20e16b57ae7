"""Units sold twice around a stock-out: a formula, and a simulator that knows nothing of it.

One SKU with shared stock on several channels. A channel knows its own sales at once and the others' only when the hub has told
it. It sells while `units - own - others that it knows of` is above what it keeps back.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate
from random import Random

Seen = Callable[[float], float]  # when a unit was sold elsewhere, in seconds → when this channel knows of it
Lateness = Callable[[Random], Seen]  # asked once for each run


def expected(rates_h: Sequence[float], lateness_s: Sequence[float]) -> float:
    """Units oversold per stock-out: Σ p_i (Λ − λ_i) L_i, with λ_i in units/h, Λ their sum, p_i = λ_i/Λ, L_i in seconds.

    Source: our own, by optional stopping. With T the moment at which channel i closes, own(T) + others(T − L_i) reaches S for the
    first time; it rises by single units at the rate Λ, so that S = Λ E[T] − (Λ − λ_i) L_i; Σ λ_i E[T_i] is what is sold. Exact for
    a constant L_i and a stock that is large against Λ L; a lower bound for a random L of that mean. A hub that reads and writes
    every τ is like L = τ/2.
    """
    total = sum(rates_h)
    return sum(r / total * (total - r) * late / 3600 for r, late in zip(rates_h, lateness_s, strict=True))


def constant(seconds: float) -> Lateness:
    """Every update takes so long."""
    return lambda _: lambda at: at + seconds


def drawn(sample: Sequence[float]) -> Lateness:
    """Every update takes as long as one of the sample, in seconds."""
    return lambda chance: lambda at: at + chance.choice(sample)


def exponential(mean_s: float) -> Lateness:
    """Every update takes long with this mean, by chance."""
    return lambda chance: lambda at: at + chance.expovariate(1 / mean_s)


def cycle(seconds: float) -> Lateness:
    """Read and written at once, every so many seconds."""

    def begin(chance: Random) -> Seen:
        phase = chance.random() * seconds
        return lambda at: phase + math.ceil((at - phase) / seconds) * seconds

    return begin


def oversold(
    units: int, rates_h: Sequence[float], lateness: Sequence[Lateness], chance: Random, kept: Sequence[int] = ()
) -> int:
    """One stock-out, sale by sale: how many units more than there were have been sold. `kept`: a channel closes at so many left."""
    channels, total = range(len(rates_h)), sum(rates_h) / 3600
    upto, seen = list(accumulate(rates_h)), [late(chance) for late in lateness]
    closes = [units - k for k in kept or [0] * len(rates_h)]
    known, coming, at, sold = [0] * len(rates_h), list[tuple[float, int]](), 0.0, 0
    while coming or any(k < c for k, c in zip(known, closes, strict=True)):
        at += chance.expovariate(total)
        while coming and coming[0][0] <= at:
            known[heappop(coming)[1]] += 1
        where = chance.random() * upto[-1]
        here = next(i for i in channels if where <= upto[i])
        if known[here] < closes[here]:
            sold += 1
            known[here] += 1
            for other in channels:
                if other != here:
                    heappush(coming, (seen[other](at), other))
    return max(0, sold - units)


@dataclass(frozen=True)
class Mean:
    """A mean of runs and its standard error."""

    value: float
    error: float

    def agrees(self, with_: float, errors: float = 4.0) -> bool:
        return abs(self.value - with_) <= errors * self.error


def simulated(
    rates_h: Sequence[float],
    lateness: Sequence[Lateness],
    longest_s: float,
    *,
    runs: int,
    seed: int,
    kept: Sequence[int] = (),
) -> Mean:
    """The mean of so many stock-outs. `longest_s` is about the longest lateness: the stock is made large against it."""
    chance = Random(seed)
    units = 5 + max(kept, default=0) + round(3 * sum(rates_h) * longest_s / 3600)
    counts = [oversold(units, rates_h, lateness, chance, kept) for _ in range(runs)]
    return Mean(statistics.fmean(counts), statistics.stdev(counts) / math.sqrt(runs))
