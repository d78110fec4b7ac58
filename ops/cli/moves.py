"""Redrives that are under way: `status`, `cancel`."""

from __future__ import annotations

import time
from typing import Any

from ops.cli.damaged import tell_damaged
from ops.cli.options import AsJson, InStage, QueueName, opened
from ops.cli.screen import print_json, said, tell
from ops.errors import OpsError, UsageError
from ops.lease import EVERY, ask_to_stop, seen
from ops.queue import Queue, find_dead
from ops.redrive import native
from ops.redrive.native import NoMoves, Task
from ops.redrive.runs import Run, runs
from ops.stage import Stage
from stacks import names

WAIT = 15.0
"""Seconds for which `cancel` waits for a run on this machine to end."""


def status(queue: QueueName, stage: InStage = names.LOCAL, as_json: AsJson = False) -> None:
    """The redrives from a dead-letter queue, ours and AWS's own, the latest first.

    Of ours those that run now, on whichever machine, and those from this machine that were interrupted or ended.

    Example: python -m ops status open_ticket --stage prod
    """
    with said():
        there = opened(stage)
        dead = find_dead(there, queue)
        tell_damaged(there.home, there.name)
        ours, unknown = runs(there, dead)
        theirs, problem = _tasks(there, dead)
    if as_json:
        remarks = [each for each in (unknown, problem) if each is not None]
        print_json({"queue": dead.word, "runs": ours, "tasks": theirs, "problem": " ".join(remarks) or None})
        return
    for run in ours:
        tell(_told(run))
    if not ours:
        tell("Nobody of ours works on this queue, or did from this machine.")
    for task in theirs:
        to = task.destination.rsplit(":", 1)[-1] if task.destination else "where they came from"
        rate = f" at {task.rate} a second" if task.rate else ""
        failure = f"; {task.failure}" if task.failure else ""
        tell(f"AWS's own: {task.started_at}  {task.status}: {task.moved:,} of {task.to_move:,}{rate} to {to}{failure}")
    if not theirs and problem is None:
        tell("AWS remembers no redrive of its own from this queue.")
    for remark in (unknown, problem):
        if remark is not None:
            tell(remark, style="yellow")


def cancel(queue: QueueName, stage: InStage = names.LOCAL, as_json: AsJson = False) -> None:
    """Stops what works on a dead-letter queue: AWS's own redrive, and ours, here or on another machine.

    What was moved stays moved. Ours ends after what is under way, and `resume` goes on with it.

    Example: python -m ops cancel open_ticket --stage prod
    """
    with said():
        there = opened(stage)
        dead = find_dead(there, queue)
        told: list[str] = []
        done: dict[str, Any] = {"moved": None, "run": None, "ended": None, "problem": None}
        at_it, problem = seen(there, dead)
        try:
            done["moved"] = native.cancel(there, dead)
            told.append(f"AWS's own redrive is stopping; about {done['moved']:,} messages were moved.")
        except UsageError as error:
            if at_it is None and problem is None:
                raise UsageError(f"No redrive from {dead.word} is under way, ours or AWS's.") from None
            problem = problem or (None if at_it is not None else str(error))
        except OpsError as error:
            if at_it is None and problem is None and isinstance(error, NoMoves):
                raise UsageError(f"No redrive from {dead.word} is under way.") from None
            if at_it is None:
                raise
            problem = None if there.endpoint is not None else f"AWS's own redrives: {error}"
        if at_it is not None:
            ask_to_stop(there, dead, at_it)
            holder = at_it.holder
            done |= {"run": holder.run, "ended": at_it.here and _ended(there, dead, holder.token)}
            where = f"{holder.action} {holder.run}, by {holder.who} on {holder.host}, process {holder.process},"
            if done["ended"]:
                told.append(f"{where} was asked to stop, and has.")
            else:
                told.append(f"{where} was asked to stop: within {EVERY:.0f} s it begins nothing more.")
        done["problem"] = problem
    if as_json:
        print_json(done)
        return
    for sentence in told:
        tell(sentence)
    if problem is not None:
        tell(problem, style="yellow")


def _ended(stage: Stage, dead: Queue, token: str) -> bool:
    """Whether the holder of that token ends soon."""
    end = time.monotonic() + WAIT
    while (found := seen(stage, dead)[0]) is not None and found.holder.token == token:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _tasks(stage: Stage, dead: Queue) -> tuple[list[Task], str | None]:
    """AWS's own, and why they are not known."""
    try:
        return native.tasks(stage, dead), None
    except OpsError as error:
        return [], f"AWS's own redrives are not known: {error}"


def _told(run: Run) -> str:
    moved = "" if run.moved is None else f", {run.moved:,} moved"
    match run.state:
        case "running" | "running elsewhere":
            since = (run.since or "").replace("T", " ").removesuffix("+00:00")
            return (
                f"{run.run}  {run.action} {run.state} since {since} UTC{moved}, by {run.who} on {run.host}, "
                f"process {run.process}"
            )
        case "interrupted":
            left = f"{run.undeleted:,} of them not deleted yet"
            return f"{run.run}  {run.action} interrupted{moved}, {left}: `{run.command}`"
        case _:
            how = "" if run.how == "done" else f" ({run.how})"
            return f"{run.run}  {run.action} ended{how}{moved}"
