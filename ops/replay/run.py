"""A replay: planned, started, watched, listed and cancelled. AWS does it, also when nobody watches.

It sends what the archive keeps of a period to the rules of one subscriber, minute by minute and without order within
one. Each event is as it was, its id too, with the replay's name beside: so an effect that was had is not had again.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from ops import audit
from ops.errors import OpsError, UsageError
from ops.redrive.journal import new_run
from ops.replay.archive import Archive, archive, kept
from ops.replay.estimate import Estimate, estimate
from ops.replay.memory import warnings
from ops.replay.period import MINUTE, Period, period
from ops.replay.subscriber import Rule, rules, subscriptions
from ops.stage import Stage, in_words
from stacks import names

ACTIVE = ("STARTING", "RUNNING", "CANCELLING")
MOST = 10
"""Replays at a time, of an account in a region.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""
Progress = Callable[[int, int], None]
"""Takes how many minutes are replayed, and of how many."""


class Request(Struct, frozen=True, kw_only=True):
    """What is replayed to whom: times as a person says them, `events` by their types, all where there are none."""

    subscriber: str
    start: str
    end: str | None = None
    events: tuple[str, ...] = ()
    force: bool = False
    """Whether also what is so old that an effect may be had again."""


class Plan(Struct, frozen=True, kw_only=True):
    """What a replay would do."""

    subscriber: str
    period: Period
    rules: list[Rule]
    archive: Archive
    estimate: Estimate
    notes: list[str] = []


class Replay(Struct, frozen=True, kw_only=True):
    """A replay of the stage, as AWS tells of it. `reached` is when what it replayed last had happened."""

    name: str
    state: str
    period: Period
    started: datetime | None = None
    ended: datetime | None = None
    reached: datetime | None = None
    reason: str | None = None
    rules: list[str] = []

    @property
    def minutes(self) -> int:
        """How many minutes of its period are replayed."""
        if self.state == "COMPLETED":
            return self.period.minutes
        return (
            0
            if self.reached is None
            else min(max(-(-(self.reached - self.period.start) // MINUTE), 0), self.period.minutes)
        )


class Report(Struct, kw_only=True):
    """What came of a replay; `failure` says why nobody knows how it ended, `problem` what went wrong beside."""

    plan: Plan
    replay: Replay | None = None
    failure: str | None = None
    problem: str | None = None


def plan(stage: Stage, request: Request) -> Plan:
    """What that replay would do. Nothing is changed.

    Raises `UsageError` for a subscriber, an event or a period that cannot be replayed, `OpsError` where AWS refuses.
    """
    now = datetime.now(UTC)
    meant = subscriptions(stage.topology, stage.name, request.subscriber, request.events)
    asked = period(request.start, request.end, now)
    source = archive(stage, now)
    left, notes = kept(source, asked, now)
    notes += warnings(stage.topology, meant[0].queue, left, now, force=request.force)
    found = rules(stage, meant)
    busy = next((each for each in running(stage) if {*each.rules} & {rule.arn for rule in found}), None)
    if busy is not None:
        raise UsageError(
            f"Replay {busy.name} brings events to {meant[0].queue} already: wait for it, see it with `replays`, or end "
            f"it with `replays --cancel {busy.name}`."
        )
    return Plan(
        subscriber=meant[0].queue,
        period=left,
        rules=found,
        archive=source,
        estimate=estimate(stage, meant, left, now),
        notes=notes,
    )


def replay(stage: Stage, plan: Plan, progress: Progress, every: float | None = None) -> Report:
    """Starts what was planned and watches it until it ends, looking again after `every` seconds; Ctrl-C cancels it.

    Whoever watches may die, AWS goes on. Raises `UsageError` where too many replays are under way, `OpsError` where AWS
    refuses to start.
    """
    name = names.replay(stage.name, new_run())
    asked = {"from": str(plan.period.start), "to": str(plan.period.end), "rules": [rule.name for rule in plan.rules]}
    record = audit.begin(stage, name, "replay", plan.subscriber, asked)
    report = Report(plan=plan)
    result: dict[str, Any] = {"state": "not started"}
    try:
        try:
            _start(stage, name, plan)
            result = {"state": "unknown"}
            report.replay = _follow(stage, name, progress, every)
        except KeyboardInterrupt:
            result = {"state": "unknown"}
            report.replay = _cancelled(stage, name, every)
        result = {"state": report.replay.state, "minutes": report.replay.minutes}
    except OpsError as error:
        if result["state"] == "not started":
            raise
        report.failure = str(error)
    finally:
        report.problem = audit.end(stage, record, result)
    return report


def _start(stage: Stage, name: str, plan: Plan) -> None:
    with in_words():
        try:
            stage.client("events").start_replay(
                ReplayName=name,
                Description=f"To {plan.subscriber}.",
                EventSourceArn=plan.archive.arn,
                EventStartTime=plan.period.start,
                EventEndTime=plan.period.end,
                Destination={"Arn": plan.archive.bus, "FilterArns": [rule.arn for rule in plan.rules]},
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "LimitExceededException":
                raise UsageError(
                    f"AWS replays {MOST} times at once in an account and region, and so many replays are under way: "
                    "wait for one, see those of the stage with `replays`."
                ) from None
            if (
                code != "ResourceAlreadyExistsException"
            ):  # the name is new: an answer was lost, and botocore asked twice
                raise


def _follow(stage: Stage, name: str, progress: Progress, every: float | None) -> Replay:
    while True:
        found = of(stage, name)
        progress(found.minutes, found.period.minutes)
        if found.state not in ACTIVE:
            return found
        time.sleep(_pause(stage, every))


def _pause(stage: Stage, every: float | None) -> float:
    return every if every is not None else 2.0 if stage.endpoint is None else 0.2


def _cancelled(stage: Stage, name: str, every: float | None) -> Replay:
    """The replay after it was asked to stop, or as it ended before."""
    try:
        cancel(stage, name)
    except UsageError:
        return of(stage, name)  # it had ended
    return _follow(stage, name, lambda *_: None, every)


def of(stage: Stage, name: str) -> Replay:
    """The replay of that name. Raises `UsageError` where there is none, `OpsError` where AWS refuses."""
    with in_words():
        try:
            return _read(stage.client("events").describe_replay(ReplayName=name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise UsageError(_unknown(name)) from None


def _unknown(name: str) -> str:
    return f"There is no replay {name!r}: `replays` lists them. AWS forgets one after 90 days."


def cancel(stage: Stage, name: str) -> None:
    """Stops a replay of the stage; what was replayed stays so.

    Raises `UsageError` where there is none of that name or it is over, `OpsError` where AWS refuses.
    """
    if not name.startswith(names.replay(stage.name, "")):
        raise UsageError(_unknown(name))
    with in_words():
        try:
            stage.client("events").cancel_replay(ReplayName=name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                raise UsageError(_unknown(name)) from None
            if code == "IllegalStatusException":
                raise UsageError(f"Replay {name} is over or being cancelled: `replays` says how it ended.") from None
            raise


def replays(stage: Stage) -> list[Replay]:
    """The stage's replays that AWS remembers, the latest first. Raises `OpsError` where AWS refuses."""
    return sorted(_listed(stage), key=lambda each: each.name, reverse=True)


def running(stage: Stage) -> list[Replay]:
    """Those that are not over, with whom they are for."""
    return [of(stage, each.name) for each in _listed(stage) if each.state in ACTIVE]


def _listed(stage: Stage) -> Iterator[Replay]:
    page: dict[str, str] = {}
    while True:
        with in_words():
            answer = stage.client("events").list_replays(NamePrefix=names.replay(stage.name, ""), **page)
        yield from map(_read, answer["Replays"])
        if not answer.get("NextToken"):
            return
        page = {"NextToken": answer["NextToken"]}


def _read(told: dict[str, Any]) -> Replay:
    def moment(name: str) -> datetime | None:
        found: datetime | None = told.get(name)
        return found.astimezone(UTC) if found is not None else None

    start, end = moment("EventStartTime"), moment("EventEndTime")
    never = datetime.fromtimestamp(0, UTC)
    return Replay(
        name=told["ReplayName"],
        state=told["State"],
        reason=told.get("StateReason"),
        period=Period(start or never, end or never),
        started=moment("ReplayStartTime"),
        ended=moment("ReplayEndTime"),
        reached=moment("EventLastReplayedTime"),
        rules=told.get("Destination", {}).get("FilterArns", []),
    )
