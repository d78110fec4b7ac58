"""What is planned: when it runs next, what became of the last run; and pause, resume, run now, cancel."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.responses import Response

from ops.console.asked import Asked, confirmed
from ops.errors import UsageError
from ops.redrive.command import command
from ops.schedules import change
from ops.schedules.change import Changed
from ops.schedules.planned import plans
from ops.schedules.told import told
from ops.stage import Stage

SINCE = 24 * 3600
"""Seconds for which the logs are searched for last runs."""
DEEDS: dict[str, Callable[[Stage, str], Changed]] = {
    "pause": change.pause,
    "resume": change.resume,
    "run": change.run,
    "cancel": change.cancel,
}
"""What can be done with one."""


def page(asked: Asked) -> Response:
    """Everything that is planned."""
    return _page(asked, [], None)


def one(asked: Asked) -> Response:
    """One of them, and what can be done with it, each with its command."""
    desk, name = asked.desk, asked.path["name"]
    found = plans(desk.stage, since=time.time() - SINCE, only=name)
    if not found.planned:
        raise UsageError(f"There is no schedule {name!r}: `schedules` lists them.")
    (each,) = found.planned
    possible = [verb for verb in DEEDS if _makes_sense(verb, each.state, once=each.once or each.key is not None)]
    known = each.key or each.name
    shells = {verb: command("schedules", verb, known, where=desk.where) for verb in possible}
    return asked.page("schedule.html", "schedules", each=each, known=known, shells=shells, remark=found.remark)


def do(asked: Asked) -> Response:
    """Does it, and says what was done."""
    verb, name = asked.path["verb"], asked.said("name") or ""
    if verb not in DEEDS:
        raise UsageError(f"{verb!r} is nothing that can be done: say {', '.join(DEEDS)}.")
    confirmed(asked, name)
    done = DEEDS[verb](asked.desk.stage, name)
    left = [f"{done.left:,} earlier ones were not sent: {change.MOST} is the most."] if done.left else []
    return _page(asked, [*told(done), *left], done.problem)


def _makes_sense(verb: str, state: str, *, once: bool) -> bool:
    if once:
        return verb == "cancel"
    return verb in {"on": ("pause", "run"), "paused": ("resume", "run"), "not deployed": ("run",)}[state]


def _page(asked: Asked, sentences: list[str], problem: str | None) -> Response:
    desk = asked.desk
    found = plans(desk.stage, since=time.time() - SINCE)
    shell = command("schedules", where=desk.where)
    return asked.page("schedules.html", "schedules", found=found, done=sentences, problem=problem, shell=shell)
