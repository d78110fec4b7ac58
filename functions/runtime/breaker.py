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
from functions.runtime.infrastructure import is_away
from functions.runtime.log import log
from functions.runtime.outcome import Failure
from functions.runtime.settings import Settings
from functions.runtime.unfinished import unfinished

SILENCE = 30
"""Seconds between two reports of one worker."""
LONGEST_REASON = 200

_memory: dict[str, float] = {}


class Weather:
    """What the calls of one batch say of the services; `stormy` is why the rest need not be attempted, or None."""

    def __init__(self) -> None:
        self.stormy: str | None = None
        self._bad = 1 if "bad" in _memory else 0

    def see(self, error: BaseException | None) -> None:
        """Note how a message fared."""
        if error is not None and is_away(error):
            self._bad += 1
            _memory["bad"] = time.monotonic()
            if self._bad >= 2:
                self.stormy = str(error)
        else:
            self._bad = 0
            _memory.pop("bad", None)


def tell(failures: Sequence[Failure], settings: Settings) -> None:
    """Say that a service is away, if it has been for a while, and which records of effects are still to be completed.

    What goes wrong here is logged; the next batch says it again.
    """
    met = [failure for failure in failures if is_away(failure.error)]
    again = any(failure.record.attempt >= 2 for failure in met)
    now = time.monotonic()
    if not settings.pause_queue_url or not (unfinished or (again and now - _memory.get("told", -SILENCE) >= SILENCE)):
        return
    reason = f"{type(met[0].error).__name__}: {met[0].text}" if met else "a record could not be completed"
    trouble = Trouble(function=settings.service, reason=reason[:LONGEST_REASON], unfinished=tuple(unfinished))
    try:
        client("sqs").send_message(
            QueueUrl=settings.pause_queue_url,
            MessageBody=encode(trouble).decode(),
            MessageGroupId=settings.service,
            # Each report is one of its own: SQS must not take it for one of five minutes ago.
            MessageDeduplicationId=str(uuid.uuid4()),
        )
    except (ClientError, BotoCoreError) as error:
        log("WARNING", "trouble not told", error=str(error))
        return
    _memory["told"] = now
    unfinished.clear()
