"""A replay: planned, started, watched, listed and cancelled. AWS does it, also when nobody watches.

It sends what the archive keeps of a period to the rules of one subscriber, minute by minute and without order within
one. Each event is as it was, its id too, with the replay's name beside: so an effect that was had is not had again.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from ops import audit
from ops.errors import Interrupted, OpsError, UsageError
from ops.redrive.journal import new_run
from ops.replay.archive import Archive, archive, kept
from ops.replay.estimate import Estimate, estimate
from ops.replay.memory import warnings
from ops.replay.period import MINUTE, Period, period
from ops.replay.subscriber import Rule, elsewhere, rules, subscriptions
from ops.stage import Stage, in_words
from stacks import names

ACTIVE = ("STARTING", "RUNNING", "CANCELLING")
MOST = 10
"""Replays at a time, of an account in a region.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""
TRIES = 5
"""How often AWS is asked once more for a replay that it does not know yet, or while it changes it."""
RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
"""How the name of a replay of the stage ends; that of a stage whose own name begins alike does not."""
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
    """What a replay would do, and the request that it is for."""

    request: Request
    subscriber: str
    period: Period
    rules: list[Rule]
    archive: Archive
    estimate: Estimate
    notes: list[str] = []


class Replay(Struct, frozen=True, kw_only=True):
    """A replay, as AWS tells of it. `reached` is when what it replayed last had happened.

    `rules` are the ARNs of the rules that it is to, none where it is to all, None where that is not known.
    """

    name: str
    state: str
    period: Period
    started: datetime | None = None
    ended: datetime | None = None
    reached: datetime | None = None
    reason: str | None = None
    rules: list[str] | None = None

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
    """What came of a replay; `failure` says why nobody knows how it ended, `problem` what went wrong beside.

    `cancelling` says that it was being cancelled then.
    """

    plan: Plan
    name: str
    replay: Replay | None = None
    failure: str | None = None
    cancelling: bool = False
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
    if not request.events:
        notes += elsewhere(stage.topology, stage.name, request.subscriber)
    found = rules(stage, meant)
    others = running(stage, source.arn)
    if busy := next((each for each in others if _meets(each, found)), None):
        raise UsageError(_busy(stage, busy, meant[0].queue))
    notes += [
        f"Replay {each.name} of the same archive is under way; to whom cannot be read, perhaps to this subscriber too."
        for each in others
        if each.rules is None
    ]
    return Plan(
        request=request,
        subscriber=meant[0].queue,
        period=left,
        rules=found,
        archive=source,
        estimate=estimate(stage, meant, left, now),
        notes=notes,
    )


def replay(stage: Stage, plan: Plan, progress: Progress, every: float | None = None, name: str | None = None) -> Report:
    """Starts what was planned and watches it until it ends, looking again after `every` seconds; Ctrl-C cancels it.

    Whoever watches may die, AWS goes on; `progress` may raise `OpsError` to leave it so. `name` is a new one's. Raises
    `UsageError` where too many replays are under way, or another to the same subscriber began at the same time and
    before it; `OpsError` where AWS refuses to start.
    """
    name = name or names.replay(stage.name, new_run())
    asked = {"from": str(plan.period.start), "to": str(plan.period.end), "rules": [rule.name for rule in plan.rules]}
    record = audit.begin(stage, name, "replay", plan.subscriber, asked)
    report = Report(plan=plan, name=name)
    result: dict[str, Any] = {"state": "not started"}
    try:
        try:
            _start(stage, name, plan)
            result = {"state": "unknown"}
            _give_way(stage, name, plan, every)
            report.replay = _follow(stage, name, progress, every)
        except KeyboardInterrupt:
            begun, result = result["state"] != "not started", {"state": "cancelling"}
            report.cancelling = True
            found = _cancelled(stage, name, every)
            if found is None and not begun:
                result = {"state": "not started"}
                raise Interrupted("Stopped before the replay began: AWS has none of it.") from None
            report.replay = found or of(stage, name)
        result = {"state": report.replay.state, "minutes": report.replay.minutes}
    except _GaveWay as other:
        result = {"state": "cancelled", "for": other.args[0].name}
        raise UsageError(f"{_busy(stage, other.args[0], plan.subscriber)} It began at the same time.") from None
    except KeyboardInterrupt:
        report.failure = "Stopped by a second Ctrl-C."
    except OpsError as error:
        if result["state"] == "not started":
            raise
        report.failure = str(error)
        result |= {"why": report.failure}
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


class _GaveWay(Exception):
    """The replay was cancelled for another, which began before it."""


def _give_way(stage: Stage, name: str, plan: Plan, every: float | None) -> None:
    """Cancels the replay if another to the same rules is under way that began before: both looked before they began."""
    every_one = {each.name: each for each in running(stage, plan.archive.arn)}
    mine = every_one.pop(name, None)
    if mine is None:
        return  # it is over, or AWS does not list it yet
    before = [each for each in every_one.values() if _meets(each, plan.rules) and _began(each) < _began(mine)]
    if before:
        _cancelled(stage, name, every)
        raise _GaveWay(min(before, key=_began))


def _began(replay: Replay) -> tuple[datetime, str]:
    return replay.started or datetime.max.replace(tzinfo=UTC), replay.name


def _meets(replay: Replay, rules: list[Rule]) -> bool:
    """Whether it is to one of the rules."""
    return replay.rules is not None and (not replay.rules or bool({*replay.rules} & {rule.arn for rule in rules}))


def _busy(stage: Stage, busy: Replay, queue: str) -> str:
    end = f"end it with `replays --cancel {busy.name}`" if _is_ours(stage, busy.name) else "end it where it was begun"
    return f"Replay {busy.name} brings events to {queue} already: wait for it, see it with `replays`, or {end}."


def _is_ours(stage: Stage, name: str) -> bool:
    prefix = names.replay(stage.name, "")
    return name.startswith(prefix) and RUN.fullmatch(name.removeprefix(prefix)) is not None


def _follow(stage: Stage, name: str, progress: Progress, every: float | None) -> Replay:
    unknown = 0
    while True:
        try:
            found = of(stage, name)
        except UsageError:  # what began a moment ago may not be known everywhere yet
            unknown += 1
            if unknown > TRIES:
                raise
            time.sleep(_pause(stage, every))
            continue
        progress(found.minutes, found.period.minutes)
        if found.state not in ACTIVE:
            return found
        time.sleep(_pause(stage, every))


def _pause(stage: Stage, every: float | None) -> float:
    return every if every is not None else 2.0 if stage.endpoint is None else 0.2


def _cancelled(stage: Stage, name: str, every: float | None) -> Replay | None:
    """The replay after it was asked to stop, or as it ended before; None where AWS knows none."""
    for _ in range(TRIES):
        try:
            _cancel(stage, name)
        except UsageError:
            try:
                return _ended(stage, name, every)
            except UsageError:
                time.sleep(_pause(stage, every))  # the start may be on its way still
        else:
            return _ended(stage, name, every)
    return None


def _ended(stage: Stage, name: str, every: float | None) -> Replay:
    while (found := of(stage, name)).state in ACTIVE:
        time.sleep(_pause(stage, every))
    return found


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
    if not _is_ours(stage, name):
        raise UsageError(_unknown(name))
    _cancel(stage, name)


def _cancel(stage: Stage, name: str) -> None:
    with in_words():
        try:
            _until_settled(stage, name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                raise UsageError(_unknown(name)) from None
            if code == "IllegalStatusException":
                raise UsageError(f"Replay {name} is over or being cancelled: `replays` says how it ended.") from None
            raise


def _until_settled(stage: Stage, name: str) -> None:
    """Asks AWS to cancel it, again where AWS is changing it just now."""
    for left in reversed(range(TRIES)):
        try:
            stage.client("events").cancel_replay(ReplayName=name)
        except ClientError as error:
            if left == 0 or error.response["Error"]["Code"] != "ConcurrentModificationException":
                raise
            time.sleep(_pause(stage, None))
        else:
            return


def one(stage: Stage, name: str) -> Replay:
    """The stage's own replay of that name. Raises `UsageError` where there is none, `OpsError` where AWS refuses."""
    if not _is_ours(stage, name):
        raise UsageError(_unknown(name))
    return of(stage, name)


def replays(stage: Stage, most: int | None = None) -> list[Replay]:
    """The stage's replays that AWS remembers, the latest first, `most` of them, with whom they are for.

    Raises `OpsError` where AWS refuses.
    """
    listed = [each for each in _listed(stage, NamePrefix=names.replay(stage.name, "")) if _is_ours(stage, each.name)]
    latest = sorted(listed, key=lambda each: each.name, reverse=True)
    return [_whole(stage, each) for each in latest[:most]]


def running(stage: Stage, archive: str) -> list[Replay]:
    """Those of an archive (its ARN) that are not over, whoever began them, with whom they are for where that is known.

    Raises `OpsError` where AWS refuses to list them.
    """
    return [_whole(stage, each) for each in _listed(stage, EventSourceArn=archive) if each.state in ACTIVE]


def _whole(stage: Stage, listed: Replay) -> Replay:
    """The replay with its rules, which a list leaves out; as it is listed where no more may be read."""
    try:
        return of(stage, listed.name)
    except OpsError:
        return listed


def _listed(stage: Stage, **asked: str) -> Iterator[Replay]:
    # One thing can be asked for at a time: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListReplays.html
    page: dict[str, str] = {}
    while True:
        with in_words():
            answer = stage.client("events").list_replays(**asked, **page)
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
        rules=told["Destination"].get("FilterArns", []) if "Destination" in told else None,
    )
