"""Moving dead letters: ours against the loop that every script has, receive ten, send ten, delete ten.

Both move the same messages through the same fake SQS, which takes 5 ms a call and runs in a process of its own. Each
client runs alone in a fresh process. The figures are how many times the loop's; memory is the most that our process
had while it moved a million messages.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import boto3
from botocore.credentials import Credentials

from benchmarks.sqs_endpoint import count, endpoint, fill
from ops.queue import Queue
from ops.redrive.delivery import Delivery
from ops.redrive.journal import Journal
from ops.redrive.mover import Mover
from ops.redrive.request import Request
from ops.redrive.routing import QueueDestination
from ops.sqs.client import Sqs
from ops.sqs.loop import run as run_loop
from ops.sqs.message import Message
from ops.sqs.sweep import Sweep
from ops.sqs.transport import HttpTransport

LATENCY = 0.005
WORKERS = 64
GROUPS = 1_000
NATIVE_CAP = 500
"""Messages a second that StartMessageMoveTask moves at the most when a rate is set.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""


def loop(url: str, dead: str, source: str) -> None:
    """What the usual script does, one call after the other."""
    key = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # the endpoint takes any
    client = boto3.client("sqs", endpoint_url=url, region_name="eu-west-1", **key)
    fifo = dead.endswith(".fifo")
    while messages := client.receive_message(
        QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        entries = []
        for index, message in enumerate(messages):
            entry = {
                "Id": str(index),
                "MessageBody": message["Body"],
                "MessageAttributes": message["MessageAttributes"],
            }
            if fifo:
                system = message["Attributes"]
                entry["MessageGroupId"] = system["MessageGroupId"]
                entry["MessageDeduplicationId"] = system["MessageDeduplicationId"]
            entries.append(entry)
        client.send_message_batch(QueueUrl=source, Entries=entries)
        receipts = [{"Id": str(index), "ReceiptHandle": m["ReceiptHandle"]} for index, m in enumerate(messages)]
        client.delete_message_batch(QueueUrl=dead, Entries=receipts)


def ours(url: str, dead: str, source: str) -> None:
    """What `python -m ops redrive` does, journal and stamps included."""

    async def work(journal: Journal) -> None:
        async with HttpTransport(url, "eu-west-1", Credentials("test", "test")) as transport:
            sqs = Sqs(transport)
            to = QueueDestination(sqs, source)

            def prepare(message: Message) -> Delivery:
                return Delivery(to, message.body, message.message_attributes, message.group)

            sweep = Sweep(sqs, dead, workers=WORKERS)
            mover = Mover(sweep, prepare, run="20261121-120000-abcd", act=True, journal=journal)
            await sweep.run(mover.visit)

    with TemporaryDirectory() as folder:
        queue = Queue("dead", "other", dead.rpartition("/")[2], dead)
        journal = Journal(Path(folder) / "run.jsonl", queue, Request("dead"))
        run_loop(work(journal))
        journal.close()


def _measure(client: Callable[[str, str, str], None], arguments: tuple[str, str, str], answer: Any) -> None:
    started, cpu = perf_counter(), process_time()
    client(*arguments)
    kilobyte = 1024 if sys.platform == "darwin" else 1  # the unit of ru_maxrss is the kilobyte, but for macOS
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobyte / 1024
    answer.put((perf_counter() - started, process_time() - cpu, memory))


def measure(client: Callable[[str, str, str], None], messages: int, groups: int = 0) -> tuple[float, float, float]:
    """Messages a second, messages a CPU second, and megabytes at the most."""
    with endpoint(LATENCY) as url:
        dead, source = fill(url, "queue", messages, groups)
        context = multiprocessing.get_context("spawn")
        answer = context.Queue()
        process = context.Process(target=_measure, args=(client, (url, dead, source), answer))
        process.start()
        wall, cpu, memory = answer.get()
        process.join()
        moved = count(url, source)
        assert moved == messages, f"{client.__name__} moved {moved} of {messages} messages"
    return messages / wall, messages / cpu, memory


def run(as_json: bool = False) -> None:
    """Measure, and print the figures.

    `standard_throughput`, `standard_per_cpu` and `fifo_throughput` are in times the loop's, `memory_mb` is in
    megabytes. The absolute figures are beside them.
    """
    loop_rate, loop_per_cpu, _ = measure(loop, 2_000)
    rate, per_cpu, _ = measure(ours, 80_000)
    loop_fifo, _, _ = measure(loop, 2_000, GROUPS)
    fifo, _, _ = measure(ours, 40_000, GROUPS)
    _, _, memory = measure(ours, 1_000_000)
    figures = {
        "standard_throughput": round(rate / loop_rate, 2),
        "standard_per_cpu": round(per_cpu / loop_per_cpu, 2),
        "fifo_throughput": round(fifo / loop_fifo, 2),
        "memory_mb": round(memory, 1),
        "messages_per_second": {"loop": round(loop_rate), "ours": round(rate)},
        "messages_per_cpu_second": {"loop": round(loop_per_cpu), "ours": round(per_cpu)},
        "fifo_messages_per_second": {"loop": round(loop_fifo), "ours": round(fifo)},
        "times_native_cap": round(rate / NATIVE_CAP, 2),
    }
    if as_json:
        print(json.dumps(figures))
        return
    print(f"standard queue     {rate:9,.0f} messages a second, {figures['standard_throughput']} times the loop's")
    print(f"                   {rate / NATIVE_CAP:9.1f} times the most that a native move with a rate does")
    print(f"                   {per_cpu:9,.0f} messages a CPU second, {figures['standard_per_cpu']} times the loop's")
    print(f"FIFO, {GROUPS:,} groups {fifo:9,.0f} messages a second, {figures['fifo_throughput']} times the loop's")
    print(f"1,000,000 messages {memory:9,.0f} MB at the most")
