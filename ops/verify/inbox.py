"""What arrived on a work queue whose consumer is disabled: our own messages are taken out, others are put back."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from functions.contracts.envelope import CORRELATION_ID
from ops.errors import OpsError
from ops.queue import Queue
from ops.sqs.message import Message
from ops.stage import Stage, in_words

HELD = 60
"""Seconds that what we received stays hidden, until it is deleted or put back: once, as each receive counts."""
QUIET = 2
"""Seconds of waiting for a message, after which the queue counts as empty once all that was expected is there."""
PATIENCE = 45.0
"""Seconds that we wait for what was expected."""


def arrivals(stage: Stage, queue: Queue, run: str, expected: int = 0) -> dict[str, list[Message]]:
    """Our messages by correlation id: those whose id begins with `run`, deleted from the queue.

    Waits until `expected` of them are there and no more come. Messages of others become visible again at once; each has
    been received once more. Raises `OpsError` where SQS refuses.
    """
    sqs = stage.client("sqs")
    ours: dict[str, list[Message]] = {}
    strangers: list[Message] = []
    end, count = time.monotonic() + PATIENCE, 0
    while True:
        with in_words():
            answer = sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=QUIET,
                VisibilityTimeout=HELD,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        found = [msgspec.convert(each, Message) for each in answer.get("Messages", ())]
        mine = [message for message in found if _id(message).startswith(run)]
        strangers += [message for message in found if message not in mine]
        for message in mine:
            ours.setdefault(_id(message), []).append(message)
        _delete(sqs, queue, mine)
        count += len(mine)
        # Never while ours keep coming: what is left behind would take effect.
        if not mine and (count >= expected or time.monotonic() > end):
            break
    for first in range(0, len(strangers), 10):
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": 0}
            for number, message in enumerate(strangers[first : first + 10])
        ]
        with in_words():  # of what is back already SQS says so in its answer, and that is as well
            sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
    return ours


def attributes(message: Message) -> dict[str, str]:
    """The message attributes as plain text."""
    return {name: value.text for name, value in message.message_attributes.items()}


def _id(message: Message) -> str:
    """The correlation id, empty where there is none."""
    return attributes(message).get(CORRELATION_ID, "")


def _delete(sqs: Any, queue: Queue, messages: list[Message]) -> None:
    if not messages:
        return
    entries = [{"Id": str(number), "ReceiptHandle": message.receipt_handle} for number, message in enumerate(messages)]
    with in_words():
        failed = sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries).get("Failed")
    if failed:
        raise OpsError(f"SQS did not delete {len(failed)} of our messages from {queue.word}: {failed[0].get('Code')}.")
