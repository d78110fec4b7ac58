"""What is said of a replay: what it would do, how far it is, how it ended, and the command that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import structs

from ops.redrive.command import command
from ops.replay.estimate import Estimate
from ops.replay.period import shown
from ops.replay.run import Plan, Replay, Request
from stacks import names
from stacks.entry import Topology


def told(plan: Plan, *, acted: bool = False) -> Iterator[tuple[str, str]]:
    """What would be, or is, replayed to whom: sentences, each with its tone, which is that of a warning or none."""
    would = "Replaying" if acted else "Would replay"
    yield f"{would} to {plan.subscriber}, by no rule but its own, what happened from {plan.period}.", ""
    for rule in plan.rules:
        yield f"  {rule.event} by rule {rule.name}", ""
    yield count(plan.estimate), ""
    source = plan.archive
    days = f"for {_number(source.days, 'day')}" if source.days is not None else "without an end"
    every = f"{_number(source.events, 'event')} in all, {_number(source.size, 'byte')}"
    yield f"Archive {source.name} keeps {every}, each {days}; AWS's count may be a day old.", ""
    for note in plan.notes:
        yield note, "yellow"
    yield (
        f"Each event keeps its id, so what {plan.subscriber} has done it neither does nor tells again; its handler "
        "sees the replay's name. Their order is not kept.",
        "",
    )


def count(estimate: Estimate) -> str:
    """About how many events there are, and who counted them."""
    if estimate.most is None:
        return f"How many events that is {estimate.basis.removesuffix('.')}."
    if estimate.about is None:
        return f"Up to about {_number(estimate.most, 'event')}, {estimate.basis}."
    more = f", up to about {estimate.most:,}" if estimate.most > estimate.about else ""
    return f"About {_number(estimate.about, 'event')}{more}, {estimate.basis}."


def subscriptions(found: Replay, stage: str) -> list[str] | None:
    """What it is to, as alarms call it; None where that may not be read, nothing where it is to every rule."""
    if found.rules is None:
        return None
    return [arn.rpartition("/")[2].removeprefix(names.resource(stage, "")) for arn in found.rules]


def request(topology: Topology, stage: str, found: Replay) -> Request | None:
    """The request that asks for the same; None where it is not to some rules of one subscriber in the map."""
    named = {names.rule(stage, each.queue, each.event.__name__): each for each in topology.subscriptions}
    rules = [named.get(arn.rpartition("/")[2]) for arn in found.rules or ()]
    queues = {each.queue for each in rules if each is not None}
    if None in rules or len(queues) != 1:
        return None
    (queue,) = queues
    heard = {each.event for each in topology.subscriptions if each.queue == queue and each.bus is None}
    meant = {each.event for each in rules if each is not None}
    return Request(
        subscriber=queue,
        start=_said(found.period.start),
        end=_said(found.period.end),
        events=() if heard == meant else tuple(sorted(each.__name__ for each in meant)),
    )


def far(found: Replay) -> str:
    """How far one came that did not complete."""
    if found.reached is None:
        return "nothing was replayed"
    minute = found.reached.replace(second=0, microsecond=0)
    before = f"what happened before {shown(minute)} UTC was replayed, and" if minute > found.period.start else "only"
    return f"{before} a part of what happened in the minute from {shown(minute)} on"


def rest(request: Request, found: Replay) -> Request:
    """The request for what is left; the minute that was begun once more, because no order is kept in it."""
    start = max(found.reached or found.period.start, found.period.start).replace(second=0)
    return structs.replace(request, start=_said(start), end=_said(found.period.end))


def exactly(plan: Plan) -> Request:
    """The request for the very period that was planned, also if it is said later."""
    whole = Replay(name="", state="", period=plan.period)
    return rest(plan.request, whole)


def words(request: Request, *, yes: bool) -> list[str]:
    """The command that asks for it, word by word."""
    said = ["replay", request.subscriber, "--from", request.start]
    if request.end is not None:
        said += ["--to", request.end]
    for event in request.events:
        said += ["--event", event]
    return [*said, *(["--force"] if request.force else []), *(["--yes"] if yes else [])]


def replay_command(request: Request, where: Sequence[str], *, yes: bool) -> str:
    """The whole command; `where` are the options that say in which stage."""
    return command(*words(request, yes=yes), where=where)


def rest_command(request: Request, found: Replay, where: Sequence[str] = ()) -> str:
    """The command that goes on with one that did not complete, as sentences name it."""
    return shlex.join([*words(rest(request, found), yes=True), *where])


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
