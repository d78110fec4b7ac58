"""Progress of a message: told in the log, and in the status of its request, as often as somebody looks.

The first time, the message is also hidden for all the time that its function still has, and a little more: a batch that
came late, because Lambda throttled it, would see its messages with others before it is done. From then on a worker that
dies is missed that soon, and not after the queue's own timeout, which is six times the function's.
"""

from __future__ import annotations

import math
import time

from functions.contracts.log_line import PROGRESS
from functions.contracts.redaction import redact
from functions.runtime.deadline import invocation
from functions.runtime.excerpt import excerpt
from functions.runtime.log import log
from functions.runtime.message import Message, in_hand
from functions.runtime.settings import Settings
from functions.runtime.visibility import hide

EVERY = 5.0
"""Seconds between two tellings of one message, at the least."""
MARGIN = 60
"""Seconds for which the message stays hidden when its function must be over: Lambda deletes it after that."""
LONGEST = 200
"""Characters of the words."""


def tell(message: Message, percent: int, words: str) -> None:
    """Say it, unless something was said a moment ago. Outside of a consumer, as in a test, only a line says it.

    Raises `ValueError` for what is no percentage.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"Progress is 0 to 100 percent, and not {percent}.")
    mine, now = in_hand.get(), time.monotonic()
    if mine is not None and now < mine.told + EVERY:
        return
    said = excerpt(redact(words, mine.contract if mine else None), LONGEST)
    settings = Settings.read()
    identity = {"service": settings.service, "correlation_id": message.correlation_id, "message_id": message.id}
    came = mine.record.received_at if mine else None
    log("INFO", PROGRESS, **identity, percent=int(percent), words=said or None, received_at=came)
    if mine is None:
        return
    first, mine.told = mine.told == -math.inf, now
    if settings.tracked:
        from functions.runtime.requests import working

        working(mine.record, settings, int(percent), said)
    context = invocation.get()
    if first and context and settings.queue_url:
        hide(settings.queue_url, [(mine.record, context.get_remaining_time_in_millis() / 1000 + MARGIN)])
