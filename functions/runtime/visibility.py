"""When a failed message comes back: at once, or after a wait that grows with its receives.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.runtime.clients import client
from functions.runtime.errors import GroupParked, NotAttempted, Reject, Retry, Unavailable
from functions.runtime.log import log
from functions.runtime.record import Record
from functions.runtime.settings import Settings

ENTRIES = 10
# SQS hides a message for 12 hours after its receive at the most; the longest function has used 15 minutes of them.
LONGEST = 12 * 3600 - 900
# The share of the retention within which every receive must happen.
LIFE = 0.9
# Seconds by which a FIFO group waits longer than its failed head, so that the head is received alone.
MARGIN = 5


def delay(record: Record, error: BaseException, settings: Settings) -> float:
    """Seconds until `record`, which failed with `error`, is attempted again.

    A rejected message comes back at once, so that its receives run out and SQS moves it; on a queue that halts, its
    group waits for a person and the message is attempted like any other. What is parked comes back at once to the same
    end, and so does what was not attempted for lack of time. Otherwise the wait grows, but leaves every receive that is
    left its turn within nine tenths of the retention: SQS deletes what is older than that, and a dead-letter queue
    never sees it.
    """
    if isinstance(error, NotAttempted | GroupParked) or (isinstance(error, Reject) and not settings.halts):
        return 0
    asked = error.delay if isinstance(error, Retry) else None
    if isinstance(error, Unavailable):
        asked = random.uniform(60, 90)
    wait = backoff(record.attempt, settings) if asked is None else asked
    age = max(0.0, time.time() - record.sent) if record.sent else 0.0
    turns = max(settings.receives - record.attempt, 0) + 1
    return max(0.0, min(wait, LONGEST, (LIFE * settings.retention - age) / turns))


def backoff(attempt: int, settings: Settings) -> float:
    """Seconds to wait after the given attempt: doubling from the base up to the cap, between half and all of it."""
    return ceiling(attempt, settings) * random.uniform(0.5, 1)


def ceiling(attempt: int, settings: Settings) -> float:
    """The longest wait after the given attempt, in seconds."""
    return min(settings.backoff_cap, settings.backoff_base * 2.0 ** min(attempt - 1, 30))


def blocked(head_delay: float, head: Record, follower: Record, settings: Settings) -> float:
    """Seconds that `follower` waits behind the failed `head` of its FIFO group.

    Each receive counts, attempted or not, and a follower that was never attempted must not end in the dead-letter
    queue. So the rest of the group stays hidden a little longer than its head, which is then received alone. A follower
    that has waited in vain before waits until the head's receives have run out: it spends two receives on the first
    dead head before it, and one on each further one. A batch of one spends none.
    See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html.
    """
    wait = head_delay + MARGIN
    if follower.attempt > 1 and not settings.halts:
        wait += sum(ceiling(attempt, settings) for attempt in range(head.attempt + 1, settings.receives))
    return min(wait, LONGEST)


def hide(queue_url: str, waits: Sequence[tuple[Record, float]]) -> None:
    """Set the visibility of each record, by ten. A failure is logged and changes nothing else."""
    entries: list[dict[str, Any]] = [
        {"Id": str(position), "ReceiptHandle": record.receipt, "VisibilityTimeout": round(wait)}
        for position, (record, wait) in enumerate(waits)
    ]
    for start in range(0, len(entries), ENTRIES):
        try:
            answer = client("sqs").change_message_visibility_batch(
                QueueUrl=queue_url, Entries=entries[start : start + ENTRIES]
            )
        except (ClientError, BotoCoreError) as error:
            log("WARNING", "visibility not set", error=str(error))
            continue
        for failed in answer.get("Failed", []):
            log("WARNING", "visibility not set", error=failed.get("Message"), code=failed.get("Code"))
