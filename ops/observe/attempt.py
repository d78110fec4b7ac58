"""One attempt at one message, as the line of its consumer tells it."""

from __future__ import annotations

from msgspec import Struct

from functions.contracts.log_line import Handled
from ops.dead_letters.cause import in_short

SKIPPED = "skipped"
DONE = ("processed", "duplicate", SKIPPED)
LIMITED = "limited"


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt at a message. `at` is when its batch ended, in epoch milliseconds.

    `message_id` is the id that the message had then: one that waits for a limit has several, one after another.
    `stack` is where its error came from, innermost call last. `release` is that of its consumer, `duration_ms` how long
    the handler worked; lines of earlier releases tell neither, and where no handler was called there is no time.
    """

    number: int
    outcome: str
    at: int
    message_id: str
    error: str | None = None
    stack: tuple[str, ...] = ()
    release: str | None = None
    duration_ms: int | None = None


def attempt(line: Handled) -> Attempt:
    """The attempt of which that line tells."""
    return Attempt(
        number=line.attempt,
        outcome=line.outcome,
        at=line.at,
        message_id=line.message_id,
        error=_error(line),
        stack=tuple(line.stack),
        release=line.release,
        duration_ms=line.duration_ms,
    )


def _error(line: Handled) -> str | None:
    if line.error_type is None:
        return line.error if line.outcome == LIMITED else None
    return in_short(line.error_type, line.error)
