"""A fact of a workflow: one read and one conditional write say how far it is, and what follows from that is told.

What a fact led to is kept in the workflow's item. So a fact that comes again, because its worker died before it could
tell, tells the same again.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from functions.contracts import workflow
from functions.contracts.contract import Event
from functions.contracts.contract import read as reading
from functions.contracts.environment import WorkflowVariables
from functions.contracts.key import joined
from functions.contracts.later import LONGEST_KEY, Cancel, Later
from functions.contracts.plan import digest
from functions.contracts.redaction import redacted
from functions.contracts.workflow import CAUSE, KEPT, WAITING_FOR, MessageDied, WorkflowDue, WorkflowRule
from functions.follow_workflow.logic import PLAN, UNPLAN, Fact, Progress, follow, missing
from functions.runtime.consumer import Duplicate, Message, Reject, Retry, consumer
from functions.runtime.excerpt import excerpt
from functions.runtime.log import log
from functions.runtime.message import Intake, in_hand, intake
from functions.runtime.record import Record
from functions.runtime.settings import on_lambda, read
from functions.runtime.table import ConditionFailed, Item, Table

TRIES = 10
"""Writes of one fact, at the most: as many facts of one workflow are handled side by side."""
REASONS = ("reason", "cause")
"""Fields in which a fact says why something failed."""
LONGEST = 2048
"""Bytes of a key with its tenant, at the most.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

_progress = Decoder(Progress)


class Followed(Struct, frozen=True):
    """A workflow as this function follows it: its rule, the classes of its events, and how its messages are read."""

    rule: WorkflowRule
    classes: dict[str, type[Event]]
    fact: Intake
    due: Intake

    @property
    def table(self) -> Table:
        """The table of its items."""
        return Table(self.rule.name)


@cache
def followed(text: str) -> Followed:
    """What the variable says. Raises `ImportError` and `AttributeError` for an event that is not there."""
    rule = workflow.read(text)
    classes = {name: getattr(import_module(module), name) for module, names in rule.modules.items() for name in names}
    facts = dict.fromkeys(classes[name] for name in rule.facts())
    dies = (MessageDied,) if any(step.dies for step in rule.steps) else ()
    return Followed(rule, classes, intake((*facts, *dies)), intake((WorkflowDue,)))


def _own() -> Followed:
    return followed(read(WorkflowVariables).workflow)


def take(record: Record) -> tuple[Any, Message]:
    """The record as a fact, or as the deadline, which is what was planned."""
    return (_own().due if record.planned_for else _own().fact)(record)


def handle(said: Event | WorkflowDue, message: Message) -> Any:
    """Note the fact and return what follows from it. Raises `Reject` for a key that cannot be one."""
    own = _own()
    key, fact = _fact(own, said, message)
    name = message.scoped(key)
    if not key or len(name.encode()) > LONGEST:
        raise Reject(
            f"{own.rule.key} is {excerpt(key, 40)!r}, which tells no workflow; send 1 to {LONGEST} bytes, its tenant "
            "and escapes included."
        )
    item = own.table.get({own.rule.key: name})
    for _ in range(TRIES):
        now = time.time()
        before = _read(item, now)
        if before is None and message.replayed and _may_be_forgotten(now):
            log(
                "WARNING",
                "replayed fact is older than a workflow is remembered, so it begins none",
                workflow=own.rule.name,
                key=name,
                message_id=message.id,
                correlation_id=message.correlation_id,
            )
            return Duplicate()
        after = follow(own.rule, before, fact, now)
        if after is None or after is before:
            _say(own.rule, name, after, message)
            return Duplicate(_results(own, after, fact, key, name))
        try:
            _write(own, name, after, item, now)
        except ConditionFailed as failed:
            item = failed.item
            continue
        _say(own.rule, name, after, message)
        return _results(own, after, fact, key, name)
    raise Retry(f"{TRIES} other facts of {own.rule.name} {name} came at the same moment.", delay=1)


def _may_be_forgotten(now: float) -> bool:
    """Whether what the fact once led to may be deleted: begun anew, its workflow would undo what is long complete."""
    from functions.runtime.plans import asked_at

    inside = in_hand.get()
    return inside is not None and asked_at(inside.record) / 1000 < now - KEPT


def _fact(own: Followed, said: Event | WorkflowDue, message: Message) -> tuple[str, Fact]:
    if isinstance(said, WorkflowDue):
        return said.key, Fact(id=message.cause)
    if isinstance(said, MessageDied):
        cause = f"{said.consumer} failed for good: {said.cause}"
        return said.keys.get(own.rule.key, ""), Fact(id=message.key, died=said.consumer, cause=cause)
    name, shown = type(said).__name__, redacted(said)
    why = next((str(shown[word]) for word in REASONS if shown.get(word)), "")
    kept = _kept(own.rule, own.classes, name)
    return (
        getattr(said, own.rule.key),
        Fact(
            id=message.key,
            name=name,
            cause=f"{name}: {excerpt(why)}" if why else name,
            fields={field: encode(getattr(said, field)).decode() for field in kept},
        ),
    )


def _kept(rule: WorkflowRule, classes: dict[str, type[Event]], fact: str) -> list[str]:
    """The fields of the fact that something told may need."""
    told = [classes[name] for name in rule.told() if fact in rule.sources(name)]
    needed = {field for each in told for field in each.__struct_fields__} - {rule.key}
    return [field for field in classes[fact].__struct_fields__ if field in needed]


def _read(item: Item | None, now: float) -> Progress | None:
    """How far the item says that it is; DynamoDB deletes what has expired days later."""
    if item is None or item["expires_at"] < now:
        return None
    return _progress.decode(item["progress"])


def _write(own: Followed, name: str, progress: Progress, before: Item | None, now: float) -> None:
    """Raises `ConditionFailed` if the item is not as it was before."""
    rule = own.rule
    shown: Item = {
        "state": progress.state,
        "done": [step.done for step in rule.steps if step.done in progress.done],
        WAITING_FOR: list(missing(rule, progress)),
        "deadline": _iso(progress.deadline),
        "updated_at": _iso(now),
        **({CAUSE: progress.cause} if progress.cause else {}),
    }
    item = {
        rule.key: name,
        **shown,
        "version": progress.version if before is None else before["version"] + 1,
        "progress": encode(progress).decode(),
        "expires_at": int(max(now, progress.deadline)) + KEPT,
    }
    if before is None:
        own.table.put(item, condition="attribute_not_exists(#key)", names={"#key": rule.key})
    else:
        condition, names = "#version = :version", {"#version": "version"}
        own.table.put(item, condition=condition, names=names, values={":version": before["version"]})


def _results(own: Followed, progress: Progress | None, fact: Fact, key: str, name: str) -> list[Any]:
    told = progress.told.get(fact.id, ()) if progress else ()
    return [_result(own, progress, each, key, name) for each in told if progress]


def _result(own: Followed, progress: Progress, told: str, key: str, name: str) -> Event | Later | Cancel:
    planned = key if len(key) <= LONGEST_KEY and key.isprintable() else digest(key)
    if told == PLAN:
        due = WorkflowDue(instance=joined(own.rule.name, name), key=key)
        return Later(due, at=datetime.fromtimestamp(progress.deadline, UTC), key=planned)
    if told == UNPLAN:
        return Cancel(WorkflowDue, planned)
    kind = own.classes[told]
    words: dict[str, Any] = {own.rule.key: key}
    mine: dict[str, Any] = {CAUSE: excerpt(progress.cause), WAITING_FOR: progress.late or ()}
    words |= {word: mine[word] for word in own.rule.words(told)}
    sources = own.rule.sources(told)
    data: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.name in words:
            data[field.encode_name] = words[field.name]
            continue
        source = next((each for each in sources if field.name in own.classes[each].__struct_fields__), None)
        kept = progress.fields.get(source or "", {}).get(field.name)
        if kept is not None:
            data[field.encode_name] = Raw(kept.encode())
    try:
        return reading(Decoder(kind), encode(data))
    except msgspec.ValidationError as wrong:
        raise Reject(f"{told} does not fit what is known of {own.rule.name} {name}: {wrong}.") from wrong


def _say(rule: WorkflowRule, name: str, progress: Progress | None, message: Message) -> None:
    """Log where the workflow stands, for whoever follows the request."""
    if progress is None:
        return
    stays = [step.done for step in rule.steps if step.stays and step.done in progress.done]
    if progress.state == "undone" and stays:
        log("ERROR", "done, and nothing undoes it", workflow=rule.name, key=name, done=stays)
    log(
        "INFO",
        "workflow",
        workflow=rule.name,
        key=name,
        state=progress.state,
        waiting_for=missing(rule, progress),
        cause=progress.cause or None,
        deadline=_iso(progress.deadline),
        message_id=message.id,
        correlation_id=message.correlation_id,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


if on_lambda():
    # While a cold start has a whole core; what is wrong with it is said where there is a message to say it of.
    with suppress(LookupError):
        _own()

handler = consumer(handle, accepts=WorkflowDue, services=("sqs",), read=take)
