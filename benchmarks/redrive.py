"""The operator's redrive as it is run, against the scripts that it replaces: one loop, and 32 threads of boto3.

Each is a process of its own, measured from its start to its end: Python's start and its imports are part of it, but
for the loop's, which moves fewer messages. What is called `moving` leaves out the start of everybody: of the command
what it takes for ten messages, of a script what it takes until it begins. All
move the same messages through the same fake SQS, which takes 5 or 20 ms a call and is another process. Runs are
paired, one of each after the other, so that a busy machine is busy for both, and the medians of the ratios are what
is said. CPU comes first: the wall time of a loop that waits says more of the network than of the loop.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.sqs_endpoint import count, endpoint, fill, queue_url
from ops.queue import known
from stacks import names
from stacks.topology import TOPOLOGY
from tests.aws.bare import REGION

MESSAGES = 10_000
LOOPED = 1_500
"""Messages of a loop, which is slow, and costs the same for each."""
GROUPS = 1_000
FEW = 10
"""Messages of which the command takes as long as it takes to start and to end."""
LATENCIES = (0.005, 0.020)
PAIRS = 3
PATIENCE = 25
"""Seconds after which no further pair begins."""
THREADS = 32
ROOT = Path(__file__).parent.parent
METER = Path(__file__).with_name("meter.py")


@dataclass(frozen=True)
class Cost:
    """What it took to move so many messages: seconds, those of the CPU, and megabytes at the most."""

    messages: int
    wall: float
    cpu: float
    memory: float = 0.0
    start: float = 0.0
    """Seconds of the CPU that went before the first message, as far as they are known and part of it."""

    @property
    def moving(self) -> float:
        """Messages a CPU second, once it moves."""
        return self.messages / (self.cpu - self.start)

    @property
    def per_cpu(self) -> float:
        """Messages a CPU second."""
        return self.messages / self.cpu

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.wall


def measure(command: list[str], environment: dict[str, str], messages: int) -> tuple[Cost, str]:
    """Runs a command to its end: what it took, and what it said. Raises `RuntimeError` where it fails."""
    metered = [sys.executable, "-I", "-S", str(METER), *command]
    done = subprocess.run(
        metered, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    *told, took = done.stdout.splitlines()
    if done.returncode:
        raise RuntimeError("\n".join([f"{' '.join(command)} failed:", *told]))
    return Cost(messages, **json.loads(took)), "\n".join(told)


def command(url: str, messages: int, groups: int) -> Cost:
    """`python -m ops redrive QUEUE --yes`, with default flags, on a stage local whose AWS is the fake."""
    word, dead, source = _queues(fifo=groups > 0)
    fill(url, dead, source, messages, groups)
    with TemporaryDirectory() as home:
        state = {"aws_endpoint_url": url, "region": REGION, "account": "000000000000", "api_url": "", "ca_bundle": ""}
        state |= {"access_key_id": "test", "secret_access_key": "test"}
        (Path(home) / "state.json").write_text(json.dumps(state), encoding="utf-8")
        environment = os.environ | {"HEADRACE_LOCAL": home}
        cost, _ = measure([sys.executable, "-m", "ops", "redrive", word, "--yes"], environment, messages)
    return _moved(url, source, cost)


def script(threads: int) -> Callable[[str, int, int], Cost]:
    """The usual script: receive ten, send ten, delete ten, in so many threads."""

    def run(url: str, messages: int, groups: int) -> Cost:
        _, dead, source = _queues(fifo=groups > 0)
        fill(url, dead, source, messages, groups)
        arguments = [url, queue_url(dead), queue_url(source), str(threads)]
        program = [sys.executable, "-m", "benchmarks.redrive_script", *arguments]
        cost, told = measure(program, dict(os.environ), messages)
        alone = Cost(messages, **json.loads(told.splitlines()[-1]))
        # A loop moves fewer, so the start of Python would count for too much: it is left out, which is in its favour.
        cost = alone if threads == 1 else replace(cost, start=cost.cpu - alone.cpu)
        return _moved(url, source, cost)

    return run


def _moved(url: str, source: str, cost: Cost) -> Cost:
    moved = count(url, source)
    assert moved == cost.messages, f"{moved} of {cost.messages} messages were moved"
    return cost


def _queues(*, fifo: bool) -> tuple[str, str, str]:
    """A dead-letter queue's word and name, and that of its source."""
    work = next(
        word for word, kind, name in known(names.LOCAL, TOPOLOGY) if kind == "work" and name.endswith(".fifo") is fifo
    )
    by_word = {word: name for word, _, name in known(names.LOCAL, TOPOLOGY)}
    return f"{work}-dlq", by_word[f"{work}-dlq"], by_word[work]


def _pairs(
    latency: float, baseline: Callable[[str, int, int], Cost], messages: int, *, groups: int = 0, times: int = PAIRS
) -> list[tuple[Cost, Cost]]:
    """The costs of the baseline, for so many messages, and of the command, one after the other.

    On a busy machine there are fewer pairs, so that the whole still ends in about three minutes.
    """
    until = perf_counter() + PATIENCE
    pairs: list[tuple[Cost, Cost]] = []
    with endpoint(latency) as url:
        while not pairs or (len(pairs) < times and perf_counter() < until):
            pairs.append((baseline(url, messages, groups), command(url, MESSAGES, groups)))
    return pairs


def start() -> float:
    """CPU seconds of the command before and after it moves: those that it takes for a few messages."""
    with endpoint(LATENCIES[0]) as url:
        return min(command(url, FEW, 0).cpu for _ in range(2))


def _ratio(pairs: list[tuple[Cost, Cost]], figure: Callable[[Cost], float]) -> dict[str, float]:
    """The medians: of the baseline, of ours, and of how many times the baseline's ours is."""
    return {
        "baseline": round(median(figure(theirs) for theirs, _ in pairs), 1),
        "headrace": round(median(figure(ours) for _, ours in pairs), 1),
        "ratio": round(median(figure(ours) / figure(theirs) for theirs, ours in pairs), 2),
    }


def run(as_json: bool = False) -> None:
    """Measure, and print the figures.

    `per_cpu` (against the loop), `per_cpu_threads` (against 32 threads) and `fifo_per_cpu` (against the loop) are
    messages a CPU second; `wall_threads`, `wall_threads_slow` (20 ms a call) and `fifo_wall` (against the loop)
    messages a second; `memory_mb` is what the command had at the most. `per_cpu_moving`, `per_cpu_threads_moving` and
    `fifo_per_cpu_moving` are messages a CPU second without anybody's start.
    """
    fast, slow = LATENCIES
    loop = _pairs(fast, script(1), LOOPED)
    threads = _pairs(fast, script(THREADS), MESSAGES)
    threads_slow = _pairs(slow, script(THREADS), MESSAGES, times=2)
    fifo = _pairs(fast, script(1), LOOPED, groups=GROUPS)
    began = start()
    figures = {
        "per_cpu": _ratio(loop, lambda cost: cost.per_cpu),
        "per_cpu_threads": _ratio(threads, lambda cost: cost.per_cpu),
        "wall_threads": _ratio(threads, lambda cost: cost.per_second),
        "wall_threads_slow": _ratio(threads_slow, lambda cost: cost.per_second),
        "fifo_per_cpu": _ratio(fifo, lambda cost: cost.per_cpu),
        "fifo_wall": _ratio(fifo, lambda cost: cost.per_second),
        **{
            f"{name}_moving": _ratio(
                [(theirs, replace(ours, start=began)) for theirs, ours in pairs], lambda cost: cost.moving
            )
            for name, pairs in (("per_cpu", loop), ("per_cpu_threads", threads), ("fifo_per_cpu", fifo))
        },
        "memory_mb": round(max(ours.memory for _, ours in (*loop, *threads, *threads_slow, *fifo)), 1),
    }
    if as_json:
        print(json.dumps(figures))
        return
    print(f"{MESSAGES:,} messages, python -m ops redrive QUEUE --yes     baseline       ours      times")
    for name, (what, _) in LINES.items():
        found = figures[name]
        assert isinstance(found, dict)
        print(f"{what:<50} {found['baseline']:10,.0f} {found['headrace']:10,.0f} {found['ratio']:10.2f}")
    print(f"{'memory of the command, MB':<50} {'':10} {figures['memory_mb']:10,.0f}")


LINES = {
    "per_cpu": ("messages a CPU second, against a loop", 8),
    "per_cpu_threads": ("messages a CPU second, against 32 threads", 4),
    "wall_threads": ("messages a second, 5 ms a call, 32 threads", 1),
    "wall_threads_slow": ("messages a second, 20 ms a call, 32 threads", 1),
    "fifo_per_cpu": ("FIFO: messages a CPU second, against a loop", 0),
    "fifo_wall": ("FIFO: messages a second, 5 ms a call, a loop", 0),
    "per_cpu_moving": ("without start: against a loop", 0),
    "per_cpu_threads_moving": ("without start: against 32 threads", 0),
    "fifo_per_cpu_moving": ("without start: FIFO, against a loop", 0),
}
