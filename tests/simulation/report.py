"""The table of a run, and what in it is broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.simulation.auditor import Verdict
from tests.simulation.evidence import Evidence
from tests.simulation.gaps import GAPS
from tests.simulation.kinds import Kind

COLUMNS = {
    "scenarios": "runs",
    "accepted": "accepted",
    "effects": "effects",
    "explained": "dead, cause",
    "unexplained": "dead, none",
    "lost": "lost",
    "doubled": "doubled",
    "reordered": "reordered",
    "renamed": "renamed",
    "untold": "untold",
    "stuck": "stuck",
    "died": "good dead",
    "unattempted": "unattempted",
    "dead_though_done": "done, dead",
    "still_dead": "still dead",
    "late": "late",
    "timed_out": "timed out",
    "bulky": "bulky",
    "unreadable": "unreadable",
    "overruled": "overruled",
    "spent": "spent",
    "shut": "shut",
    "crowded": "crowded",
    "early": "early",
    "unwanted": "unwanted",
    "altered": "altered",
    "overlapped": "overlapped",
    "half": "half",
}


@dataclass
class Row:
    """One kind's sums; `failing` are the first seeds that broke each promise, with an example."""

    kind: Kind
    scenarios: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failing: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, seed: int, evidence: Evidence, verdict: Verdict) -> None:
        """Count one scenario."""
        self.scenarios += 1
        self.causes += verdict.causes
        self.faults += evidence.faults
        for name, count in verdict.counts().items():
            self.counts[name] = self.counts.get(name, 0) + count
            if count and name in self.kind.promises:
                self.failing.setdefault(name, []).append((seed, verdict.examples.get(name, "")))

    def broken(self) -> dict[str, list[tuple[int, str]]]:
        """The promises that this kind broke and no gap is known for."""
        return {name: seeds for name, seeds in self.failing.items() if (self.kind.name, name) not in GAPS}

    def closed(self) -> list[str]:
        """The gaps that it did not show."""
        return [name for kind, name in GAPS if kind == self.kind.name and name not in self.failing]


def table(rows: Sequence[Row]) -> str:
    """One line a kind; a count that breaks a promise is marked by `!`, one that is a known gap by `*`."""
    lines = [["kind", *COLUMNS.values()]]
    for row in rows:
        cells = [row.kind.name, str(row.scenarios)]
        for name in list(COLUMNS)[1:]:
            mark = "!" if name in row.broken() else "*" if name in row.failing else ""
            cells.append(f"{row.counts.get(name, 0)}{mark}")
        lines.append(cells)
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def notes(rows: Sequence[Row], size: int | None = None) -> list[str]:
    """What to say of what does not hold: the gaps that are known, and the promises that broke, with every seed."""
    said = []
    for row in rows:
        for name, seeds in row.failing.items():
            gap = GAPS.get((row.kind.name, name))
            first, example = seeds[0]
            which = ", ".join(str(seed) for seed, _ in (seeds[:5] if gap else seeds)) + (
                ", …" if seeds[5:] and gap else ""
            )
            said.append(
                f"{f'known gap ({gap})' if gap else 'BROKEN'}: {row.kind.name}: {name} in {len(seeds)} of "
                f"{row.scenarios} scenarios, seeds {which}; {' '.join(example.split())}"
            )
            if not gap:
                said.append(f"  {repetition(row.kind.name, first, size)}")
        said += [
            f"closed? {row.kind.name}: {name} was zero in {row.scenarios} scenarios; if it is, take it out of gaps.py"
            for name in row.closed()
        ]
    return said


def counted(counters: Iterable[Counter[str]]) -> str:
    """What was counted, summed, the most frequent first."""
    return ", ".join(f"{name} {count:,}" for name, count in sum(counters, Counter[str]()).most_common()) or "none"


def repetition(kind: str, seed: int, size: int | None) -> str:
    """The command that repeats one scenario."""
    return f'python -m tests.simulation --kind "{kind}" --scenarios 1 --seed {seed}' + (
        f" --size {size}" if size else ""
    )
