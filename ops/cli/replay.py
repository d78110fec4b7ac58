"""Replaying what the archive keeps to one subscriber: `replay`, `replays`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer
from msgspec import to_builtins

from ops.cli.options import AsJson, InStage, opened, topology
from ops.cli.progress import bar
from ops.cli.screen import print_json, said, tell, tell_aside
from ops.errors import Interrupted, OpsError
from ops.replay import run
from ops.replay import subscriber as subscribers
from ops.replay.cancel import cancel as cancel_replay
from ops.replay.run import Plan, Replay, Report, Request
from ops.replay.told import far, rest_command, subscriptions, told
from stacks import names

STOPPED = "Stopped at once: `replays` says whether a replay goes on."


def replay(
    subscriber: Annotated[str, typer.Argument(metavar="SUBSCRIBER", help="A queue that subscribes to events.")],
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="2026-11-21T10:15:00Z, or how long ago: 15m, 2h, 3d.")
    ],
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Until before then; without it until now.")
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="Only events of this type; may be said again.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is so old that an e-mail may be sent again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replay; without it nothing is changed.")] = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Sends what happened once more, to one subscriber only: a dry run, unless you say --yes.

    An event keeps its id, so what the subscriber did it neither does nor tells again: this is for one that is new, or
    that lost events. What it does for the first time it tells its own subscribers, as ever. Ctrl-C cancels the replay;
    it goes on if this process dies otherwise.

    Example: python -m ops replay mail_ticket --from 2h --yes
    """
    with said(STOPPED):
        asked = Request(subscriber=subscriber, start=start, end=end, events=tuple(event or ()), force=force)
        subscribers.subscriptions(topology(), stage, subscriber, asked.events)  # a wrong name needs no stage to be told
        there = opened(stage)
        plan = run.plan(there, asked)
        if not yes:
            if as_json:
                print_json({"acted": False, **_told(plan)})
            else:
                _tell_plan(plan)
                tell("Nothing was changed: say --yes to replay it.", style="bold")
            return
        if not as_json:
            _tell_plan(plan, acted=True)
        with bar("replaying, minute by minute", shown=not as_json) as progress:
            report = run.replay(there, plan, progress)
        _show(report, there.name, as_json=as_json)


def replays(
    cancel: Annotated[
        str | None, typer.Option(metavar="REPLAY", help="End this one; what was replayed stays so.")
    ] = None,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """The stage's replays of the last 90 days, the latest first: how far they are, or how they ended.

    Example: python -m ops replays --stage prod
    """
    with said():
        there = opened(stage)
        if cancel is not None and (problem := cancel_replay(there, cancel)) is not None:
            tell_aside(problem)
        found = [run.of(there, cancel)] if cancel is not None else run.replays(there)
    if as_json:
        print_json([_listed(each, there.name) for each in found])
        return
    for each in found:
        why = f" ({each.reason})" if each.reason else ""
        tell(f"{each.name}  {_state(each)}: {each.period}{_to(each, there.name)}{why}")
    if not found:
        tell("AWS remembers no replay of this stage.")


def _told(plan: Plan) -> dict[str, object]:
    return {
        "subscriber": plan.subscriber,
        "from": plan.period.start,
        "to": plan.period.end,
        "rules": [rule.name for rule in plan.rules],
        "events": [rule.event for rule in plan.rules],
        "archive": to_builtins(plan.archive),
        "estimate": plan.estimate,
        "notes": plan.notes,
    }


def _listed(found: Replay, stage: str) -> dict[str, object]:
    return {
        "replay": found.name,
        "state": found.state,
        "reason": found.reason,
        "from": found.period.start,
        "to": found.period.end,
        "minutes_done": found.minutes,
        "minutes": found.period.minutes,
        "started_at": found.started,
        "ended_at": found.ended,
        "subscriptions": subscriptions(found, stage),
    }


def _to(found: Replay, stage: str) -> str:
    to = subscriptions(found, stage)
    return "" if to is None else f" to {', '.join(to) or 'every rule'}"


def _tell_plan(plan: Plan, *, acted: bool = False) -> None:
    for sentence, style in told(plan, acted=acted):
        line = sentence.lstrip(" ")
        tell(line, style=style, prefix=" " * (len(sentence) - len(line)))


def _state(found: Replay) -> str:
    far = f", {found.minutes:,} of {found.period.minutes:,} minutes" if found.state != "COMPLETED" else ""
    return f"{found.state}{far}"


def _show(report: Report, stage: str, *, as_json: bool) -> None:
    """Shows how it ended, and raises what the exit code must say."""
    found, to, name = report.replay, report.plan.subscriber, report.name
    if as_json:
        ended = _listed(found, stage) if found is not None else {"replay": name}
        print_json({"acted": True, **_told(report.plan), **ended, "failure": report.failure, "problem": report.problem})
    if report.problem is not None and not as_json:
        tell(report.problem, style="yellow")
    if found is None:
        if report.cancelling:
            again = f"`{shlex.join(['replays', '--cancel', name, *_where(stage)])}` asks again"
            raise Interrupted(
                f"Lost sight of {name} while it was being cancelled: `replays` says how it ended, {again}. "
                f"{report.failure}"
            )
        raise Interrupted(f"Lost sight of {name}, which goes on: `replays` says how far it is. {report.failure}")
    reason = f": {found.reason}" if found.reason else ""
    if found.state == "COMPLETED":
        if not as_json:
            tell(f"{found.name} is done{reason}. What came of it: `queues`, and `dead` for what {to} could not take.")
        return
    goes_on = rest_command(report.plan.request, found, _where(stage))
    sentence = f"{found.name} is {found.state}{reason}; {far(found)}. `{goes_on}` goes on."
    raise Interrupted(sentence) if found.state == "CANCELLED" else OpsError(sentence)


def _where(stage: str) -> list[str]:
    return [] if stage == names.LOCAL else ["--stage", stage]
