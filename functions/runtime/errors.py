"""What a handler raises to say how its message failed. Everything else counts as transient."""

from __future__ import annotations

import math

from functions.contracts.reject import Reject

__all__ = ["GroupBlocked", "NotAttempted", "OutOfTime", "Reject", "Retry", "Unavailable", "WorkerDied"]


class Retry(Exception):
    """Transient: the same message may succeed later.

    `delay` is the number of seconds to wait, at the least; without it the backoff decides.
    """

    def __init__(self, reason: str, *, delay: float | None = None) -> None:
        super().__init__(reason)
        # A Retry-After header comes as text; what is no number fails here, in the handler, and its message alone.
        self.delay = None if delay is None else float(delay)
        if self.delay is not None and not math.isfinite(self.delay):
            raise ValueError(f"A message cannot wait for {delay} seconds.")


class Busy(Retry):
    """Another worker is at the same effect: done soon, as a rule, and dead if it is not there after `delay` seconds."""


class Unavailable(Exception):
    """A service is away: throttled, unreachable, broken, or our credentials are. The message has nothing to do with it.

    It waits, and its attempt does not count as one of its own. AWS's services are told apart by their errors; raise it
    for a service of somebody else, such as a CRM that answers 503.
    """


class OutOfTime(BaseException):
    """The function's time ran out while the message was handled. Transient.

    No `Exception`, because botocore and handlers catch those, and would go on after the end.
    """


class HeldUp(OutOfTime):
    """The time ran out while others were handled, and not for want of an answer."""


class NotAttempted(Exception):
    """The message was not attempted: the batch's time ran out before its turn. It comes back after `delay` seconds."""

    def __init__(self, reason: str, *, delay: float) -> None:
        super().__init__(reason)
        self.delay = delay


class GroupBlocked(Exception):
    """The message was not attempted: one before it in the same FIFO group failed. It comes back after that one."""


class GroupParked(Exception):
    """The message was not attempted: one before it in its FIFO group is dead. It follows into the dead-letter queue.

    A redrive of both handles them in order.
    """


class WorkerDied(Exception):
    """Recorded before the last attempt at a message of which no failure was ever seen: its workers died with it."""
