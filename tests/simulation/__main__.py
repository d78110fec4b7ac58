"""`python -m tests.simulation`: every kind of scenario, in turn, until so many messages were accepted.

    python -m tests.simulation --messages 20000 --seed 1
    python -m tests.simulation --kind parked --seed 17 --scenarios 1

Scenario n of a run has the seed `--seed` + n; a seed and its kind repeat a scenario exactly. Exits with 1 if a promise
broke that no gap is known for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence

from tests.simulation.kinds import KINDS, Kind
from tests.simulation.report import Row, counted, notes, table
from tests.simulation.runs import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--messages", type=int, default=20_000, help="messages that the queues accept, at the least")
    parser.add_argument("--scenarios", type=int, help="scenarios of each kind, instead of --messages")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, help="about how many messages a scenario sends, instead of its kind's own")
    parser.add_argument("--kind", choices=sorted(KINDS), action="append")
    options = parser.parse_args(arguments)
    kinds = [KINDS[name] for name in options.kind or KINDS]
    started = time.perf_counter()
    rows = _run(kinds, options.seed, options.messages, options.scenarios, options.size)
    print(table(rows))
    print(*notes(rows, options.size), sep="\n")
    print(f"faults: {counted(row.faults for row in rows)}")
    print(f"dead by recorded cause: {counted(row.causes for row in rows)}")
    accepted, scenarios = sum(row.counts["accepted"] for row in rows), sum(row.scenarios for row in rows)
    print(f"{scenarios} scenarios, {accepted:,} requests, {time.perf_counter() - started:.0f} s, seed {options.seed}")
    return int(any(row.broken() for row in rows))


def _run(kinds: Iterable[Kind], seed: int, messages: int, scenarios: int | None, size: int | None) -> list[Row]:
    rows = [Row(kind) for kind in kinds]
    accepted = 0
    while rows[-1].scenarios < scenarios if scenarios else accepted < messages:
        for row in rows:
            evidence, verdict = run(row.kind, seed, size=size)
            row.add(seed, evidence, verdict)
            accepted += verdict.accepted
        seed += 1
        print(f"\r{accepted:,} requests", end="\r", file=sys.stderr)
    return rows


if __name__ == "__main__":
    sys.exit(main())
