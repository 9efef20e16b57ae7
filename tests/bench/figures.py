"""A measured figure and the target it is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`what` in `unit`; `target` None is for information only. `least` says that more is better."""

    what: str
    value: float
    unit: str
    target: float | None = None
    least: bool = False

    @property
    def ok(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.least else self.value <= self.target

    @property
    def verdict(self) -> str:
        return "" if self.target is None else "ok" if self.ok else "miss"

    @property
    def wanted(self) -> str:
        return "" if self.target is None else f"{'≥' if self.least else '≤'} {number(self.target)} {self.unit}"

    @property
    def shown(self) -> str:
        return f"{number(self.value)} {self.unit}"


def number(value: float) -> str:
    """Three digits that matter: 12,345 · 12.3 · 0.12."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
