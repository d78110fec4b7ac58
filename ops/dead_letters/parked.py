"""Groups of which something is dead, on queues that park: who is first, how many wait behind, and opening one by hand.

A place is given up by the consumer that handled its message, or here, where the message was dropped. What was deleted
otherwise, in the console or by its retention, leaves a place of a message that is nowhere: it holds its group up until
a person opens it or the place is too old for any queue to have its message.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from functions.contracts.envelope import IDEMPOTENCY_KEY, PARKED_AS, RECEIVED_AT
from functions.contracts.parked import (
    EMPTY,
    EXPIRES_AT,
    GROUP,
    TAKEN,
    TURN,
    Place,
    group_of,
    held,
    identity,
    item_key,
    places,
)
from ops import audit
from ops.depth import depth
from ops.errors import OpsError, UsageError
from ops.item import plain, typed
from ops.queue import find
from ops.redrive.journal import new_run
from ops.sqs.message import Message, Value
from ops.stage import Stage, in_words
from stacks import names
from stacks.entry import Topology

Groups = dict[str, list[Place]]
"""The places of each group that has some, the first first."""
Item = dict[str, Any]
Where = Literal["dead", "gone", "elsewhere"]
TRIES = 10
"""Writes at the most of who takes places away, while consumers change the group between each and the read before it."""
REMEMBERED = 10
"""Operators' writes that an item knows: more than there are between a call and its repetition."""

SENTENCES = {
    "dead": "",
    "gone": ", which is nowhere: --skip it, or --open the group",
    "elsewhere": ", which is not known to be dead: it is attempted, on its way, or was not looked at",
}
"""What is said of where the message is whose turn it is."""


class ParkedGroup(Struct, frozen=True, kw_only=True):
    """A group with places. `head` is the message whose turn it is, `behind` how many wait for it.

    The head is `dead`, so that the group waits for a redrive; or `gone`, so that nothing will ever open the group; or
    `elsewhere`: it is attempted, on its way, or was not looked at.
    """

    queue: str
    group: str
    head: str
    behind: int
    where: Where


def work_of(topology: Topology, word: str) -> str | None:
    """The queue that parks and that the word means, itself or by its dead-letter queue; None where it does not park."""
    work = word.removesuffix("-dlq")
    return next((queue.name for queue in topology.queues if queue.name == work and queue.on_poison == "park"), None)


def identified(message: Message) -> str:
    """Which message it is, as its place names it."""
    told = {name: value.text for name, value in message.message_attributes.items()}
    return identity(
        message.body,
        key=told.get(IDEMPOTENCY_KEY) or None,
        received_at=told.get(RECEIVED_AT) or None,
        parked_as=told.get(PARKED_AS) or None,
    )


def placed(message: Message, attributes: Mapping[str, Value]) -> dict[str, Value]:
    """The attributes with which `message` keeps its place when its body is edited: a key keeps it as it is."""
    told = message.message_attributes.get(IDEMPOTENCY_KEY)
    kept = {} if told is not None and told.text else {PARKED_AS: Value("String", identified(message))}
    return {**attributes, **kept}


def groups(stage: Stage, work: str) -> Groups:
    """Every group of the queue of that word that has places. Raises `OpsError` where the table cannot be read."""
    with in_words():
        return _groups(stage, work)


def _groups(stage: Stage, work: str) -> Groups:
    return {group: _held(item) for group, item in _items(stage, work).items()}


def _items(stage: Stage, work: str) -> dict[str, Item]:
    """The item of each group of the queue that has places."""
    pages = (
        stage.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=_table(stage),
            ConsistentRead=True,
            FilterExpression="begins_with(#group, :queue)",
            ExpressionAttributeNames={"#group": GROUP},
            ExpressionAttributeValues=typed({":queue": item_key(work, "")}),
        )
    )
    found: dict[str, Item] = {}
    for item in (plain(item) for page in pages for item in page["Items"]):
        group = group_of(item[GROUP], work)
        if group is not None and _held(item):
            found[group] = item
    return dict(sorted(found.items()))


def _held(item: Item) -> list[Place]:
    return held(places(item), time.time())


def parked(stage: Stage, work: str, seen: Sequence[Message], *, whole: bool) -> tuple[list[ParkedGroup], str | None]:
    """The groups of the queue that have places, and why they could not be read.

    `seen` are messages of its dead-letter queue; `whole` says that they are all.
    """
    try:
        known = _groups(stage, work)
    except (ClientError, BotoCoreError) as error:
        return [], str(error)
    if not known:
        return [], None
    dead = {(message.group, identified(message)) for message in seen}
    counts = depth(stage, find(stage, work))
    still = whole and not counts.waiting and not counts.in_flight and not counts.delayed

    def where(group: str, head: Place) -> Where:
        if (group, head.identity) in dead:
            return "dead"
        return "gone" if still else "elsewhere"

    return [
        ParkedGroup(queue=work, group=group, head=all_[0].identity, behind=len(all_) - 1, where=where(group, all_[0]))
        for group, all_ in known.items()
    ], None


def forget(stage: Stage, work: str, messages: Iterable[Message]) -> None:
    """Give up the places of messages that are no more in the queue or its dead-letter queue. Raises `OpsError`."""
    gone: dict[str, Counter[str]] = {}
    for message in messages:
        gone.setdefault(message.group or "", Counter())[identified(message)] += 1
    known = groups(stage, work) if gone else {}
    for group, identities in gone.items():
        for place in known.get(group, []):
            if identities[place.identity] > 0:
                identities[place.identity] -= 1
                _remove(stage, work, group, place)


class Opened(Struct, frozen=True, kw_only=True):
    """A group that was, or would be, opened: which messages lose their places."""

    queue: str
    group: str
    lost: list[str]
    acted: bool
    problem: str | None = None


def mark(lost: Sequence[str]) -> str:
    """What says in short which messages somebody was shown that would lose their places."""
    return hashlib.sha256("\n".join(lost).encode()).hexdigest()[:32]


def open_group(
    stage: Stage, work: str, group: str, *, first: bool = False, yes: bool = False, shown: str | None = None
) -> Opened:
    """Take all places of the group away, so that it is open, or only the `first`, so that the next has its turn.

    Without `yes` nothing is changed. What is redriven of an open group is handled as it arrives. What changes meanwhile
    is read again: a place that is made is taken away too and is among the `lost`, unless `shown` says what may be.

    Raises `UsageError` where the group has no place, or others than those whose `mark` is `shown`, or where the first
    is another than a moment ago; `OpsError` where AWS refuses, or where the group never stands still. Nothing was
    changed then, but perhaps where AWS refused or did not answer: that record names what would be lost, and has no end.
    """
    with in_words():
        known = _items(stage, work)
    if group not in known:
        raise UsageError(f"Nothing of group {group!r} is parked in {work}; there is: {', '.join(known) or 'none'}.")
    item = known[group]
    lost = _held(item)[: 1 if first else None]
    if not yes:
        return Opened(queue=work, group=group, lost=_identities(lost), acted=False)
    _agree(lost, group, shown)
    action: audit.Action = "skip the head of a group" if first else "open a group"
    run = new_run()
    for _ in range(TRIES):
        record = audit.begin(stage, run, action, work, {"group": group, "lost": _identities(lost)})
        changed = _take(stage, item, lost[0] if first else None)
        if changed is None:
            problem = audit.end(stage, record, {"lost": len(lost)})
            return Opened(queue=work, group=group, lost=_identities(lost), acted=True, problem=problem)
        item, before = changed, lost
        lost = _held(item)[: 1 if first else None]
        try:
            _agree(lost, group, shown, before[0] if first else None)
        except UsageError as error:
            refused: OpsError = error
            break
    else:
        refused = OpsError(f"Group {group!r} of {work} changed each time before it could be opened: try again.")
    record.asked = {"group": record.asked["group"]}
    audit.end(stage, record, {"lost": 0, "stopped": str(refused)})
    raise refused


def _agree(lost: Sequence[Place], group: str, shown: str | None, head: Place | None = None) -> None:
    """Raise `UsageError` where nobody means these: none, others than were `shown`, or another first than the `head`."""
    if not lost:
        raise UsageError(f"Nothing of group {group!r} is parked any more: it is open.")
    if shown is not None and shown != mark(_identities(lost)):
        raise UsageError(f"What is parked of group {group!r} is not what you were shown any more: look again.")
    if head is not None and head.name != lost[0].name:
        raise UsageError(f"The first of group {group!r} is not {head.identity} any more: look again.")


def _identities(lost: Sequence[Place]) -> list[str]:
    return [place.identity for place in lost]


def _take(stage: Stage, item: Item, place: Place | None) -> Item | None:
    """Take the place away, or all that there are, if the item is as it was read; else what stands there instead."""
    turn, client = _turn(), stage.client("dynamodb")
    taken = " ".join([*item.get(TAKEN, "").split(), turn][-REMEMBERED:])
    read, told = f"attribute_not_exists({TURN})", {":turn": turn}
    if TURN in item:
        read, told = f"{TURN} = :read", told | {":read": item[TURN]}
    asked = {
        "TableName": _table(stage),
        # Or if this very call has done it already: botocore asks again where the answer was lost.
        "ConditionExpression": f"{read} OR {TURN} = :turn",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with in_words():
        try:
            if place is not None:
                client.update_item(
                    Key=typed({GROUP: item[GROUP]}),
                    UpdateExpression=f"SET {TURN} = :turn, {TAKEN} = :taken REMOVE {place.name}",
                    ExpressionAttributeValues=typed(told | {":taken": taken}),
                    **asked,
                )
            else:
                # The item stays for a while, so that no write that is on its way makes it anew.
                emptied = {GROUP: item[GROUP], TURN: turn, TAKEN: taken, EXPIRES_AT: int(time.time()) + EMPTY}
                client.put_item(Item=typed(emptied), ExpressionAttributeValues=typed(told), **asked)
        except client.exceptions.ConditionalCheckFailedException as error:
            there = plain(error.response.get("Item") or {})
            return None if turn in there.get(TAKEN, "").split() else there
    return None


def _remove(stage: Stage, work: str, group: str, place: Place) -> None:
    """Remove the place, if it is still there."""
    client = stage.client("dynamodb")
    with in_words():
        try:
            client.update_item(
                TableName=_table(stage),
                Key=typed({GROUP: item_key(work, group)}),
                UpdateExpression=f"SET {TURN} = :turn REMOVE {place.name}",
                ConditionExpression=f"attribute_exists({place.name})",
                ExpressionAttributeValues=typed({":turn": _turn()}),
            )
        except client.exceptions.ConditionalCheckFailedException:
            return


def _turn() -> str:
    return uuid4().hex[:8]


def _table(stage: Stage) -> str:
    return names.resource(stage.name, names.PARKED)
