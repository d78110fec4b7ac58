"""`python -m tests.redrive_fuzz`: so many runs of the operator's command, then a table.

    python -m tests.redrive_fuzz --runs 300 --seed 1
    python -m tests.redrive_fuzz --kind edit --seed 17 --runs 1

Run n has the seed `--seed` + n, and the kinds take turns. A seed and a kind draw a run again; how its calls interleave
is up to the machine. Exits with 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.redrive_fuzz.engines import Engine, engines
from tests.redrive_fuzz.processes import whole, zygote
from tests.redrive_fuzz.report import table
from tests.redrive_fuzz.run import Result, carried_out
from tests.redrive_fuzz.scenario import KINDS, Scenario, drawn

REGIONS = (
    *("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "us-east-1", "us-east-2", "us-west-1"),
    *("us-west-2", "ca-central-1", "sa-east-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1"),
    *("ap-northeast-2", "ap-northeast-3"),
)
BESIDE = 4
"""Runs at a time that work; those that wait are beside them."""
WHOLE = 8
"""Of so many runs one starts the command as a person does, with its imports."""


def _is_whole(scenario: Scenario) -> bool:
    """Whether a process of this run does its imports; the sample's door does not say what Ctrl-C stops there."""
    return scenario.kind != "topology" and random.Random(f"{scenario.seed} start").randrange(WHOLE) == 0


async def run(
    scenarios: Sequence[Scenario],
    found: dict[str, Engine],
    folder: Path,
    mutant: Path | None = None,
    *,
    until: float,
    verbose: bool = False,
) -> list[Result]:
    """Carries out these runs, several at a time, each in a region of its own; none begins after `until`."""
    regions: asyncio.Queue[str] = asyncio.Queue()
    for region in REGIONS:
        regions.put_nowait(region)
    working = asyncio.Semaphore(BESIDE)
    waiting = asyncio.Semaphore(len(REGIONS) - BESIDE)
    results: list[Result] = []

    async def one(scenario: Scenario) -> None:
        async with waiting if scenario.waits or scenario.at_once else working:
            if time.monotonic() > until:
                return
            region = await regions.get()
            try:
                start = whole if mutant is None and _is_whole(scenario) else forks.start
                results.append(await carried_out(scenario, found[scenario.engine], region, folder, start))
            finally:
                regions.put_nowait(region)
            done = results[-1]
            if verbose:
                ends = " ".join(map(str, done.ended))
                print(
                    f"{scenario.kind} {scenario.seed} ({scenario.engine}): {done.seconds:.1f} s, ended {ends}",
                    file=sys.stderr,
                )
            for finding in results[-1].findings:
                told = f"{scenario.kind} {scenario.seed} ({scenario.engine}): {finding.kind}: {finding.words}"
                print(told, file=sys.stderr, flush=True)

    async with zygote(mutant) as forks, asyncio.TaskGroup() as tasks:
        for scenario in scenarios:
            tasks.create_task(one(scenario))
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.redrive_fuzz")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--engine", choices=("ministack", "moto"))
    parser.add_argument("--seconds", type=float, default=3600, help="after which no run begins")
    parser.add_argument("--mutant", type=Path, help="a file that puts a mistake into the command, to be found")
    parser.add_argument(
        "--verbose", action="store_true", help="say how long each run took, and how its processes ended"
    )
    options = parser.parse_args(arguments)
    kinds = options.kind or KINDS
    scenarios = [
        drawn(options.seed + number, kinds[number % len(kinds)], options.engine) for number in range(options.runs)
    ]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="redrive-fuzz-") as name, engines(Path(name)) as found:
        results = asyncio.run(
            run(scenarios, found, Path(name), options.mutant, until=started + options.seconds, verbose=options.verbose)
        )
    print(table(results))
    left = len(scenarios) - len(results)
    print(f"{len(results)} runs, {time.monotonic() - started:.0f} s, seeds from {options.seed}", end="")
    print(f"; {left} did not begin in time" if left else "")
    return int(bool(left) or any(result.findings for result in results))


if __name__ == "__main__":
    sys.exit(main())
