"""Everything that is planned in a stage: when it runs next, and what became of the last run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from functions.contracts.log_line import Handled
from ops.errors import OpsError
from ops.observe.logs import TooSlow, of_runs
from ops.schedules.group import Deployed, Group
from ops.stage import Stage
from stacks import names, recurrence
from stacks.entry import Schedule
from stacks.recurrence import Rate, Unreadable

MOST = 200
"""Schedules that are shown; each is a call."""
PATIENCE = 30.0
"""Seconds for which the logs are asked."""
State = Literal["on", "paused", "not deployed"]


class Last(Struct, frozen=True):
    """The last run that a consumer's log tells of: its time, what became of it, and when, in ISO 8601."""

    run: str
    outcome: str
    at: str


class Planned(Struct, frozen=True, kw_only=True):
    """A schedule. Its `integration` is None where the map does not say it, as of one that runs once.

    `next` is when it runs next in UTC, and within `window` minutes from then; None where it does not run, or where only
    Scheduler knows, because it runs every so many seconds: then it is `within` these. `key` is that by which a plan of
    a handler or a request is cancelled.
    """

    name: str
    state: State
    integration: str | None = None
    queue: str | None = None
    every: str
    timezone: str
    window: int = 0
    overlap: str | None = None
    once: bool = False
    key: str | None = None
    next: datetime | None = None
    within: int | None = None
    last: Last | None = None


class Plans(Struct, frozen=True):
    """What is planned; `more` of it is not shown, and `remark` says why no last run is known."""

    planned: list[Planned]
    more: int = 0
    remark: str | None = None


def plans(stage: Stage, *, since: float, only: str | None = None, now: datetime | None = None) -> Plans:
    """What is planned, those of the map first, with the last runs since then (epoch seconds); `only` one of a name.

    Raises `OpsError` where AWS refuses.
    """
    now = now or datetime.now(UTC)
    group = Group(stage)
    entries = {entry.name: entry for entry in stage.topology.schedules if only in (None, entry.name)}
    others = [name for name in group.names() if name not in entries and only in (None, name)]
    room = max(MOST - len(entries), 0)
    last, remark = _last(stage, list(entries.values()), since)
    found = [_of_map(stage, entry, group.get(entry.name), last.get(entry.name), now) for entry in entries.values()]
    for name in others[:room]:
        deployed = group.get(name)
        if deployed is not None:  # else it ran meanwhile
            found.append(_planned(stage, deployed, now, entry=None, last=None))
    more = max(len(others) - room, 0)
    if any(stage.topology.delayed()):
        more += _planned_once(stage, found, only, now)
    return Plans(found, more, remark)


def _planned_once(stage: Stage, found: list[Planned], only: str | None, now: datetime) -> int:
    """Adds what handlers and requests have planned, the soonest first; how many are not shown, as far as it is known.

    There may be a million of them, and Scheduler lists them in no order of time.
    """
    group, room = Group(stage, names.PLANS), max(MOST - len(found), 0)
    known = [name for name in group.names(most=MOST) if only is None or only == name]
    once = [each for name in known[:room] if (each := group.get(name)) is not None]
    shown = [_planned(stage, each, now, entry=None, last=None) for each in once]
    found += sorted(shown, key=lambda each: each.every)
    return len(known) - len(known[:room])


def _of_map(stage: Stage, entry: Schedule, deployed: Deployed | None, last: Last | None, now: datetime) -> Planned:
    if deployed is not None:
        return _planned(stage, deployed, now, entry=entry, last=last)
    return Planned(
        name=entry.name,
        state="not deployed",
        integration=_owner(stage, entry),
        queue=entry.queue,
        every=entry.every,
        timezone=entry.timezone,
        window=entry.window,
        overlap=entry.overlap,
        last=last,
    )


def _planned(stage: Stage, deployed: Deployed, now: datetime, *, entry: Schedule | None, last: Last | None) -> Planned:
    following, within = (None, None) if deployed.paused else _next(deployed, now)
    return Planned(
        name=deployed.name,
        state="paused" if deployed.paused else "on",
        integration=_owner(stage, entry) if entry else None,
        queue=entry.queue if entry else _word(stage, deployed.queue),
        every=deployed.every,
        timezone=deployed.timezone,
        window=deployed.window,
        overlap=entry.overlap if entry else None,
        once=deployed.once,
        key=deployed.key,
        next=following,
        within=within,
        last=last,
    )


def _next(deployed: Deployed, now: datetime) -> tuple[datetime | None, int | None]:
    try:
        when = recurrence.read(deployed.every)
        if isinstance(when, Rate):
            return None, when.seconds
        return next(when.after(now, recurrence.zone(deployed.timezone)), None), None
    except Unreadable:
        return None, None


def _owner(stage: Stage, entry: Schedule) -> str:
    return next(each.name for each in stage.topology.integrations if entry in each.schedules)


def _word(stage: Stage, physical: str | None) -> str | None:
    """What people call the queue of that physical name."""
    words = {names.queue(stage.name, each.name, fifo=each.fifo): each.name for each in stage.topology.queues}
    return words.get(physical, physical) if physical is not None else None


def _last(stage: Stage, entries: list[Schedule], since: float) -> tuple[dict[str, Last], str | None]:
    """The last run of each by its name, and why none is known."""
    if not entries:
        return {}, None
    try:
        lines = of_runs(
            stage,
            functions=list(dict.fromkeys(entry.queue for entry in entries)),
            schedules=[entry.name for entry in entries],
            since=since,
            patience=PATIENCE,
        )
    except TooSlow:
        return {}, f"The logs took more than {PATIENCE:.0f} s to say what became of the last runs."
    except OpsError as error:
        return {}, f"What became of the last runs is not known: {error}"
    found: dict[str, Handled] = {}
    for line in lines:
        name, _, run = line.correlation_id.partition("@")
        before = found.get(name)
        # The later run counts, and of one run the later attempt.
        if before is None or (run, line.at) >= (before.correlation_id.partition("@")[2], before.at):
            found[name] = line
    return {
        name: Last(line.correlation_id.partition("@")[2], line.outcome, line.timestamp) for name, line in found.items()
    }, None
