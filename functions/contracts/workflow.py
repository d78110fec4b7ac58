"""A workflow as the stack tells it to the function that follows it, and the messages that only the platform knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec
from msgspec import Struct

from functions.contracts.contract import Command, Event
from functions.contracts.environment import DEAD_LETTER_RETENTION

FOLLOW_WORKFLOW = "follow_workflow"
"""The folder of the function that follows workflows."""
KEPT = 3 * DEAD_LETTER_RETENTION
"""Seconds for which a workflow's item stays after its deadline: longer than a fact may be in a queue or in a DLQ."""
CAUSE, WAITING_FOR = "cause", "waiting_for"
"""The fields that a workflow fills itself: why it is undone, and what it waited for when it was overdue."""

ITEM = ("state", "done", WAITING_FOR, "deadline", "updated_at", CAUSE, "version", "progress", "expires_at")
"""The attributes of a workflow's item, beside its key."""


class StepRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step, by the names of its events; `done` is its own name, too.

    `failed` say that it will not be done, and so does the last attempt of the consumer `dies`. `undo` asks for its
    effect to be undone, and `undone` says that it is. `asks` is told once all steps that it comes `after` are done.
    """

    done: str
    failed: tuple[str, ...] = ()
    dies: str | None = None
    undo: str | None = None
    undone: str | None = None
    asks: str | None = None
    after: tuple[str, ...] = ()
    harmless: bool = False

    @property
    def stays(self) -> bool:
        """Whether nothing undoes what it did, and that matters."""
        return self.undo is None and not self.harmless


class WorkflowRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workflow: its key's field, the steps in the order in which they are listed, and what is told at its ends.

    `within` is seconds from its first fact. `undoes` says that it is undone when it is overdue. `modules` say where the
    classes of all its events are.
    """

    name: str
    key: str
    within: int
    steps: tuple[StepRule, ...]
    completes: str
    overdue: str
    reversed: str | None = None
    undoes: bool = False
    modules: Mapping[str, tuple[str, ...]] = {}

    def facts(self) -> tuple[str, ...]:
        """The events that it listens to."""
        each = [(step.done, *step.failed, *((step.undone,) if step.undone else ())) for step in self.steps]
        return tuple(name for names in each for name in names)

    def told(self) -> tuple[str, ...]:
        """The events that it tells."""
        asked = [name for step in self.steps for name in (step.asks, step.undo) if name]
        return (*asked, self.completes, self.overdue, *((self.reversed,) if self.reversed else ()))

    def before(self, step: StepRule) -> tuple[StepRule, ...]:
        """The steps that are done before this one is asked for, the one listed last first."""
        names = set(self._before(step))
        return tuple(each for each in reversed(self.steps) if each.done in names)

    def _before(self, step: StepRule) -> Iterator[str]:
        for each in self.steps:
            if each.done in step.after:
                yield each.done
                yield from self._before(each)

    def sources(self, told: str) -> tuple[str, ...]:
        """The facts that fill what is told, the nearest first: those that are known for sure when it is told."""
        if told == self.completes:
            return tuple(step.done for step in reversed(self.steps))
        for step in self.steps:
            if told == step.undo:
                return (step.done, *(each.done for each in self.before(step)))
            if told == step.asks:
                return tuple(each.done for each in self.before(step))
        return ()

    def words(self, told: str) -> tuple[str, ...]:
        """The fields of what is told that the workflow fills itself, beside its key."""
        if told == self.overdue:
            return (WAITING_FOR,)
        undone = told == self.reversed or any(told == step.undo for step in self.steps)
        return (CAUSE,) if undone else ()


def written(rule: WorkflowRule) -> str:
    """The rule as a variable."""
    return msgspec.json.encode(rule).decode()


def read(text: str) -> WorkflowRule:
    """The rule that the variable says. Raises `msgspec.ValidationError`."""
    return msgspec.json.decode(text, type=WorkflowRule)


class WorkflowDue(Command, frozen=True, kw_only=True):
    """The deadline of a workflow has come: `instance` is its name and its key, of one tenant."""

    business_key: ClassVar[str | None] = "instance"

    instance: str
    key: str


class MessageDied(Event, frozen=True, kw_only=True):
    """A message had its last attempt and failed, so SQS moves it to the DLQ; told for consumers that a workflow names.

    `keys` are the fields of the message by which workflows are told apart, `cause` is why, without secrets.
    """

    source: ClassVar[str] = "dead_letters"

    consumer: str
    keys: dict[str, str]
    cause: str
