"""Our own work on a queue: what runs now, here or on another machine, and the redrives from here that ended or did not.

Who works on it says its lock or its lease; what became of redrives say the journals of this machine.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from ops import lease
from ops.errors import OpsError
from ops.lease import Holder
from ops.queue import Queue
from ops.redrive import native
from ops.redrive.journal import Journal
from ops.redrive.native import Task
from ops.redrive.unfinished import journals, resume_command
from ops.stage import Stage

State = Literal["running", "running elsewhere", "interrupted", "ended"]
MOST = 10
"""Runs that are told, as many as AWS tells of its own."""


class Run(Struct, frozen=True, kw_only=True):
    """One run. `since` and `moved` are None where they are not known here, `how` says how it ended."""

    run: str
    action: str
    state: State
    since: str | None = None
    moved: int | None = None
    undeleted: int | None = None
    how: str | None = None
    who: str | None = None
    host: str | None = None
    process: int | None = None
    command: str | None = None
    """What goes on with it, where it was interrupted."""


def runs(stage: Stage, dead: Queue) -> tuple[list[Run], str | None]:
    """The latest runs, the newest first, and why those on other machines are not among them, if nobody can say.

    Raises `OpsError` where this machine's files cannot be used.
    """
    known = [each for each in journals(stage.home) if each[1].queue.address == dead.address]
    places = {journal.run: folder.name for folder, journal in known}
    by_run = {journal.run: journal for _, journal in known[-MOST:]}
    found: list[Run] = []
    at_it, problem = lease.seen(stage, dead)
    if at_it is not None:
        holder = at_it.holder
        found.append(_running(holder, by_run.pop(holder.run, None), here=at_it.here))
    found += [_past(journal, places[journal.run]) for _, journal in sorted(by_run.items(), reverse=True)]
    return found[:MOST], problem


def tasks(stage: Stage, dead: Queue) -> tuple[list[Task], str | None]:
    """AWS's own redrives from that queue, and why they are not known."""
    try:
        return native.tasks(stage, dead), None
    except OpsError as error:
        return [], f"AWS's own redrives are not known: {error}"


def _running(holder: Holder, journal: Journal | None, *, here: bool) -> Run:
    return Run(
        run=holder.run,
        action=holder.action,
        state="running" if here else "running elsewhere",
        since=holder.since,
        moved=journal.moved if journal is not None else None,
        undeleted=len(journal.pending) if journal is not None else None,
        who=holder.who,
        host=holder.host,
        process=holder.process,
    )


def _past(journal: Journal, place: str) -> Run:
    return Run(
        run=journal.run,
        action="redrive",
        state="ended" if journal.ended is not None else "interrupted",
        moved=journal.moved,
        undeleted=len(journal.pending),
        how=journal.ended,
        command=resume_command(place, journal.run, journal.queue) if journal.ended is None else None,
    )
