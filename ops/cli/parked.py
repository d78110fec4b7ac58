"""Groups of a queue that parks: `parked`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.cli import completion
from ops.cli.options import AsJson, InStage, opened
from ops.cli.screen import print_json, said, tell
from ops.dead_letters.parked import SENTENCES, Opened, ParkedGroup, open_group, work_of
from ops.dead_letters.peek import parked_groups
from ops.errors import UsageError
from stacks import names


def parked(
    queue: Annotated[
        str,
        typer.Argument(
            metavar="QUEUE", autocompletion=completion.QUEUES, help="The word of a queue that parks, or of its DLQ."
        ),
    ],
    open_: Annotated[
        str | None, typer.Option("--open", metavar="GROUP", help="Open this group: all of it loses its place.")
    ] = None,
    skip: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Only the first of this group loses its place: the next is first."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")] = False,
    sample: Annotated[int, typer.Option(min=1, help="Look at so many dead letters at the most.")] = 1000,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """The groups that wait for a dead message of theirs, and opening one whose message is gone for good.

    A group opens by itself once what is dead of it was redriven and handled, or dropped.

    Example: python -m ops parked change_ticket
    """
    with said():
        there = opened(stage)
        work = work_of(there.topology, queue)
        if work is None:
            which = ", ".join(each.name for each in there.topology.queues if each.on_poison == "park") or "none"
            raise UsageError(f"{queue} is no queue that parks; there is: {which}.")
        if open_ is not None and skip is not None:
            raise UsageError("--open and --skip are two things: say one of them.")
        if open_ is not None or skip is not None:
            group = str(skip if open_ is None else open_)
            _show(open_group(there, work, group, first=skip is not None, yes=yes), as_json=as_json)
            return
        found = parked_groups(there, work, sample=sample)
    if as_json:
        print_json(found)
        return
    for each in found:
        tell_group(each)
    if not found:
        tell("Nothing is parked.")


def tell_group(each: ParkedGroup, prefix: str = "") -> None:
    """One line about a group."""
    tell(f"{each.group}: {each.behind:,} behind {each.head}{SENTENCES[each.where]}", prefix=prefix)


def _show(done: Opened, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    what = f"{len(done.lost):,} of group {done.group} in {done.queue}"
    if done.acted:
        tell(f"Took the places of {what} away: {', '.join(done.lost)}.")
    else:
        tell(f"Would take the places of {what} away: {', '.join(done.lost)}.")
        tell("Nothing was changed: say --yes.", style="bold")
    if done.problem is not None:
        tell(done.problem, style="yellow")
