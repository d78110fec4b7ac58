"""When a failed message comes back: at once, or after a wait that grows with its receives.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.runtime.clients import client
from functions.runtime.errors import Busy, GroupBlocked, GroupParked, Limited, NotAttempted, Reject, Retry, Spent
from functions.runtime.failures import unwritten
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.outcome import Failure
from functions.runtime.record import Record
from functions.runtime.settings import Settings

ENTRIES = 10
# SQS hides a message for 12 hours after its receive at the most; the longest function has used 15 minutes of them.
LONGEST = 12 * 3600 - 900
# The share of the retention within which every receive must happen.
LIFE = 0.9
# Seconds by which a FIFO group waits longer than its failed head, so that the head is received alone.
MARGIN = 5
# Seconds within which most are done who are at an effect that another message asks for, too.
SOON = 10
# Seconds that a message waits for a service that is away, at the most: longer than pausing its consumer takes, which
# is about a minute, so that a message spends one or two receives on an outage, however long it is.
OUTAGE = 90
# The same where receives run out all the same, because nobody paused the consumer, by the receives that are left. In a
# FIFO group others wait behind it; elsewhere only the message waits, which is better than its death.
SCARCE = {2: 600, 1: 3600}
SCARCE_ALONE = {2: 3600, 1: 11 * 3600}


def delay(record: Record, error: BaseException, settings: Settings) -> float:
    """Seconds until `record`, which failed with `error`, is attempted again.

    A rejected message comes back at once, so that its receives run out and SQS moves it; on a queue that halts, its
    group waits for a person and the message is attempted like any other. What is parked comes back at once to the same
    end. What met a service that is away waits long from the first time on. What was not attempted for lack of time
    comes back when its turn is. Otherwise the wait grows, but leaves every receive that is left its turn within nine
    tenths of the retention: SQS deletes what is older than that, and a dead-letter queue never sees it.
    """
    if isinstance(error, GroupParked | Spent) or (isinstance(error, Reject) and not settings.halts):
        return 0
    if isinstance(error, Limited):
        # Its attempts are not what is waited with, and SQS counts whole seconds: it rather comes early, and sleeps.
        return math.floor(max(0.0, min(error.delay, LONGEST)))
    if isinstance(error, NotAttempted):
        wait = error.delay
    elif is_away(error):
        wait = outage(record, settings)
    elif isinstance(error, Busy) and record.attempt == 1:
        wait = SOON
    elif isinstance(error, Retry) and error.delay is not None:
        wait = error.delay
    else:
        wait = backoff(record.attempt, settings)
    return _within_life(wait, record, settings)


def backoff(attempt: int, settings: Settings) -> float:
    """Seconds to wait after the given attempt: doubling from the base up to the cap, between half and all of it."""
    return ceiling(attempt, settings) * random.uniform(0.5, 1)


def ceiling(attempt: int, settings: Settings) -> float:
    """The longest wait after the given attempt, in seconds."""
    return min(settings.backoff_cap, settings.backoff_base * 2.0 ** min(attempt - 1, 30))


def outage(record: Record, settings: Settings) -> float:
    """Seconds to wait for a service that is away: a minute to a minute and a half, longer for the last receives."""
    if record.fifo:
        longest = longest_outage(record.attempt, settings)
    else:
        longest = OUTAGE if record.attempt == 1 else SCARCE_ALONE.get(settings.receives - record.attempt, OUTAGE)
    return longest * random.uniform(2 / 3, 1)


def longest_outage(attempt: int, settings: Settings) -> float:
    """The longest wait in a FIFO group for a service that is away after the given attempt, in seconds."""
    return OUTAGE if attempt == 1 else SCARCE.get(settings.receives - attempt, OUTAGE)


def blocked(head_delay: float, head: Failure, follower: Failure, settings: Settings) -> float:
    """Seconds that `follower` waits behind the failed `head` of its FIFO group.

    Each receive counts, attempted or not, and a follower that was never attempted must not end in the dead-letter
    queue. So the rest of the group stays hidden a little longer than its head, which is then received alone. A follower
    that has waited in vain before waits until the head's receives have run out; and one with two receives left, behind
    which there must be more than one dead head, waits until all those between have had their own time, too. So no
    number of dead heads costs a follower its life, and one alone costs no more time than it takes to die.
    See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html.
    """
    wait = head_delay + MARGIN
    record, error = follower.record, head.error
    left = settings.receives - record.attempt
    if isinstance(error, Limited):
        return min(wait, LONGEST)
    # A service that is away lets the head live, as a rule: then nobody need wait for its end.
    if record.attempt > 1 and not settings.halts and (left <= 2 or not is_away(error)):
        wait += _schedule(head.record.attempt + 1, error, settings)
        if left <= 2:
            # Of what kind those between are is not known; for the last receive the longer one counts.
            kind = RuntimeError() if isinstance(error, Reject) and left <= 1 else error
            wait += (follower.place - 1) * (_schedule(1, kind, settings) + MARGIN)
    return _within_life(wait, record, settings)


def _schedule(attempt: int, error: BaseException, settings: Settings) -> float:
    """Seconds that a message failing with `error` waits from that attempt until its receives have run out, at most."""
    if isinstance(error, Reject):
        return 0
    longest = longest_outage if is_away(error) else ceiling
    return sum(longest(each, settings) for each in range(attempt, settings.receives))


def _within_life(wait: float, record: Record, settings: Settings) -> float:
    age = max(0.0, time.time() - record.sent) if record.sent else 0.0
    turns = max(settings.receives - record.attempt, 0) + 1
    return max(0.0, min(wait, LONGEST, (LIFE * settings.retention - age) / turns))


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


def hide_failures(failures: Sequence[Failure], settings: Settings) -> None:
    """Hide each record of a batch that failed for as long as it waits; one that a failure blocks stands behind that."""
    if not settings.queue_url:
        return
    waits: dict[str, float] = {}
    longest: dict[str | None, float] = {}
    causeless = unwritten()
    for failure in failures:
        record, head = failure.record, failure.head
        wait = (
            blocked(waits[head.record.id], head, failure, settings)
            if head and isinstance(failure.error, GroupBlocked)
            else delay(record, failure.error, settings)
        )
        if record.id in causeless:
            # Nothing is dead before its cause is written.
            wait = max(wait, outage(record, settings))
        if settings.parks:
            # A redriven head may stand behind what it blocks, which would be taken for parked if it came before it.
            wait = longest[record.group] = max(wait, longest.get(record.group, 0))
        waits[record.id] = wait
    hide(settings.queue_url, [(failure.record, waits[failure.record.id]) for failure in failures])
