"""Runs in a process of its own, as a Lambda worker would: imports a handler, feeds it batches, prints what that took.

    python -S worker.py MODULE BATCHES

Prints JSON: the CPU seconds of import and clients, the peak memory in MiB after them, and for the batches after the
first three the CPU seconds and the wall seconds. With MODULE `none`, what the bare interpreter takes.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH = 10
WARM = 3


class Context:
    """The Lambda context, as far as either handler reads it."""

    function_name = "accept_order"
    function_version = "1"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:accept_order"
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        """A fresh invocation's time."""
        return 30_000


def batch(number: int) -> dict[str, Any]:
    """The SQS event of a batch of new orders."""
    return {"Records": [_record(f"{os.getpid()}-{number}-{position}") for position in range(BATCH)]}


def _record(name: str) -> dict[str, Any]:
    order = {
        "order_id": f"ord-{name}",
        "customer_email": "ada@example.com",
        "currency": "EUR",
        "lines": [
            {"sku": "tea-500g", "quantity": 2, "unit_price": 450},
            {"sku": "cup", "quantity": 1, "unit_price": 990},
        ],
    }
    return {
        "messageId": name,
        "receiptHandle": f"receipt-{name}",
        "body": json.dumps(order),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(time.time() * 1000)),
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": str(int(time.time() * 1000)),
        },
        "messageAttributes": {
            "correlation_id": {"stringValue": f"corr-{name}", "dataType": "String"},
        },
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:headrace-dev-accept_order",
        "awsRegion": "eu-central-1",
    }


def peak() -> int:
    """This program's peak of memory in KiB: VmHWM, as `ru_maxrss` would count what the parent had (see meter.py)."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main(module: str, batches: int) -> dict[str, float]:
    """Import the module, run the batches, return the figures. Raises `RuntimeError` if a message failed."""
    handler: Callable[[Any, Any], Any] | None = None
    if module != "none":
        handler = importlib.import_module(module).handler
    figures = {
        "start_cpu": time.process_time(),
        "memory": peak() / 1024,
    }
    if handler and batches:
        events = [batch(number) for number in range(WARM + batches)]
        cpu = wall = 0.0
        for number, event in enumerate(events):
            if number == WARM:
                cpu, wall = time.process_time(), time.monotonic()
            report = handler(event, Context())
            if report["batchItemFailures"]:
                raise RuntimeError(f"{module} failed {len(report['batchItemFailures'])} messages of {BATCH}.")
        figures |= {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    return figures


if __name__ == "__main__":
    answers = main(sys.argv[1], int(sys.argv[2]))
    sys.stderr.write(json.dumps(answers))
