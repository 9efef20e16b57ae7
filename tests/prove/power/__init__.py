"""The power goes; the disk is full."""

from __future__ import annotations

from tests.prove.parts import Effort, Result


def run(effort: Effort) -> Result:
    from tests.prove.power import campaign, full

    parts = [campaign.run(effort), full.run(effort)]
    figures = {f"{part.part}: {name}": figure for part in parts for name, figure in part.figures.items()}
    return Result("power", figures, tuple(one for part in parts for one in part.violations))
