"""The consumer's side of its circuit breaker: what it notices of a service that is away, and whom it tells.

Within a batch, two failures of infrastructure one after the other mean that the rest need not be attempted; the next
batch is then judged by its first. A message that meets a service that is away a second time says that this is no blink:
`pause_consumer` is told, which looks for itself, and takes the queue's event source mapping off until all is well.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError
from msgspec.json import encode

from functions.contracts.pause import Trouble
from functions.runtime.clients import client
from functions.runtime.failures import unwritten
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.outcome import Failure
from functions.runtime.settings import Settings
from functions.runtime.unfinished import unfinished

SILENCE = 30
"""Seconds between two reports of one worker."""
LONGEST_REASON = 200
TOGETHER = 20
"""Records that travel in one message, at the most: each is as long as what it guards, a mail say."""

_memory: dict[str, float] = {}


class Weather:
    """What the calls of one batch say of the services; `stormy` is why the rest need not be attempted, or None."""

    def __init__(self) -> None:
        self.stormy: str | None = None

    def see(self, error: BaseException | None) -> None:
        """Note how a message fared."""
        if error is None or not is_away(error):
            _memory.pop("bad", None)
        elif "bad" in _memory:
            self.stormy = str(error)
        else:
            _memory["bad"] = time.monotonic()


def tell(failures: Sequence[Failure], settings: Settings) -> None:
    """Say that a service is away, if it has been for a while, and which records of effects are still to be completed.

    A cause that cannot be written says the same of its table. What goes wrong here is logged; the next batch says it
    again.
    """
    if not settings.pause_queue_url:
        return
    causeless = unwritten()
    met = [failure for failure in failures if is_away(failure.error) or failure.record.id in causeless]
    again = any(failure.record.attempt >= 2 for failure in met)
    now = time.monotonic()
    if again and now >= _memory.get("silent", now):
        reason = f"{type(met[0].error).__name__}: {met[0].text}"[:LONGEST_REASON]
        if _sent(Trouble(function=settings.service, reason=reason), settings.pause_queue_url):
            _memory["silent"] = now + SILENCE
    while unfinished:
        some = tuple(unfinished[:TOGETHER])
        if not _sent(Trouble(function=settings.service, reason="", unfinished=some), settings.pause_queue_url):
            return
        del unfinished[: len(some)]


def _sent(trouble: Trouble, url: str) -> bool:
    try:
        client("sqs").send_message(
            QueueUrl=url,
            MessageBody=encode(trouble).decode(),
            # A record that cannot be completed for long must not stand in the way of what is said after it.
            MessageGroupId=str(uuid.uuid4()) if trouble.unfinished else trouble.function,
            # Each report is one of its own: SQS must not take it for one of five minutes ago.
            MessageDeduplicationId=str(uuid.uuid4()),
        )
    except (ClientError, BotoCoreError) as error:
        log("WARNING", "trouble not told", error=str(error))
        return False
    return True
