"""Our consumers against the standard one and against what a careful user writes: the same work, the same fake AWS.

All run as they would be deployed: code and dependencies in folders of their own, with byte code for this Python, no
site-packages. Figures are medians of interleaved runs, because the times of a shared machine drift; CPU is net of the
bare interpreter where it starts. Packages are not compared: Lambda ships boto3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import sides
from benchmarks.endpoint import Served, endpoint
from benchmarks.sides import BATCH, CONSUMERS, ORDERS, Side
from benchmarks.worker import WARM

LATENCY = 0.005
STARTS = 7
FEW = 3
ROUNDS = 3
BATCHES = 12
THREADS = 10
BASES = ("standard", "lean")
FIGURES = {
    "cold_start_cpu": ("cold start, CPU ms", "≤ 0.25"),
    "first_invocation_cpu": ("first call, CPU ms", "≤ 15 ms"),
    "peak_memory": ("peak memory, MiB", "≤ 30 MiB"),
    "calls_per_message": ("calls a message", "≤ 1.1"),
    "calls_per_message_keyed": ("calls, with a key", "≤ 2.1"),
    "write_units_keyed": ("units, with a key", "≤ 2"),
    "cpu_per_message": ("CPU a message, ms", "≤ 0.50"),
    "batch_wall": ("batch of ten, ms", "≤ 28 ms"),
    "throughput": ("messages a second", "≥ 3.0"),
}
"""By figure what it is called for people, and what it must reach: as it stands, or against the standard; CPU a message
against lean."""
EACH = {
    "cold_start_cpu": "cold start",
    "calls_per_message": "calls",
    "cpu_per_message": "CPU",
    "batch_wall": "a batch",
}
"""What is said of every consumer, and how."""

Figure = dict[str, float]
Runs = list[dict[str, Any]]


def run(*, as_json: bool) -> None:
    """Measure and print."""
    figures = measure()
    if as_json:
        print(json.dumps(figures))
        return
    table = Table(box=SIMPLE, title="Orders, against the standard Powertools consumer and a lean one")
    for column in ("figure", *BASES, "ours", "ratio", "to lean", "must"):
        table.add_column(column, justify="left" if column == "figure" else "right", no_wrap=column == "figure")
    for name, (words, must) in FIGURES.items():
        one = figures[name]
        values = (f"{one[side]:,.2f}" for side in (*BASES, "headrace", "ratio", "ratio_lean"))
        table.add_row(words, *values, must)
    console = Console()
    console.print(table)
    console.print(f"A lean one with {THREADS} threads: {figures['batch_wall']['lean_threads']:,.1f} ms a batch of ten.")
    table = Table(box=SIMPLE, title="Every consumer, against a lean one")
    table.add_column("consumer", no_wrap=True)
    for column in EACH.values():
        table.add_column(column, justify="right")
    for consumer, told in figures["consumers"].items():
        table.add_row(consumer, *(f"{told[name]['ratio_lean']:.2f}" for name in EACH))
    console.print(table)


def measure() -> dict[str, Any]:
    """All figures: of the consumer of orders by side, with `ratio` to the standard and `ratio_lean`; of all `consumers`
    those in `EACH`, ours and the lean one's. Times are milliseconds, memory is MiB.
    """
    with endpoint(LATENCY) as served:
        bare = median(sides.bare().run(served)["init_cpu"] for _ in range(STARTS))
        orders = {"standard": sides.standard(), "lean": sides.lean(ORDERS), "headrace": sides.headrace(ORDERS)}
        found = _starts(orders, served, bare, STARTS) | _batches(orders, served, ROUNDS)
        threads = [sides.lean(ORDERS, threads=THREADS).run(served, BATCHES) for _ in range(ROUNDS)]
        found["batch_wall"]["lean_threads"] = _wall(threads)
        keyed = _batches(orders, served, 1, keyed=True)
        found |= {"calls_per_message_keyed": keyed["calls_per_message"], "write_units_keyed": keyed["write_units"]}
        each: dict[str, dict[str, Figure]] = {}
        for consumer in CONSUMERS:
            both = {"lean": sides.lean(consumer), "headrace": sides.headrace(consumer)}
            told = _starts(both, served, bare, FEW) | _batches(both, served, 1)
            each[consumer] = {name: told[name] for name in EACH}
    return {name: found[name] for name in FIGURES} | {"consumers": each}


def _starts(of: Mapping[str, Side], served: Served, bare: float, times: int) -> dict[str, Figure]:
    """What it costs until the first message is done; the sides take turns."""
    runs: dict[str, Runs] = {name: [] for name in of}
    for _ in range(times):
        for name, side in of.items():
            runs[name].append(side.run(served))
    return {
        "cold_start_cpu": _figure(runs, lambda own: 1000 * (_median(own, "init_cpu", "first_cpu") - bare)),
        "first_invocation_cpu": _figure(runs, lambda own: 1000 * _median(own, "first_cpu")),
        "peak_memory": _figure(runs, lambda own: _median(own, "memory")),
    }


def _batches(of: Mapping[str, Side], served: Served, rounds: int, *, keyed: bool = False) -> dict[str, Figure]:
    """What batches of ten cost; the sides take turns."""
    runs: dict[str, Runs] = {name: [] for name in of}
    for _ in range(rounds):
        for name, side in of.items():
            served.counted()
            ran = side.run(served, BATCHES, keyed=keyed)
            counted = served.counted()
            runs[name].append(ran | {"calls": sum(counted.calls.values()), "units": counted.units})
    messages, all_messages = BATCHES * BATCH, (BATCHES + WARM) * BATCH + 1
    return {
        "calls_per_message": _figure(runs, lambda own: _median(own, "calls") / all_messages),
        "write_units": _figure(runs, lambda own: _median(own, "units") / all_messages),
        "cpu_per_message": _figure(runs, lambda own: 1000 * _median(own, "cpu") / messages),
        "batch_wall": _figure(runs, _wall),
        "throughput": _figure(runs, lambda own: 1000 * BATCH / _wall(own)),
    }


def _median(runs: Runs, *names: str) -> float:
    return median(float(sum(run[name] for name in names)) for run in runs)


def _wall(runs: Runs) -> float:
    """Milliseconds of a batch."""
    return round(1000 * median(float(wall) for run in runs for wall in run["walls"]), 2)


def _figure(runs: Mapping[str, Runs], of: Callable[[Runs], float]) -> Figure:
    """The figure of every side, and what ours is of the others'."""
    found = {name: of(own) for name, own in runs.items()}
    ratios = {
        word: found["headrace"] / found[base]
        for word, base in (("ratio", "standard"), ("ratio_lean", "lean"))
        if found.get(base)
    }
    return {name: round(value, 3) for name, value in (found | ratios).items()}
