"""What a person changes of schedules: pause, resume, run, cancel; each is on record."""

from __future__ import annotations

import difflib
import time
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from functions.contracts.plan import PLACES, PLAN_COMMAND, PlanCommand, digest
from functions.contracts.run import Run
from ops import audit
from ops.answer import part
from ops.errors import UsageError
from ops.queue import find
from ops.redrive.journal import new_run
from ops.schedules.group import Deployed, Group
from ops.stage import Stage, in_words
from stacks import recurrence
from stacks.entry import Schedule
from stacks.recurrence import Cron

MOST = 100
"""Missed runs that are sent at the most: the latest."""


class Changed(Struct, frozen=True, kw_only=True):
    """What was done. `sent` are the times of the runs that were sent, `left` how many earlier ones were not."""

    schedule: str
    action: str
    changed: bool = True
    sent: list[str] = []
    left: int = 0
    message_id: str | None = None
    problem: str | None = None


def pause(stage: Stage, name: str) -> Changed:
    """Lets it run no more, until it is resumed or deployed with another entry. Nothing changes if it is paused."""
    _, deployed, group = _of_map(stage, name)
    if deployed.paused:
        return Changed(schedule=name, action="pause", changed=False)
    record = audit.begin(stage, new_run(), "pause", name, {})
    group.turn(name, "DISABLED")
    return Changed(schedule=name, action="pause", problem=audit.end(stage, record, {"paused": True}))


def resume(stage: Stage, name: str, now: datetime | None = None) -> Changed:
    """Lets it run again, and sends the runs that it missed meanwhile, if its entry says so.

    They are sent before it runs again, so that whoever is interrupted may resume once more: each has the key that
    Scheduler would have given it, and takes effect once. What it misses while that goes on is sent afterwards.
    """
    entry, deployed, group = _of_map(stage, name)
    if not deployed.paused:
        return Changed(schedule=name, action="resume", changed=False)
    record = audit.begin(stage, new_run(), "resume", name, {"catch_up": entry.catch_up})
    until = now or datetime.now(UTC)
    missed = _missed(entry, deployed, deployed.changed, until)
    sent = missed[-MOST:]
    for run in sent:
        _send(stage, entry, run)
    group.turn(name, "ENABLED")
    late = _missed(entry, deployed, until, datetime.now(UTC)) if now is None else []
    for run in late:
        _send(stage, entry, run)
    sent += late
    left = len(missed) - len(missed[-MOST:])
    problem = audit.end(stage, record, {"sent": len(sent), "left": left})
    return Changed(schedule=name, action="resume", sent=sent, left=left, problem=problem)


def run(stage: Stage, name: str, at: str | None = None) -> Changed:
    """Sends one run: that of the time, or one of its own. It does not ask whether another is at work.

    Raises `UsageError` for a time that is none, or yet to come.
    """
    entry = _entry(stage, name)
    time = _time(at) if at is not None else f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    record = audit.begin(stage, new_run(), "run", name, {"at": time})
    id_ = _send(stage, entry, time, alone=True)
    problem = audit.end(stage, record, {"message_id": id_})
    return Changed(schedule=name, action="run", sent=[time], message_id=id_, problem=problem)


def cancel(stage: Stage, name: str) -> Changed:
    """Deletes one that runs once; what is planned under a key is taken back. Raises `UsageError` for any other."""
    if "/" in name:
        return _taken_back(stage, name)
    for each in stage.topology.integrations:
        if any(entry.name == name for entry in each.schedules):
            raise UsageError(f"{name} is in the map: take it out of integration {each.name} and deploy, or pause it.")
    group = Group(stage)
    deployed = group.get(name)
    if deployed is None:
        raise UsageError(_unknown(stage, name, group.names()))
    if not deployed.once:
        raise UsageError(f"{name} runs again and again, and a stack owns it: deploy the map that it is not in.")
    record = audit.begin(stage, new_run(), "cancel", name, {"every": deployed.every})
    group.delete(deployed)
    return Changed(schedule=name, action="cancel", problem=audit.end(stage, record, {"cancelled": True}))


def _taken_back(stage: Stage, key: str) -> Changed:
    """Asks `plan_command` to cancel what is planned under the key: `<queue>/<key>`, as `schedules` shows it."""
    word = key.partition("/")[0]
    if word not in (known := [*stage.topology.delayed()]):
        raise UsageError(f"Nothing is planned for a queue {word!r}: keys begin with {', '.join(known) or 'none'}.")
    record = audit.begin(stage, new_run(), "cancel", key, {})
    now = time.time_ns() // 1_000_000
    ask = PlanCommand(asked=digest(key, record.id), order=now * PLACES, queue=word, key=key, keyed=True)
    with in_words():
        stage.client("sqs").send_message(
            QueueUrl=find(stage, PLAN_COMMAND).url, MessageBody=msgspec.json.encode(ask).decode()
        )
    return Changed(schedule=key, action="cancel", problem=audit.end(stage, record, {"asked": True}))


def _entry(stage: Stage, name: str) -> Schedule:
    entry = next((each for each in stage.topology.schedules if each.name == name), None)
    if entry is not None:
        return entry
    deployed = Group(stage).get(name)
    if deployed is not None:
        once = "runs once: `cancel` ends it" if deployed.once else "is not in the map: deploy it"
        raise UsageError(f"{name} {once}.")
    raise UsageError(_unknown(stage, name, []))


def _of_map(stage: Stage, name: str) -> tuple[Schedule, Deployed, Group]:
    entry, group = _entry(stage, name), Group(stage)
    deployed = group.get(name)
    if deployed is None:
        raise UsageError(f"Schedule {name} does not exist in {stage.region}: deploy stage {stage.name} there first.")
    return entry, deployed, group


def _unknown(stage: Stage, name: str, others: list[str]) -> str:
    known = list(dict.fromkeys([*(each.name for each in stage.topology.schedules), *others]))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no schedule {name!r}.{hint} Stage {stage.name} has: {', '.join(known[:20]) or 'none'}."


def _missed(entry: Schedule, deployed: Deployed, start: datetime, end: datetime) -> list[str]:
    """The times of the runs after `start` until `end`; none where its entry does not catch up."""
    when = recurrence.read(deployed.every)
    if not entry.catch_up or not isinstance(when, Cron):
        return []
    found = []
    for moment in when.after(start, recurrence.zone(deployed.timezone)):
        if moment > end:
            break
        found.append(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    return found


def _send(stage: Stage, entry: Schedule, time: str, *, alone: bool = False) -> str:
    """Sends the message of the run of that time, as Scheduler would; `alone` it is not skipped for another."""
    queue = find(stage, entry.queue)
    one = Run(entry.name, time, entry.skips and not alone)
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in one.attributes().items()}
    group = {"MessageGroupId": entry.group, "MessageDeduplicationId": one.key} if queue.fifo else {}
    with in_words():
        answer = stage.client("sqs").send_message(
            QueueUrl=queue.url, MessageBody=entry.body(time), MessageAttributes=attributes, **group
        )
    return str(part(answer, "MessageId"))


def _time(text: str) -> str:
    """The time as Scheduler writes it. Raises `UsageError`."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        said = None
    if said is None or said.tzinfo is None:
        raise UsageError(f"--at is {text!r}, which is no time: write 2026-11-26T06:00:00Z.")
    if said > datetime.now(UTC):
        raise UsageError(f"--at is {text!r}, which is yet to come: it runs by itself then.")
    return f"{said.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
