"""What is planned, and changing it: `schedules`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ops.cli import completion
from ops.cli.options import AsJson, InStage, opened, topology
from ops.cli.screen import Line, out, print_json, said, sheet, tell, tell_aside
from ops.dead_letters.selection import seconds
from ops.errors import UsageError
from ops.schedules import change
from ops.schedules.change import Changed
from ops.schedules.planned import Planned, Plans, plans
from ops.schedules.told import told
from ops.span import span
from ops.stage import Stage
from stacks import names
from stacks.schedule import VERBS

STYLES = {"processed": "green", "duplicate": "green", "skipped": "yellow", "retried": "yellow", "rejected": "bold red"}
TITLES = ("schedule", "every", "next run", "last run", "outcome", "state")
NARROW = ("schedule", *TITLES[2:])


def schedules(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[ACTION] [NAME]",
            autocompletion=completion.SCHEDULES,
            help="Only this schedule; or pause, resume, run or cancel, and the schedule's name.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Argument(hidden=True, autocompletion=completion.SCHEDULES)] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="With run: the run of that time, 2026-11-26T06:00:00Z.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="How far back the logs are searched for last runs: 90s, 15m, 2h, 3d.")
    ] = "1d",
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Everything that is planned: when it runs next, what became of the last run, and whether it is paused.

    `pause NAME` and `resume NAME` hold until a deployment changes the schedule; for longer say paused=True in the map.
    `resume` sends what was missed if the map says catch_up. `run NAME` sends one run now, with a key of its own, or the
    run of --at TIME with its own. `cancel NAME` ends one that runs once, and
    `cancel QUEUE/KEY` what a handler or a request has planned under that key.

    Example: python -m ops schedules pause rate_tickets --stage prod
    """
    with said("Stopped at once: `schedules` shows what was done; whatever was not may be said again."):
        verb, only = (what, name) if what in VERBS else (None, what)
        _check(verb, only, name, at)
        there = opened(stage)
        if verb is not None and only is not None:
            _tell_changed(_do(there, verb, only, at), as_json=as_json)
            return
        found = plans(there, since=time.time() - seconds(since), only=only)
        if only is not None and not found.planned:
            raise UsageError(f"There is no schedule {only!r}: `schedules` lists them.")
    if as_json:
        print_json(found)
        return
    _tell(found)


def _check(verb: str | None, only: str | None, name: str | None, at: str | None) -> None:
    if verb is not None and only is None:
        raise UsageError(f"Say which one: schedules {verb} NAME.")
    if verb is None and name is not None:
        raise UsageError(f"{only!r} is nothing that can be done: say {', '.join(VERBS[:-1])} or {VERBS[-1]}.")
    if at is not None and verb != "run":
        raise UsageError("--at goes with run.")
    if verb is not None and verb != "cancel" and not topology().schedules:
        raise UsageError("The map has no schedules.")


def _do(stage: Stage, verb: str, name: str, at: str | None) -> Changed:
    if verb == "run":
        return change.run(stage, name, at)
    done: dict[str, Callable[[Stage, str], Changed]] = {
        "pause": change.pause,
        "resume": change.resume,
        "cancel": change.cancel,
    }
    return done[verb](stage, name)


def _tell_changed(done: Changed, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    for sentence in told(done):
        tell(sentence)
    if done.left:
        tell(f"{done.left:,} earlier ones were not sent: {change.MOST} is the most.", style="yellow")
    if done.problem is not None:
        tell_aside(done.problem)


def _tell(found: Plans) -> None:
    if found.planned:
        whole = sheet(TITLES, [*_lines(found, apart=False)], out.width)
        out.print(whole if isinstance(whole, Table) else sheet(NARROW, [*_lines(found, apart=True)], out.width))
    else:
        tell("Nothing is planned.")
    if found.more:
        tell(f"{found.more:,} more are not shown.", style="dim")
    if found.remark is not None:
        tell_aside(found.remark)


def _lines(found: Plans, *, apart: bool) -> Iterator[Line]:
    """A line for each, below its integration; with `apart` its name stands above its expression."""
    before: str | None = ""
    for each in found.planned:
        if each.integration != before:
            yield Text(each.integration or "not in the map", "bold"), []
            before = each.integration
        figures = [Text(_next(each)), *_last(each), _state(each)]
        if apart:
            yield Text(f"  {each.key or each.name}"), []
            yield Text(f"    {_every(each)}"), figures
        else:
            yield Text(f"  {each.key or each.name}"), [Text(_every(each)), *figures]


def _every(each: Planned) -> str:
    zone = "" if each.timezone == "UTC" else f" {each.timezone}"
    return f"{each.every}{zone}"


def _next(each: Planned) -> str:
    if each.within is not None:
        return f"within {span(each.within)}"
    if each.next is None:
        return "-" if each.state != "on" else "never"
    return shown(each.next) + (f" +{each.window} min" if each.window else "")


def _last(each: Planned) -> list[Text]:
    if each.last is None:
        return [Text("-"), Text("-")]
    return [
        Text(shown(datetime.fromisoformat(each.last.run))),
        Text(each.last.outcome, STYLES.get(each.last.outcome, "")),
    ]


def _state(each: Planned) -> Text:
    return Text(each.state, "green" if each.state == "on" else "yellow")


def shown(moment: datetime) -> str:
    """A moment of UTC to the minute, to the second where it has some."""
    return f"{moment:%Y-%m-%d %H:%M}{f':{moment:%S}' if moment.second else ''}Z"
