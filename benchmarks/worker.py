"""Runs in a process of its own, as a Lambda worker would: imports a handler, feeds it batches, prints what that took.

    python -S worker.py MODULE CONSUMER < batches.json

Reads a list of SQS events, the first of them with one record, and prints JSON. `init_cpu` is the CPU seconds of import
and clients, `first_cpu` those of the first event, which opens the connections; `memory` is the peak in MiB after it.
For the batches after the next three `cpu`, and `walls`, the seconds of each. With MODULE `none`, what the bare
interpreter takes.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM = 3


class Context:
    """The Lambda context, as far as a handler reads it."""

    function_version = "1"
    memory_limit_in_mb = 256
    aws_request_id = "request-1"

    def __init__(self, consumer: str) -> None:
        self.function_name = consumer
        self.invoked_function_arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{consumer}"

    def get_remaining_time_in_millis(self) -> int:
        """A fresh invocation's time."""
        return 30_000


def peak() -> float:
    """This program's peak of memory in MiB: VmHWM, as `ru_maxrss` would count what the parent had (see meter.py)."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def main(module: str, consumer: str) -> dict[str, Any]:
    """Import the module, feed it the events, return the figures. Raises `RuntimeError` if a message failed."""
    if module == "none":
        return {"init_cpu": time.process_time(), "memory": peak()}
    before = time.process_time()
    events = json.load(sys.stdin)
    own = time.process_time() - before
    handler: Callable[[Any, Any], Any] = importlib.import_module(module).handler
    context = Context(consumer)
    figures: dict[str, Any] = {"init_cpu": time.process_time() - own}
    walls = []
    cpu = 0.0
    for number, event in enumerate(events):
        cpu_before, wall_before = time.process_time(), time.perf_counter()
        report = handler(event, context)
        took, wall = time.process_time() - cpu_before, time.perf_counter() - wall_before
        if report["batchItemFailures"]:
            raise RuntimeError(
                f"{module} failed {len(report['batchItemFailures'])} of {len(event['Records'])} messages."
            )
        if number == 0:
            figures |= {"first_cpu": took, "memory": peak()}
        elif number > WARM:
            cpu += took
            walls.append(wall)
    return figures | {"cpu": cpu, "walls": walls}


if __name__ == "__main__":
    sys.stderr.write("\n" + json.dumps(main(*sys.argv[1:])))
