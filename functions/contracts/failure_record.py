"""Why a message failed, as its consumer records it in the stage's table of failures and as operators read it there."""

from __future__ import annotations

from msgspec import Struct


class FailureCause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message failed: the last failure of its own, or, while there was none, the first that was not its own.

    A failure is not a message's own where a service was away, the batch's time ran out before its turn, or another
    message blocked it. `attempts` is how often it was received by then. `function` and `version` are who failed on it.
    `stack` is where the error came from, innermost call last: `functions/open_ticket/handler.py:27 handle`; it holds no
    values. `stack_digest` is the same for failures of one type in one place. `failed_at` is ISO 8601 in UTC.

    `first_…` is the first failure of any kind, `last_…` the last of any kind.
    """

    error_type: str
    error_message: str = ""
    attempts: int = 0
    function: str | None = None
    version: str | None = None
    stack: tuple[str, ...] = ()
    stack_digest: str | None = None
    correlation_id: str | None = None
    failed_at: str | None = None
    first_error_type: str | None = None
    first_error_message: str | None = None
    first_attempts: int | None = None
    first_failed_at: str | None = None
    last_error_type: str | None = None
    last_error_message: str | None = None
    last_attempts: int | None = None
    last_failed_at: str | None = None


class FailureRecord(FailureCause, frozen=True, kw_only=True):
    """The item of the table: the cause, whose message it is, and when DynamoDB may forget it, in epoch seconds."""

    message_id: str
    queue: str
    expires_at: int
