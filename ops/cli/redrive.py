"""Redriving dead letters: `redrive`, `resume`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ops import stage as stages
from ops.cli import by_hand
from ops.cli.completion import QUEUES
from ops.cli.damaged import tell_damaged
from ops.cli.message_files import show_import
from ops.cli.options import (
    Alone,
    AsJson,
    Filter,
    Ids,
    InStage,
    Limit,
    OfCause,
    OlderThan,
    QueueName,
    opened,
    selection,
    typed_stage,
)
from ops.cli.progress import bar
from ops.cli.screen import INSET, print_json, said, tell, tell_lines
from ops.dead_letters import restore
from ops.errors import UsageError
from ops.redrive import run
from ops.redrive.report import Report
from ops.redrive.request import Request, rate_of
from ops.redrive.rule import Script
from ops.redrive.told import told, verdict
from ops.redrive.unfinished import Unfinished, unfinished
from stacks import names


def redrive(
    queue: QueueName,
    yes: Annotated[bool, typer.Option("--yes", help="Redrive; without it nothing is changed.")] = False,
    to: Annotated[
        str | None, typer.Option(autocompletion=QUEUES, help="Another queue than the one they came from.")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow/--since-start", help="Go on with what comes after the start, until nothing is left."),
    ] = False,
    group: Annotated[
        str | None, typer.Option(help="The FIFO group that messages of a standard queue get in a FIFO queue.")
    ] = None,
    filter_: Filter = None,
    older_than: OlderThan = None,
    cause: OfCause = None,
    ids: Ids = None,
    limit: Limit = None,
    edit: Annotated[
        str | None,
        typer.Option(
            help="A JSON merge patch for the bodies, @FILE or - (standard input) with one or with bodies that --editor "
            "kept; the originals are kept."
        ),
    ] = None,
    in_editor: Annotated[
        bool, typer.Option("--editor", help="Edit the bodies in $VISUAL or $EDITOR, one message or many.")
    ] = False,
    python: Annotated[
        str | None,
        typer.Option(
            "--python",
            metavar="FILE:FUNCTION",
            help="Your function that is given each message and returns its new body, or None to leave it.",
        ),
    ] = None,
    rate: Annotated[
        str, typer.Option(help="Messages a second, `max`, or `auto`: as many as the other side keeps up with.")
    ] = "auto",
    natively: Annotated[
        bool | None,
        typer.Option("--native/--no-native", help="Let AWS's own redrive move, or never; by default where it can."),
    ] = None,
    out_of_order: Annotated[
        bool, typer.Option("--out-of-order", help="FIFO: let messages pass those before them that are kept.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Go on although most messages come straight back, or the contract refuses an edit."
        ),
    ] = False,
    alone: Alone = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Moves dead letters to where they came from: a dry run, unless you say --yes.

    Example: python -m ops redrive open_ticket --cause "unknown agent" --yes
    """
    with said():
        if sum((edit is not None, in_editor, python is not None)) > 1:
            raise UsageError("Messages are edited in one way: by --edit, --editor or --python.")
        request = Request(
            queue,
            selection=selection(filter_, older_than, cause, ids),
            to=to,
            group=group,
            follow=follow,
            limit=limit,
            edit=_edit(edit),
            python=Script.of(python) if python is not None else None,
            rate=rate_of(rate),
            keep_order=not out_of_order,
            force=force,
            natively=natively,
        )
        there = opened(stage)
        tell_damaged(there.home, there.name)
        if in_editor:
            report = by_hand.redrive(there, request, yes=yes, alone=alone, shown=yes and not as_json)
        else:
            with bar("redriving", shown=yes and not as_json) as progress:
                report = run.redrive(there, request, yes=yes, alone=alone, progress=progress)
        if isinstance(report, Report):
            _show(report, as_json=as_json)
        elif as_json:
            print_json({"acted": False, "remark": report})
        else:
            tell(report)


def resume(
    redrive: Annotated[str | None, typer.Argument(metavar="RUN", help="Without it, those that can go on.")] = None,
    alone: Alone = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Goes on with a redrive or import that was interrupted: nothing is sent a second time.

    What was sent and is still hidden by the process that died is waited for, two and a half minutes at the most.

    Example: python -m ops resume 20261121-101500-3f2a
    """
    with said():
        if redrive is None:
            tell_damaged(stages.HOME, typed_stage())
            _show_unfinished(unfinished(stages.HOME, typed_stage()), as_json=as_json)
            return
        there = opened(stage)
        tell_damaged(there.home, there.name)
        with bar("going on", shown=not as_json) as progress:
            result = restore.resume(there, redrive, alone=alone, progress=progress)
            report = run.resume(there, redrive, alone=alone, progress=progress) if result is None else None
        if result is not None:
            show_import(result, acted=True, as_json=as_json)
        if report is not None:
            _show(report, as_json=as_json)


def _show_unfinished(found: list[Unfinished], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for each in found:
        what = (
            f"{each.moved:,} imported from {each.file}"
            if each.file is not None
            else f"{each.moved:,} moved, {each.undeleted:,} of them not deleted yet"
        )
        tell(f"{each.redrive}  {each.queue} in {each.place}: {what}; `{each.command}`")
    if not found:
        tell("Every redrive and import ended.")


def _edit(text: str | None) -> str | None:
    """The patch, which others on this machine do not see among the processes if it is in a file."""
    try:
        if text == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        if text is None or not text.startswith("@"):
            return text
        return Path(text[1:]).read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"The edit cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}.") from None


def _show(report: Report, *, as_json: bool) -> None:
    """Shows what was done, and raises what the exit code must say."""
    if as_json:
        print_json(report)
    else:
        for each in told(report):
            if each.lines:
                tell_lines(each.text, each.tone, each.prefix)
            else:
                tell(each.text, each.tone, each.prefix, INSET if each.inset else None)
    if (ended := verdict(report)) is not None:
        raise ended
