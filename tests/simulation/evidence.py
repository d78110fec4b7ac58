"""What is left of a scenario, for the auditor: nothing in it comes from a function's or the consumer's own account."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PERSON = "a person"
"""Who does what no function does."""


@dataclass(frozen=True)
class Accepted:
    """A message that a queue accepted at the edge: what a caller was told is safe."""

    at: float
    queue: str
    id: str
    body: str
    attributes: dict[str, str]
    group: str | None


@dataclass(frozen=True)
class Write:
    """A write that a table applied: `before` and `after` are the item as DynamoDB types it."""

    at: float
    worker: str
    table: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True)
class Told:
    """An entry that the bus accepted."""

    at: float
    type: str
    detail: dict[str, Any]


@dataclass
class Mail:
    """An e-mail that SES sent. `answered` says whether its sender heard so."""

    at: float
    worker: str
    subject: str
    answered: bool = True


@dataclass(frozen=True)
class Death:
    """A message that SQS or EventBridge moved to a dead-letter queue. `error` is what EventBridge says beside it."""

    at: float
    queue: str
    id: str
    body: str
    attributes: dict[str, str]
    group: str | None
    error: str | None = None


@dataclass(frozen=True)
class Switched:
    """A switch of the event source mapping of `function`, by a function or a person; `was` is what it was before."""

    at: float
    function: str
    who: str
    on: bool
    was: bool


@dataclass(frozen=True)
class Attempt:
    """A write that a function asked a table for, whatever became of it."""

    at: float
    table: str
    text: str


@dataclass
class Evidence:
    """One scenario's. Times are seconds since it began.

    `poison` names what cannot succeed, by queue and subject, with the cause that it must have. `causes` are the failure
    records by message id, `left` the messages still in a queue, `dead` the ids of those still in a dead-letter queue,
    `dropped` of those that a person deleted.
    `killed` says why each worker died that did, `faults` counts what was done to calls. `fans` are the queues that each
    event reaches. `unreadable` are lines of the log that are not one short JSON object. `spent` counts
    the invocations while a service had been away for some time. `switched` are the switches of mappings, `off` the
    functions whose mapping is not enabled in the end. `used` is what was asked for: function, action and resource.
    `arrived` are messages that came to their queue at their time, from Scheduler or by SQS's delay; `waiting` are
    schedules that still wait. `attempts` are the writes that were asked for on tables of which runs of schedules are.
    """

    accepted: list[Accepted] = field(default_factory=list)
    poison: dict[tuple[str, str], str] = field(default_factory=dict)
    fans: dict[str, list[str]] = field(default_factory=dict)
    history: list[Write] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    left: list[Accepted] = field(default_factory=list)
    causes: dict[str, dict[str, Any]] = field(default_factory=dict)
    killed: dict[str, str] = field(default_factory=dict)
    redriven_at: float | None = None
    dropped: set[str] = field(default_factory=set)
    hours: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    spent: int = 0
    switched: list[Switched] = field(default_factory=list)
    off: set[str] = field(default_factory=set)
    used: set[tuple[str, str, str]] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)
    arrived: list[Accepted] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
