"""What is known of a run: what was put in and asked for, what the proxy saw, what the command said, what is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Attributes = dict[str, tuple[str, str | bytes]]
"""By name its type and value."""


@dataclass(frozen=True)
class Letter:
    """A dead letter as it was put in. `key` stands in its body, once, and in no other."""

    key: str
    body: str
    attributes: Attributes
    group: str | None
    number: int
    """Its place in the order in which they were put in."""
    id: str
    """Its MessageId in the dead-letter queue."""


@dataclass(frozen=True)
class Copy:
    """A message as it was found in a queue or file."""

    body: str
    attributes: Attributes
    group: str | None
    id: str


@dataclass
class Send:
    """One message of one SendMessageBatch that reached SQS."""

    body: str
    at: float
    answered: float | None
    """When SQS's yes was handed to the process, by the proxy's clock; None where it was not, or was not whole."""
    process: int
    heard: bool = False
    """Whether the process asked to delete the dead letter then, which it does once it has written the yes down."""


@dataclass
class Ended:
    """One process of the command, and how it ended."""

    arguments: list[str]
    process: int
    code: int
    out: str
    err: str
    killed: float | None = None
    """When it was killed, by the proxy's clock."""
    stopped_for: float = 0.0
    signals: list[str] = field(default_factory=list)


@dataclass
class Asked:
    """What the command was asked to do, as the auditor must understand it."""

    action: str
    fifo: bool
    selected: set[str]
    """Keys of the letters that are meant, before limit and order."""
    limit: int | None = None
    patch: Any = None
    """The merge patch, decoded as `auditor.decoded` does it; None is no edit."""
    keep_order: bool = True
    rate: float | None = None
    json: bool = True
    named: bool = False
    """Whether the letters that are meant are named one by one."""
    refusing: bool = False
    """Whether the command makes no sense and must change nothing."""


@dataclass
class Evidence:
    """Everything the auditor judges."""

    asked: Asked
    letters: list[Letter]
    source: list[Copy]
    """What is in the dead-letter queue at the end, in order."""
    target: list[Copy]
    """What is in the destination at the end, in order."""
    processes: list[Ended]
    sends: list[Send]
    files: dict[str, list[Copy]] = field(default_factory=dict)
    """What exports, dropped messages and originals there are, by file."""
    unfinished: list[str] = field(default_factory=list)
    """Runs that the command says can go on, at the end."""
    began: dict[int, float] = field(default_factory=dict)
    """By process when it first asked for messages."""
    faulted: bool = False
    """Whether anything was made to fail."""
