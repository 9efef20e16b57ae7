"""What a demonstration found: expected against seen, and how long things took."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    expected: str
    seen: str

    @property
    def agrees(self) -> bool:
        return self.expected == self.seen


@dataclass(slots=True)
class Report:
    """All findings, and timings in ms by name. Good when everything agrees and something was looked at."""

    findings: list[Finding] = field(default_factory=list)
    timings_ms: dict[str, list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return bool(self.findings) and all(finding.agrees for finding in self.findings)

    def note(self, what: str, expected: object, seen: object) -> None:
        self.findings.append(Finding(what, str(expected), str(seen)))

    def took(self, name: str, seconds: float) -> None:
        self.timings_ms.setdefault(name, []).append(seconds * 1000)

    def show(self, console: Console) -> None:
        """The two tables, and one line with the verdict."""
        table = Table("what", "expected", "seen", "", title="Expected against seen", title_justify="left")
        for finding in self.findings:
            table.add_row(finding.what, finding.expected, finding.seen, "ok" if finding.agrees else "DIFFERS")
        console.print(table)
        times = Table("from … to", "n", "p50 ms", "p99 ms", title="How long it took", title_justify="left")
        for name, values in self.timings_ms.items():
            times.add_row(name, str(len(values)), f"{percentile(values, 50):.0f}", f"{percentile(values, 99):.0f}")
        console.print(times)
        for remark in self.remarks:
            console.print(remark)
        differ = sum(not finding.agrees for finding in self.findings)
        console.print(f"{len(self.findings)} things looked at, {differ} differ")


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
