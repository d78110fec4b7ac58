"""The table of many runs: a line a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.redrive_fuzz.run import Result

TITLES = ("kind", "runs", "messages", "processes", "kills", "signals", "faults", "findings")


def table(results: Sequence[Result]) -> str:
    """What was done and found, by kind; then which faults, how the processes ended, and where."""
    kinds = dict.fromkeys(result.scenario.kind for result in results)
    lines = [_line(kind, [result for result in results if result.scenario.kind == kind]) for kind in sorted(kinds)]
    lines.append(_line("all", results))
    widths = [max(len(row[at]) for row in (TITLES, *lines)) for at in range(len(TITLES))]
    told = [
        "  ".join(
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (TITLES, *lines)
    ]
    hurt = sum((result.hurt for result in results), Counter[str]())
    codes = Counter(code for result in results for code in result.ended)
    engines = Counter(f"{r.scenario.engine} {'FIFO' if r.scenario.fifo else 'standard'}" for r in results)
    found = Counter(finding.kind for result in results for finding in result.findings)
    told += [
        f"faults: {_counted(hurt)}",
        f"exit codes: {_counted(codes)}",
        f"queues: {_counted(engines)}",
        f"findings: {_counted(found) or 'none'}",
    ]
    return "\n".join(told)


def _line(kind: str, results: Sequence[Result]) -> tuple[str, ...]:
    counts = (
        len(results),
        sum(result.messages for result in results),
        sum(result.processes for result in results),
        sum(result.kills for result in results),
        sum(result.signals for result in results),
        sum(result.hurt.total() for result in results),
        sum(len(result.findings) for result in results),
    )
    return kind, *(f"{count:,}" for count in counts)


def _counted(counts: Counter[str] | Counter[int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
