"""The entry of a schedule, and what it must keep to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from functions.contracts.contract import Command
from functions.contracts.path import body_of, path_field
from functions.contracts.run import SCHEDULED_TIME
from stacks import lanes

if TYPE_CHECKING:
    from stacks.entry import Integration, Queue, Topology

WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
GROUP = re.compile(r"[!-~]{1,128}")
"""What SQS takes as a message group.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
LONGEST_WINDOW = 1440
"""Minutes. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_FlexibleTimeWindow.html"""
LARGEST_INPUT = 256 * 1024
"""Bytes of what Scheduler sends. https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html"""
SURROUNDING = 4 * 1024
"""Bytes that the request around the body has at the most; a quote in the body counts as two."""
VERBS = ("pause", "resume", "run", "cancel")
"""What `python -m ops schedules` does with one."""
SOME_TIME = "2026-11-26T06:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A command that EventBridge Scheduler sends to a queue again and again.

    Each run is one effect, however often its message is delivered: its idempotency key is `<name>@<its time>`.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """

    name: str
    """In lower_case_words, one in all of the project."""
    queue: str
    """The queue that it feeds, of the same integration; routes may feed it too, events may not."""
    sends: Command
    """What each run asks for. `<aws.scheduler.scheduled-time>` in a text of it stands for the run's time."""
    every: str
    """`rate(5 minutes)`, or `cron(0 6 ? * MON-FRI *)`: minutes, hours, day of the month, month, day of the week and
    year."""
    timezone: str = "UTC"
    """The zone by whose clock a cron runs, such as `Europe/Berlin`. A time that the clocks leave out in spring has no
    run, one that comes twice in autumn has one."""
    window: int = 0
    """Minutes within which a run may come, chosen by Scheduler; 0 is at its minute."""
    overlap: Literal["queue", "skip"] = "queue"
    """What becomes of a run while the one before waits or is at work: it waits its turn like any message, or is
    skipped, which the log says. Its cost: two writes to DynamoDB a run."""
    catch_up: bool = False
    """Whether `python -m ops schedules resume` sends the runs that were missed while it was paused. Crons only."""
    group: str | None = None
    """The message group of its runs; FIFO queues only."""
    paused: bool = False
    """Whether it does not run, until this is taken out and deployed."""

    def body(self, time: str = SCHEDULED_TIME) -> str:
        """The body of the message of the run of that time, in JSON."""
        return msgspec.json.encode(self.sends.body()).decode().replace(SCHEDULED_TIME, time)

    @property
    def skips(self) -> bool:
        """Whether a run is skipped while the one before waits or is at work."""
        return self.overlap == "skip"


def refusals(topology: Topology) -> Iterator[str]:
    """What is wrong with the schedules, one sentence each."""
    every = [schedule for each in topology.integrations for schedule in each.schedules]
    for name, times in Counter(schedule.name for schedule in every).items():
        if times > 1:
            yield f"Schedule {name!r} is listed twice; remove one or rename it."
    for integration in topology.integrations:
        for schedule in integration.schedules:
            for sentence in _refusals(schedule, integration):
                yield f"Schedule {schedule.name!r}{sentence}"


def _refusals(schedule: Schedule, integration: Integration) -> Iterator[str]:
    if not WORD.fullmatch(schedule.name) or len(schedule.name) > 40:
        yield ": a name is at most 40 characters of lower_case_words; rename it."
    if schedule.name in VERBS:
        yield ": `ops schedules` takes that for what to do; rename it."
    queue = next((each for each in integration.queues if each.name == schedule.queue), None)
    if queue is None:
        yield (f" feeds queue {schedule.queue!r}, which integration {integration.name!r} does not list; add the Queue.")
        return
    yield from _times(schedule)
    yield from _payload(schedule)
    yield from _group(schedule, queue)
    same = lanes.together(integration.queues, queue)
    accepted = {route.accepts for route in integration.routes if {*same} & {*route.queues}}
    accepted |= {type(each.sends) for name in same for each in integration.scheduled(name)}
    if len(accepted) > 1:
        told = " and ".join(sorted(each.__name__ for each in accepted))
        yield f": queue {queue.name!r} gets {told}, and its consumer accepts one command; give each a queue of its own."


def _times(schedule: Schedule) -> Iterator[str]:
    from stacks import recurrence  # here, so that who has no schedule does not load calendars and zones
    from stacks.recurrence import Cron, Rate, Unreadable

    try:
        recurrence.zone(schedule.timezone)
        when = recurrence.recurring(schedule.every)
    except Unreadable as wrong:
        yield f": {wrong}."
        return
    if isinstance(when, Cron) and when.never_runs:
        yield f": {schedule.every} never runs, as there is no such date; correct it."
        return
    if not 0 <= schedule.window <= LONGEST_WINDOW:
        yield f": window is {schedule.window} minutes; choose 0 to {LONGEST_WINDOW:,}."
    elif schedule.window * 60 > when.shortest_gap:
        yield (
            f": its window of {schedule.window} minutes is longer than the {when.shortest_gap / 60:g} from one run to "
            "the next; choose a shorter one."
        )
    if schedule.overlap not in ("queue", "skip"):
        yield f": overlap is {schedule.overlap!r}; choose 'queue' or 'skip'."
    if schedule.catch_up and isinstance(when, Rate):
        yield ": only Scheduler knows when the runs of a rate would have been; write a cron, or drop catch_up."
    if schedule.catch_up and schedule.skips:
        yield ": runs that are caught up wait together, and of those overlap='skip' does one; drop one of the two."


def _payload(schedule: Schedule) -> Iterator[str]:
    command = schedule.sends
    if not isinstance(command, Command):
        yield ": sends is no command; write one with its values, such as RateTickets(language='EN')."
        return
    name = type(command).__name__
    try:
        body = schedule.body(SOME_TIME)
        msgspec.json.decode(body, type=body_of(type(command)))
    except (msgspec.ValidationError, TypeError, ValueError) as wrong:
        yield f": {name} does not fit its own contract: {wrong}; correct sends."
        return
    if len(msgspec.json.encode(body)) > LARGEST_INPUT - SURROUNDING:
        yield f": {name} is longer than what Scheduler sends; put what it says elsewhere, and send where."
    key = command.business_key
    if key is not None and SCHEDULED_TIME not in str(getattr(command, key)):
        yield (
            f": {name} is told apart by its {key}, which is the same in every run, so only the first would have an "
            f"effect; write {SCHEDULED_TIME} in it, or send a command without a business_key."
        )


def _group(schedule: Schedule, queue: Queue) -> Iterator[str]:
    if queue.fifo and schedule.group is None:
        yield f" feeds FIFO queue {queue.name!r} without a group; set group."
    if not queue.fifo and schedule.group is not None:
        yield f" has a group, but queue {queue.name!r} is standard; make it fifo=True or drop the group."
    if schedule.group is not None and not GROUP.fullmatch(schedule.group):
        yield f": group {schedule.group!r} is none of 1 to 128 letters, digits or punctuation marks; correct it."
    field = path_field(type(schedule.sends)) if isinstance(schedule.sends, Command) else None
    if field is not None and schedule.group != str(getattr(schedule.sends, field.name)):
        yield (
            f": {type(schedule.sends).__name__} takes {field.name} from its message group; feed a FIFO queue, with the "
            f"group {str(getattr(schedule.sends, field.name))!r}."
        )
