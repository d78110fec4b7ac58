"""What becomes of an ask, by what its key's item says: the same in whatever order asks come, and however often.

The later of two asks of a key is the one of the higher `order`. An item says what was asked last (`asked`, `order`,
`at`, `state`), what that took the place of (`replaced`), what was handled last (`ran`, `ran_before`), and the latest
ask that found its key planned (`wanted`): a cancellation that was asked for before that one comes too late. A
cancellation notes what it `found`, and that it was `taken_by` it: a caller who heard no answer asks again, which must
not take back, or take the place of, what was asked for since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from functions.contracts.plan import (
    CANCELLED,
    EXPIRES_AT,
    KEY,
    MINUTE,
    PLANNED_STATE,
    RAN,
    PlanCommand,
    schedule_name,
)

Item = Mapping[str, Any]
FOUND = "found"
"""What the state was that a cancellation found."""
SOONEST = 30
"""Seconds by which a schedule's minute must be ahead when it is made: what is nearer, SQS delays."""


class Write(Struct, frozen=True):
    """The one conditional write of an ask: an update of the item of its key."""

    change: str
    condition: str
    names: dict[str, str]
    values: dict[str, Any]


def write(ask: PlanCommand, now: float) -> Write:
    """What the ask makes of its item, and where it may: on an item that DynamoDB should have forgotten, always."""
    names = {"#key": KEY, "#order": "order", "#state": "state", "#expires": EXPIRES_AT}
    values = {":order": ask.order, ":state": PLANNED_STATE, ":expires": ask.expires_at(now), ":now": int(now)}
    change = "SET #order = :order, #state = :state, #expires = :expires"
    gone = "attribute_not_exists(#key) OR #expires < :now"
    if ask.at is None:
        names["#found"] = FOUND
        values |= {":state": CANCELLED, ":none": "", ":asked": ask.asked}
        change += ", #found = if_not_exists(#state, :none), taken_by = :asked"
        wanted = "(attribute_not_exists(wanted) OR wanted < :order)"
        repeat = "(attribute_not_exists(taken_by) OR taken_by <> :asked)"
        return Write(change, f"{gone} OR (#order < :order AND {wanted} AND {repeat})", names, values)
    values |= {":asked": ask.asked, ":at": ask.at, ":none": ""}
    names["#at"] = "at"
    change += ", #at = :at, replaced = if_not_exists(asked, :none), asked = :asked"
    another = "(attribute_not_exists(asked) OR (asked <> :asked AND replaced <> :asked))"
    if ask.replace:
        newer = "(#order < :order OR (#order = :order AND asked < :asked))"
        return Write(change, f"{gone} OR ({newer} AND {another})", names, values)
    values[":planned"] = PLANNED_STATE
    values.pop(":state")
    change = change.replace(":state", ":planned")
    return Write(change, f"{gone} OR (#state <> :planned AND #order < :order AND {another})", names, values)


def wish(ask: PlanCommand, item: Item) -> Write | None:
    """What notes that an ask found its key planned; None where a later one did."""
    if int(item.get("wanted", -1)) >= ask.order or int(item["order"]) >= ask.order:
        return None
    return Write(
        "SET wanted = :order",
        "asked = :theirs AND #state = :planned AND (attribute_not_exists(wanted) OR wanted < :order)",
        {"#state": "state"},
        {":order": ask.order, ":theirs": item["asked"], ":planned": PLANNED_STATE},
    )


Verdict = Literal["again", "ignored", "taken"]


def standing(ask: PlanCommand, item: Item) -> Verdict:
    """What an ask is whose write was refused by `item`.

    `again` is one that is what stands there, so that what follows from it is done again. `taken` is one that found its
    key planned by another. Everything else is over, or has been overtaken.
    """
    state = item.get("state")
    if ask.at is None:
        return "again" if state == CANCELLED and ask.asked == item.get("taken_by") else "ignored"
    if item.get("replaced") == ask.asked:
        return "ignored"
    if item.get("asked") == ask.asked:
        return "again" if state == PLANNED_STATE else "ignored"
    return "taken" if state == PLANNED_STATE and not ask.replace else "ignored"


def is_late(ask: PlanCommand, item: Item) -> bool:
    """Whether the ask is a cancellation that took nothing back, because the handling of it had begun."""
    return ask.at is None and item.get(FOUND) == RAN


def needs_schedule(at: int, now: float) -> bool:
    """Whether a message of that time, in epoch milliseconds, waits for Scheduler, or for SQS alone."""
    return at // 60_000 * MINUTE - now >= SOONEST


def left_over(ask: PlanCommand, item: Item) -> str | None:
    """The name of the schedule that the ask took the place of, or cancelled; None if there was none."""
    old = item.get("asked" if ask.at is None else "replaced")
    return schedule_name(ask.queue, ask.key, str(old)) if old and (ask.at is None or old != ask.asked) else None
