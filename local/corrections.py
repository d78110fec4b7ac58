"""The emulator, with the differences from AWS that matter to us corrected. Run by the emulator's own interpreter.

Each correction names the AWS rule it restores; docs/local.md lists what stays different. The process ends when its
standard input closes, so that nothing is left running however the local stack ends.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime as runtime
from ministack.core.lambda_runtime import Worker
from ministack.services import eventbridge, lambda_svc, ses_v2, sqs

from local import (
    corrections_archive,
    corrections_door,
    corrections_iam,
    corrections_scheduler,
    corrections_services,
)

Message = dict[str, Any]
Queue = dict[str, Any]

# Seconds without a further line after which a function's output counts as complete: for the first line, for the next
# ones, and at the most. On a busy machine the emulator's own milliseconds lose lines, and Lambda loses none:
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
QUIET = (0.5, 0.05, 2.0)
UNZIPPING = threading.Lock()
ENTRIES = 10
"""Events of a call, at the most; the emulator refuses more."""


def receive_from_groups(queue: Queue, most: int, visibility: int, now: float) -> list[Message]:
    """Receive in order from every group whose head is visible, up to the first hidden message of each.

    A message hides the later messages of its group, never the earlier ones: a head that was made visible again is
    received although later messages of its group are still in flight.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
    """
    blocked: set[str] = set()
    received: list[Message] = []
    for message in queue["messages"]:
        sqs._ensure_msg_fields(message)
        group = message["group_id"]
        if message["visible_at"] > now:
            blocked.add(group)
        elif group not in blocked and len(received) < most:
            received.append(message)
    for message in received:
        message["receipt_handle"] = sqs.new_uuid()
        message["visible_at"] = now + visibility
        message["receive_count"] += 1
        if message.get("first_receive_at") is None:
            message["first_receive_at"] = now
    return received


def move_dead_letters(queue: Queue, move: Any = sqs._dlq_sweep) -> None:
    """Move dead letters; on FIFO the deduplication id becomes the original message id.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
    """
    waiting = list(queue["messages"])
    move(queue)
    if not queue["is_fifo"]:
        return
    kept = {message["id"] for message in queue["messages"]}
    gone = {message["id"] for message in waiting} - kept
    for other in list(sqs._queues.values()) if gone else ():
        for message in other["messages"]:
            if other is not queue and message["id"] in gone:
                message["dedup_id"] = message["id"]


def let_finish(function: str, qualifier: str | None = None, end: Any = lambda_svc.invalidate_worker, **of: str) -> None:
    """End the workers of a function that was changed; one that holds a batch finishes it as the function was before.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    with runtime._lock:
        pools = [pool for key, pool in runtime._workers.items() if key.split(":")[-2] == function]
        busy = [worker for pool in pools for worker in pool if worker.in_use]
        for pool in pools:
            pool[:] = [worker for worker in pool if not worker.in_use]
    end(function, qualifier, **of)
    for worker in busy:
        threading.Thread(target=_end_when_idle, args=(worker,), daemon=True).start()


def _end_when_idle(worker: Worker) -> None:
    deadline = time.monotonic() + worker.config.get("Timeout", 3)
    while worker.in_use and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.kill()


def share_layers(worker: Worker, spawn: Any = Worker._spawn) -> None:
    """Start a function on layers that are unzipped once, not at every start, which would take longer than all else."""
    known = worker.config
    layers = [layer for attached in known.get("Layers", ()) if (layer := lambda_svc._resolve_layer_zip(attached))]
    variables = known.get("Environment", {}).get("Variables", {})
    folders = os.pathsep.join(str(_unzipped(layer)) for layer in layers)
    worker.config = known | {
        "Layers": [],
        "Environment": {"Variables": variables | {"_LAMBDA_LAYERS_DIRS": folders}},
    }
    try:
        spawn(worker)
    finally:
        worker.config = known


def _unzipped(layer: bytes) -> Path:
    folder = Path.cwd() / "layers" / hashlib.sha256(layer).hexdigest()
    with UNZIPPING:
        if not folder.exists():
            scratch = folder.with_suffix(".new")
            shutil.rmtree(scratch, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(layer)) as archive:
                archive.extractall(scratch)
            scratch.rename(folder)
    return folder


def with_system_attributes(action: str, parameters: dict[str, Any], normalise: Any = sqs._normalise) -> dict[str, Any]:
    """Read the message system attributes of the query protocol, too: the trace header.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageSystemAttributeValue.html
    """
    data: dict[str, Any] = normalise(action, parameters)
    number = 1
    while name := sqs._p(parameters, f"MessageSystemAttribute.{number}.Name"):
        prefix = f"MessageSystemAttribute.{number}.Value"
        value = {part: sqs._p(parameters, f"{prefix}.{part}") for part in ("DataType", "StringValue")}
        data.setdefault("MessageSystemAttributes", {})[name] = value
        number += 1
    return data


def put_events(data: dict[str, Any], put: Any = eventbridge._put_events, **options: Any) -> Any:
    """Refuse the entries whose detail is no JSON object, and put the others, those that say their time by themselves.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
    """
    entries = data.get("Entries", [])
    good = [_is_object(entry.get("Detail", "")) for entry in entries]
    timed = any("Time" in entry for entry in entries)
    if all(good) and not timed:
        return put(data, **options)
    rest = [entry for entry, is_good in zip(entries, good, strict=True) if is_good]
    if timed and len(entries) <= ENTRIES:
        status, headers, body = corrections_archive.put_each(rest, put, **options)
    else:
        status, headers, body = put(data | {"Entries": rest}, **options)
    answer = json.loads(body)
    put_ones = iter(answer["Entries"])
    malformed = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    answer["Entries"] = [next(put_ones) if is_good else malformed for is_good in good]
    answer["FailedEntryCount"] += good.count(False)
    return status, headers, json.dumps(answer).encode()


def _is_object(detail: str) -> bool:
    try:
        return isinstance(json.loads(detail), dict)
    except ValueError:
        return False


async def send_email(
    method: str, path: str, headers: Any, body: bytes, query: Any, handle: Any = ses_v2.handle_request
) -> Any:
    """Refuse an e-mail to nobody, and do everything else.

    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
    """
    if method == "POST" and path.rstrip("/").endswith("/outbound-emails"):
        mail = json.loads(body or b"{}")
        if "Simple" in mail.get("Content", {}) and not any(mail.get("Destination", {}).values()):
            return ses_v2._json_err("BadRequestException", "Destination has no recipients.")
    return await handle(method, path, headers, body, query)


def end_with_standard_input() -> None:
    """Wait for standard input to close, then end this process and the functions it runs."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGTERM)


def run() -> None:
    """Correct the emulator, and run it."""
    sqs._collect_fifo = receive_from_groups
    sqs._dlq_sweep = move_dead_letters
    sqs._normalise = with_system_attributes
    lambda_svc.invalidate_worker = let_finish
    Worker._spawn = share_layers
    eventbridge._put_events = put_events
    ses_v2.handle_request = send_email
    Worker._drain_stderr_bounded.__defaults__ = QUIET
    corrections_iam.correct()
    corrections_services.correct()
    corrections_door.correct()
    corrections_archive.correct()
    corrections_scheduler.correct()
    sys.argv = ["ministack"]
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    main()
