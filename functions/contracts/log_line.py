"""The lines that a consumer writes for each message, and from which an operator reads a request's path."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct, field

PROGRESS = "progress"
"""The message of a line about progress."""
LONGEST_KEY = 256
"""Characters of a key that is told: nobody types a longer one, and every byte of a log is paid for."""


class Published(Struct, frozen=True):
    """An event as the line of its publisher names it."""

    type: str
    id: str


class Handled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt at one message. `sent` and `received_at` are epoch milliseconds, `timestamp` is ISO 8601 in UTC.

    `received_at` is when the API took the request, `sent` when SQS took the message, `timestamp` when its batch was
    done. `key` is the contract's business key, `idempotency_key` the caller's, as keys of the tenant; one is left out
    where the group or the other says the same, where a contract marks it secret, and where it is longer than
    `LONGEST_KEY`. `event_id` is the event that the message carried, `replayed` the replay that brought it. `origin` is
    the id that the message had before it waited for a limit as a copy. `outcome` is `processed`, `duplicate`,
    `skipped`, `limited`, `retried` or `rejected`; `skipped` says why. `untold` counts the events of a duplicate that
    are not told again, because a replay brought it, `planned` what is asked to be done later or cancelled. `stack` and
    `stack_digest` are those of the failure's record, and so is `release`: its `version`. `duration_ms` is how long the
    handler worked, without answers that other messages of its batch kept it from; None where it was not called.
    """

    level: str
    outcome: str = field(name="message")
    timestamp: str
    service: str
    correlation_id: str
    message_id: str
    attempt: int
    event_id: str | None = None
    group: str | None = None
    key: str | None = None
    idempotency_key: str | None = None
    received_at: str | None = None
    sent: int | None = None
    origin: str | None = None
    redriven: str | None = None
    replayed: str | None = None
    published: list[Published] = []
    untold: int = 0
    skipped: str | None = None
    planned: int = 0
    error_type: str | None = None
    error: str | None = None
    stack_digest: str | None = None
    stack: list[str] = []
    release: str | None = None
    duration_ms: int | None = None

    @property
    def at(self) -> int:
        """When the attempt ended, in epoch milliseconds."""
        return round(datetime.fromisoformat(self.timestamp).timestamp() * 1000)


class Progressed(Struct, frozen=True, kw_only=True):
    """How far a message is, said by its handler; no attempt. `timestamp` and `received_at` are those of `Handled`."""

    message: str
    timestamp: str
    service: str
    correlation_id: str
    message_id: str
    percent: int
    words: str | None = None
    received_at: str | None = None

    @property
    def at(self) -> int:
        """When it was said, in epoch milliseconds."""
        return round(datetime.fromisoformat(self.timestamp).timestamp() * 1000)


class Followed(Struct, frozen=True, kw_only=True):
    """Where a workflow stands after a message of it. `deadline` and `timestamp` are ISO 8601 in UTC."""

    kind: Literal["workflow"] = field(name="message")
    timestamp: str
    correlation_id: str
    message_id: str
    workflow: str
    key: str
    state: str
    deadline: str
    waiting_for: list[str] = []
    cause: str | None = None

    @property
    def at(self) -> int:
        """When it was written, in epoch milliseconds."""
        return round(datetime.fromisoformat(self.timestamp).timestamp() * 1000)

    @property
    def text(self) -> str:
        """In words: `tic-1 is waiting for VanReserved until 2026-11-27T09:00:00+00:00`."""
        waits = f" for {', '.join(self.waiting_for)}" if self.waiting_for else ""
        state = f"{self.state}, waiting{waits}" if waits and self.state != "waiting" else f"{self.state}{waits}"
        until = f" until {self.deadline}" if self.state == "waiting" else ""
        return f"{self.key} is {state}{until}{f': {self.cause}' if self.cause else ''}"
