"""Redrives that are under way: `status`, `cancel`."""

from __future__ import annotations

from ops.cli.damaged import tell_damaged
from ops.cli.options import AsJson, InStage, QueueName, opened
from ops.cli.screen import print_json, said, tell
from ops.queue import find_dead
from ops.redrive.runs import Run, runs, tasks
from ops.redrive.stop import stop
from stacks import names


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
        theirs, problem = tasks(there, dead)
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
        done = stop(there, find_dead(there, queue))
    if as_json:
        print_json({"moved": done.moved, "run": done.run, "ended": done.ended, "problem": done.problem})
        return
    for sentence in done.told:
        tell(sentence)
    if done.problem is not None:
        tell(done.problem, style="yellow")


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
