"""Why a message failed, as its consumer records it in the stage's table of failures and as operators read it there."""

from __future__ import annotations

from msgspec import Struct


class FailureCause(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message failed the last time.

    `attempts` is how often it was received. `function` and `version` are who failed on it. `stack` is where the error
    came from, innermost call last: `functions/open_ticket/handler.py:27 handle`; it holds no values. `stack_digest` is
    the same for failures of one type in one place. `failed_at` is ISO 8601 in UTC.
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


class FailureRecord(FailureCause, frozen=True, kw_only=True):
    """The item of the table: the cause, whose message it is, and when DynamoDB may forget it, in epoch seconds."""

    message_id: str
    queue: str
    expires_at: int
