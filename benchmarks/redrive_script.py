"""What people write to move dead letters with boto3: receive ten, send ten, delete ten, in so many threads."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, process_time
from typing import Any

import boto3
from botocore.config import Config


def move(client: Any, dead: str, source: str) -> None:
    """Moves until nothing comes."""
    fifo = dead.endswith(".fifo")
    while messages := client.receive_message(
        QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        entries = []
        for index, message in enumerate(messages):
            entry = {"Id": str(index), "MessageBody": message["Body"]}
            entry["MessageAttributes"] = message["MessageAttributes"]
            if fifo:
                system = message["Attributes"]
                entry["MessageGroupId"] = system["MessageGroupId"]
                entry["MessageDeduplicationId"] = system["MessageDeduplicationId"]
            entries.append(entry)
        client.send_message_batch(QueueUrl=source, Entries=entries)
        receipts = [{"Id": str(index), "ReceiptHandle": m["ReceiptHandle"]} for index, m in enumerate(messages)]
        client.delete_message_batch(QueueUrl=dead, Entries=receipts)


def main(url: str, dead: str, source: str, threads: int) -> None:
    """Moves everything from one queue to the other, and prints what that took, without the start of Python."""
    client = boto3.client(
        "sqs",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the endpoint takes any
        config=Config(max_pool_connections=threads),
    )
    started, cpu = perf_counter(), process_time()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(move, client, dead, source) for _ in range(threads)]:
            done.result()
    print(json.dumps({"wall": perf_counter() - started, "cpu": process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
