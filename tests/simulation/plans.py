"""What was asked for later, and what became of it: the auditor's own reading of plans, cancellations and delays.

It knows what callers sent and when, and which reminders were noted and when; nothing of items, schedules or queues in
between. How long an ask may take until it holds is the scenario's to say (`settle`): what happens within that is a race
that either side may win, what happens after it is not.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.simulation.evidence import Accepted, Death, Evidence

QUEUES = ("plan_ticket", "plan_command", "remind_ticket")
MINUTE = 120.0
"""Seconds that what is planned comes too late where nothing fails: Scheduler's minute, and one for its queue."""
Found = Iterator[tuple[str, str]]
"""Names of counts, each with what it was."""


@dataclass
class Ask:
    """What a caller asked for: to be reminded `after` seconds, or to take that back.

    `plain` is ignored while something waits under its key, `replace` takes its place, `cancel` takes it back. A
    `request` is itself what waits, and is never ignored.
    """

    kind: Literal["plain", "replace", "cancel", "request"]
    key: tuple[str, str]
    note: str
    at: float
    after: float
    message: Accepted
    runs: list[float] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    left: bool = False

    @property
    def due(self) -> float:
        """The moment before which it must not run."""
        return self.at + self.after

    @property
    def name(self) -> str:
        """What to call it."""
        return f"{self.kind} {'/'.join(self.key)} {self.note!r} of {self.at:.1f} s for {self.due:.1f} s"


def judge(evidence: Evidence, *, settle: float, skew: float, tardy: float) -> Found:
    """What to count, with `accepted` and `effects` among it.

    `skew` is how far clocks are off, `tardy` how many seconds Scheduler may be late.
    """
    last = settle + MINUTE + tardy
    asks = _asks(evidence)
    yield from _effects(asks, evidence)
    yield from _arrivals(asks, evidence)
    keys: dict[tuple[str, str], list[Ask]] = defaultdict(list)
    for ask in sorted(asks.values(), key=lambda each: each.at):
        keys[ask.key].append(ask)
        yield "accepted", ask.name
        if ask.runs:
            yield "effects", ask.name
            if ask.runs[0] < ask.due - 2 * skew - 0.01:
                yield "early", f"{ask.name} ran at {ask.runs[0]:.1f} s"
            if ask.runs[0] > ask.due + last:
                yield "late", f"{ask.name} ran at {ask.runs[0]:.1f} s"
        if len(ask.runs) > 1:
            yield "doubled", f"{ask.name} ran at {', '.join(f'{at:.1f}' for at in ask.runs)} s"
        if ask.deaths:
            yield "died", ask.name
    for group in keys.values():
        yield from _taken_back(group, settle)
        yield from _twice(group, settle)
        yield from _lost(group, last)
    for name in evidence.waiting:
        yield "stuck", f"schedule {name} still waits"


def _asks(evidence: Evidence) -> dict[tuple[str, str], Ask]:
    """Every ask once, however often its message came: by its correlation id and its body."""
    asks: dict[tuple[str, str], Ask] = {}
    for message in evidence.accepted:
        if message.queue in QUEUES:
            ask = _ask(message)
            asks.setdefault((message.attributes["correlation_id"], message.body), ask)
    by_correlation: dict[str, list[Ask]] = defaultdict(list)
    for (correlation, _), ask in asks.items():
        by_correlation[correlation].append(ask)
    for death in evidence.deaths:
        if death.queue in QUEUES:
            for ask in by_correlation[death.attributes["correlation_id"]]:
                ask.deaths.append(death)
    for waiting in evidence.left:
        if waiting.queue in QUEUES:
            for ask in by_correlation[waiting.attributes["correlation_id"]]:
                ask.left = True
    return asks


def _ask(message: Accepted) -> Ask:
    said, tenant = json.loads(message.body), message.attributes.get("tenant", "")
    if message.queue == "remind_ticket":
        after = float(message.attributes.get("deliver_at", "+0").removeprefix("+"))
        key = (tenant, message.attributes["idempotency_key"])
        return Ask("request", key, said["note"], message.at, after, message)
    kind: Literal["plain", "replace", "cancel"]
    kind = "cancel" if said.get("cancel") else "replace" if said.get("replace") else "plain"
    return Ask(kind, (tenant, said["ticket_id"]), said.get("note", ""), message.at, said.get("after", 0), message)


def _effects(asks: dict[tuple[str, str], Ask], evidence: Evidence) -> Found:
    """Hand each reminder that was noted to who asked for it; what nobody asked for so is altered."""
    by_note = {ask.note: ask for ask in asks.values() if ask.kind != "cancel"}
    for write in evidence.history:
        if write.table.rpartition("-")[2] != "reminders" or write.after is None:
            continue
        said = {name: next(iter(value.values())) for name, value in write.after.items()}
        ask = by_note.get(said["note"])
        told = {"correlation_id": said["correlation_id"]} | ({"tenant": said["tenant"]} if said["tenant"] else {})
        if ask is None or not told.items() <= ask.message.attributes.items():
            yield "altered", f"{said['note']!r} of {told} was noted, for which nobody asked"
        else:
            ask.runs.append(write.at)


def _arrivals(asks: dict[tuple[str, str], Ask], evidence: Evidence) -> Found:
    """A message comes as it was asked for: a request byte for byte with its attributes, a command as its contract."""
    wanted = {ask.note: ask for ask in asks.values() if ask.kind != "cancel"}
    for message in evidence.arrived:
        said = json.loads(message.body)
        ask = wanted.get(said["note"])
        if ask is None:
            yield "altered", f"{message.body} came, for which nobody asked"
            continue
        same = {
            name: text for name, text in ask.message.attributes.items() if name not in ("deliver_at", "received_at")
        }
        if ask.kind != "request":
            same.pop("idempotency_key")
            is_same = said == {"ticket_id": ask.key[1], "note": ask.note}
        else:
            is_same = message.body == ask.message.body
        if not is_same or not same.items() <= message.attributes.items():
            yield "altered", f"{ask.name} came as {message.body} with {message.attributes}"


def _taken_back(group: list[Ask], settle: float) -> Found:
    """What was cancelled or replaced does not run once that holds; before it does, either may have been quicker."""
    for place, ask in enumerate(group):
        for later in group[place + 1 :]:
            takes = later.kind == "cancel" or (later.kind == "replace" and ask.kind != "request")
            if takes and any(at > later.at + settle for at in ask.runs):
                yield "unwanted", f"{ask.name} ran at {ask.runs[-1]:.1f} s after {later.name}"


def _twice(group: list[Ask], settle: float) -> Found:
    """Of those that find their key planned none runs."""
    for place, first in enumerate(group):
        if first.kind == "cancel" or (place and first.kind != "replace"):
            continue
        for ask in group[place + 1 :]:
            if ask.kind != "plain":
                break
            while_it_waits = first.at + settle < ask.at and ask.at + settle < first.due
            if while_it_waits and ask.runs:
                yield "doubled", f"{ask.name} ran, though its key was planned by {first.name}"


def _lost(group: list[Ask], last: float) -> Found:
    """What nobody took back runs, or something that its key had planned already."""
    for place, ask in enumerate(group):
        if ask.kind == "cancel" or ask.left or ask.deaths:
            continue
        over = max(each.due for each in group[: place + 1]) + last
        taken = [each for each in group[place + 1 :] if each.kind in ("cancel", "replace") and each.at <= over]
        if ask.kind == "request":
            taken = [each for each in taken if each.kind == "cancel"]
        if taken:
            continue
        own = ask.kind in ("replace", "request")
        if not (ask.runs if own else [at for each in group for at in each.runs if at >= ask.at]):
            yield "lost", ask.name
