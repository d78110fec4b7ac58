"""botocore's descriptions of services, reduced to what functions may call.

botocore reads a service's whole description to make its client, so its size is CPU in every cold start. Only these
operations stay, without their documentation; a client knows no others. A function that needs another one adds it here.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPERATIONS = {
    # Everything that works on items.
    "dynamodb": (
        *("BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "DescribeEndpoints"),
        *("ExecuteStatement", "ExecuteTransaction", "GetItem", "PutItem", "Query", "Scan"),
        *("TransactGetItems", "TransactWriteItems", "UpdateItem"),
    ),
    "events": ("PutEvents",),
    # What pause_consumer does; only its clients read it.
    "lambda": ("Invoke", "ListEventSourceMappings", "UpdateEventSourceMapping"),
    # What plan_command does.
    "scheduler": ("CreateSchedule", "DeleteSchedule"),
    "secretsmanager": ("DescribeSecret", "GetSecretValue"),
    "stepfunctions": ("StartExecution",),
    "sesv2": ("SendBulkEmail", "SendEmail"),
    # Everything that works on messages.
    "sqs": (
        *("ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessageBatch"),
        *("GetQueueAttributes", "GetQueueUrl", "ReceiveMessage", "SendMessage", "SendMessageBatch"),
    ),
}
SERVICES = tuple(OPERATIONS)


def reduce(data: Path) -> None:
    """Reduce botocore's `data` folder in place."""
    for service in data.iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for path in [*data.rglob("*.json"), *data.rglob("*.json.gz")]:
        if path.name.startswith("examples-1."):
            path.unlink()
            continue
        zipped = path.suffix == ".gz"
        content = json.loads(gzip.decompress(path.read_bytes()) if zipped else path.read_bytes())
        if path.name.removesuffix(".gz") == "service-2.json":
            content = _service(content, OPERATIONS[path.parent.parent.name])
        if path.name == "endpoints.json":
            for partition in content["partitions"]:
                partition["services"] = {n: known for n, known in partition["services"].items() if n in SERVICES}
        # Unzipped: the layer is zipped as a whole, and a cold start need not unzip again.
        path.unlink()
        (path.with_suffix("") if zipped else path).write_text(json.dumps(_plain(content), separators=(",", ":")))


def _service(description: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """The description with these operations only, and the shapes that they are made of."""
    kept = {name: each for name, each in description["operations"].items() if name in operations}
    shapes: dict[str, Any] = {}
    wanted = list(_references(kept))
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = description["shapes"][name]
            wanted += _references(shapes[name])
    return description | {"operations": kept, "shapes": shapes}


def _references(node: Any) -> Iterator[str]:
    """The names of the shapes that a part of a description refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)


def _plain(node: Any) -> Any:
    """The same without documentation. A shape may have a member of that name, which is no text and stays."""
    if isinstance(node, dict):
        return {
            name: _plain(part) for name, part in node.items() if not (name == "documentation" and isinstance(part, str))
        }
    return [_plain(part) for part in node] if isinstance(node, list) else node
