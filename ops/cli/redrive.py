"""Redriving dead letters: `redrive`, `resume`."""

from __future__ import annotations

import math
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from ops import stage as stages
from ops.cli import by_hand
from ops.cli.completion import QUEUES
from ops.cli.counts import in_flight, in_the_queue, uncounted
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
from ops.cli.screen import INSET, print_json, said, tell
from ops.dead_letters import restore
from ops.dead_letters.selection import in_words, not_seen_in_words
from ops.dead_letters.start import START
from ops.errors import CameBack, Interrupted, Kept, UsageError
from ops.redrive import run
from ops.redrive.mover import CAME_BACK, LIMIT
from ops.redrive.report import FAILED, Report
from ops.redrive.request import Request
from ops.redrive.rule import Script
from ops.redrive.unfinished import Unfinished, unfinished
from ops.sqs.connection import INTERRUPTED
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
            rate=_rate(rate),
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


def _rate(text: str) -> float | Literal["auto", "max"]:
    if text == "auto":
        return "auto"
    if text == "max":
        return "max"
    try:
        rate = float(text)
    except ValueError:
        rate = 0
    if not 0 < rate < math.inf:
        raise UsageError(f"--rate is {text!r}: give messages a second, `max` or `auto`.")
    return rate


def _show(report: Report, *, as_json: bool) -> None:
    """Shows what was done, and raises what the exit code must say."""
    tally = report.tally
    if as_json:
        print_json(report)
    else:
        _tell(report)
    if report.stopped == INTERRUPTED:
        again = "" if report.native else f" `resume {report.run}` goes on."
        raise Interrupted(f"Stopped after {tally.moved:,} messages; the others are where they were.{again}")
    if report.stopped == FAILED and report.native:
        raise Interrupted(f"{report.run} stopped after {tally.moved:,} messages: {report.failure}")
    if report.stopped == FAILED:
        raise Interrupted(
            f"{report.run} stopped after {tally.moved:,} messages; the others are where they were, "
            f"`resume {report.run}` goes on: {report.failure}"
        )
    if report.stopped not in run.ENDS and report.acted:
        raise Interrupted(
            f"{report.run} stopped after {tally.moved:,} messages; the others are where they were, "
            f"`resume {report.run}` goes on: {report.stopped}."
        )
    if report.stopped == CAME_BACK:
        raise CameBack(
            f"Stopped after {tally.moved:,} messages, most of which came straight back. "
            "Fix the cause first, or say --force."
        )
    if report.mostly_back and report.native and not report.forced:
        raise CameBack(
            f"{tally.came_back:,} of {report.sampled:,} that would be known again came straight back, most of them: "
            "fix the cause first."
        )
    if report.mostly_back and not report.forced:
        raise CameBack(f"{tally.came_back:,} of the messages came straight back, which is most: fix the cause first.")
    if report.undeleted:
        raise Interrupted(
            f"{report.undeleted:,} were redriven and are out of sight, so they are not deleted yet: "
            f"`resume {report.run}` in two minutes, before anybody else redrives them."
        )
    if report.left:
        raise Kept(_left(report))
    kept = sum(tally.refused.values()) + tally.group_blocked + tally.lapsed + report.locked
    if report.acted and report.in_flight:
        stayed = f"{kept:,} messages stayed where they were, and {{}}" if kept else "{}"
        how = "try again" if report.native else f"`resume {report.run}` goes on"
        raise Kept(stayed.format(in_flight(report.in_flight, how)))
    if report.acted and kept and not report.whole:
        raise Kept(f"{kept:,} messages stayed where they were.")
    if report.acted and report.uncounted and report.before is not None:
        raise Kept(f"{uncounted(report.uncounted, report.before.every)} --follow takes them too.")


def _out_of_turn(behind: Counter[str], *, acted: bool) -> str:
    first = next(iter(behind))
    others = f" and {len(behind) - 1:,} others" if len(behind) > 1 else ""
    come = "come" if acted else "would come"
    return f"{behind.total():,} are behind {first}{others}, not redriven before them: they {come} straight back."


def _not_looked_at(report: Report) -> str:
    count = report.unseen or report.locked
    if report.stopped == LIMIT:
        return f"{count:,} were not looked at: the limit was reached."
    if report.stopped not in run.ENDS:
        return f"{count:,} were not looked at: {report.stopped}."
    if report.locked and report.acted:
        return f"{count:,} were not looked at: SQS shows no more of a group while its first messages are kept."
    if report.locked:
        return (
            f"{count:,} were not looked at: SQS shows the first ten of a group at the most, and no more while they are "
            "there. --yes looks at those behind what it redrives."
        )
    return f"{count:,} were not looked at: others have them, or SQS counted more than there are."


def _left(report: Report) -> str:
    """What AWS's own redrive left when it was ended, as far as SQS counts."""
    counted = report.before.every if report.before is not None else 0
    return (
        f"SQS counted {counted:,} at the start; {report.left:,} are left, and may be of those, for its counts lag, "
        "or came since: redrive again, or say --follow."
    )


def tell_sample(report: Report) -> None:
    """Says of AWS's own move what can be known of what came back, and no more."""
    back, sampled, now = report.tally.came_back, report.sampled, report.dead_again or 0
    if sampled:
        many = f"Of {sampled:,} messages" if sampled != 1 else "Of the one message"
        tell(f"{many} that would be known again, {back:,} came straight back so far.")
    if now:
        known = "" if sampled else " Whether they came straight back nobody can say: AWS moves messages without a mark."
        tell(f"About {now:,} are in {report.queue} now.{known} `peek` shows them.")


def _tell(report: Report) -> None:
    tally = report.tally
    counts = ", ".join(f"{count:,} to {name}" for name, count in tally.to.items()) or "nothing to move"
    if report.acted:
        by = " by AWS" if report.native else ""
        tell(f"{tally.moved:,} redriven from {report.queue}{by} in {report.seconds:.1f} s: {counts}.")
    else:
        many = f"{tally.matched:,}" if tally.to or not tally.matched else f"0 of {tally.matched:,}"
        tell(f"Would redrive {many} from {report.queue}: {counts}.")
    for cause, count in tally.causes.most_common():
        tell(cause, prefix=f"  {count:>6,}  ")
        for which, beside in (("first", tally.first), ("last", tally.last)):
            for words, some in beside.get(cause, Counter()).most_common():
                tell(f"{some:,} of them {which}: {words}", style="dim", prefix=" " * 10)
    for reason, count in tally.refused.items():
        tell(f"{count:,} kept: {reason}.", more=INSET)
    if tally.group_blocked:
        tell(f"{tally.group_blocked:,} kept, because a message before them in their group is kept.")
    if tally.behind:
        tell(_out_of_turn(tally.behind, acted=report.acted))
    if (left := in_words(report.unfit)) is not None:
        tell(left)
    if (late := tally.late - report.uncounted) > 0:
        more = "at least " if report.stopped == START else ""
        tell(f"{more}{late:,} came after the start and were left: --follow takes them too.".capitalize())
    if report.unseen or report.locked:
        tell(_not_looked_at(report))
    if (report.in_flight or report.left or not report.acted) and report.before is not None:
        tell(in_the_queue(report.before, report.after))
    if tally.came_back and not report.native:
        tell(f"{tally.came_back:,} came straight back and were kept.")
    if tally.lapsed:
        tell(f"{tally.lapsed:,} were not sent, because they were held for too long and others have or had them since.")
    if report.native and report.stopped == START:
        tell(
            "AWS's move was ended once it had moved as many as SQS counted at the start, and a tenth more: --follow "
            "goes on with the rest."
        )
    if report.native and report.acted:
        tell_sample(report)
    if report.maybe_twice:
        tell(f"At most {report.maybe_twice:,} may be there twice; consumers drop them by their idempotency key.")
    if report.undeleted:
        tell(f"{report.undeleted:,} are redriven and not deleted yet: `resume {report.run}` deletes them.")
    if tally.left:
        tell(f"{tally.left:,} were left alone: {report.left_by}.")
    if (unseen := not_seen_in_words(report.not_seen)) is not None:
        tell(unseen)
    if report.absent:
        tell(f"{report.absent:,} that the edit is for were not found: others have or had them since.")
    by_hand.tell_edit(report)
    if report.originals is not None:
        tell(f"The messages as they were, whole, until you delete it: {report.originals}")
    if report.edit_in is not None:
        tell(f"The edit, whole, until the redrive ended: {report.edit_in}")
    if report.edit_kept is not None:
        tell(f"The edit, whole, until you delete it: {report.edit_kept}")
    if report.problem is not None:
        tell(report.problem, style="yellow")
    if not report.acted and tally.to:
        how = (
            "--yes to redrive them"
            if report.edit_kept is None
            else f"--edit @{shlex.quote(report.edit_kept)} --yes to send it"
        )
        tell(f"Nothing was changed: say {how}.", style="bold")
