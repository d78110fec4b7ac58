"""What a redrive did, or would do, in sentences: the same wherever a person reads them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ops.dead_letters.counts import in_flight, in_the_queue, uncounted
from ops.dead_letters.selection import in_words, not_seen_in_words
from ops.dead_letters.start import START
from ops.errors import CameBack, Interrupted, Kept, OpsError
from ops.redrive.mover import CAME_BACK, LIMIT
from ops.redrive.report import FAILED, Report
from ops.redrive.run import ENDS
from ops.sqs.connection import INTERRUPTED


@dataclass(frozen=True)
class Told:
    """A sentence, or with `lines` a text of several lines; `prefix` stands before it where there are columns.

    `inset` says that what of it goes on in another line begins further in.
    """

    text: str
    tone: Literal["", "dim", "bold", "yellow"] = ""
    prefix: str = ""
    inset: bool = False
    lines: bool = False


def told(report: Report) -> Iterator[Told]:
    """What was done, or would be, sentence by sentence."""
    tally = report.tally
    counts = ", ".join(f"{count:,} to {name}" for name, count in tally.to.items()) or "nothing to move"
    if report.acted:
        by = " by AWS" if report.native else ""
        yield Told(f"{tally.moved:,} redriven from {report.queue}{by} in {report.seconds:.1f} s: {counts}.")
    else:
        many = f"{tally.matched:,}" if tally.to or not tally.matched else f"0 of {tally.matched:,}"
        yield Told(f"Would redrive {many} from {report.queue}: {counts}.")
    for cause, count in tally.causes.most_common():
        yield Told(cause, prefix=f"  {count:>6,}  ")
        for which, beside in (("first", tally.first), ("last", tally.last)):
            for words, some in beside.get(cause, Counter()).most_common():
                yield Told(f"{some:,} of them {which}: {words}", tone="dim", prefix=" " * 10)
    for reason, count in tally.refused.items():
        yield Told(f"{count:,} kept: {reason}.", inset=True)
    if tally.group_blocked:
        yield Told(f"{tally.group_blocked:,} kept, because a message before them in their group is kept.")
    if tally.behind:
        yield Told(_out_of_turn(tally.behind, acted=report.acted))
    if (left := in_words(report.unfit)) is not None:
        yield Told(left)
    if (late := tally.late - report.uncounted) > 0:
        more = "at least " if report.stopped == START else ""
        yield Told(f"{more}{late:,} came after the start and were left: --follow takes them too.".capitalize())
    if report.unseen or report.locked:
        yield Told(_not_looked_at(report))
    if (report.in_flight or report.left or not report.acted) and report.before is not None:
        yield Told(in_the_queue(report.before, report.after))
    if tally.came_back and not report.native:
        yield Told(f"{tally.came_back:,} came straight back and were kept.")
    if tally.lapsed:
        yield Told(
            f"{tally.lapsed:,} were not sent, because they were held for too long and others have or had them since."
        )
    if report.native and report.stopped == START:
        yield Told(
            "AWS's move was ended once it had moved as many as SQS counted at the start, and a tenth more: --follow "
            "goes on with the rest."
        )
    if report.native and report.acted:
        yield from _sample(report)
    if report.maybe_twice:
        yield Told(f"At most {report.maybe_twice:,} may be there twice; consumers drop them by their idempotency key.")
    if report.undeleted:
        yield Told(f"{report.undeleted:,} are redriven and not deleted yet: `resume {report.run}` deletes them.")
    if tally.left:
        yield Told(f"{tally.left:,} were left alone: {report.left_by}.")
    if (unseen := not_seen_in_words(report.not_seen)) is not None:
        yield Told(unseen)
    if report.absent:
        yield Told(f"{report.absent:,} that the edit is for were not found: others have or had them since.")
    yield from _edit(report)
    if report.originals is not None:
        yield Told(f"The messages as they were, whole, until you delete it: {report.originals}")
    if report.edit_in is not None:
        yield Told(f"The edit, whole, until the redrive ended: {report.edit_in}")
    if report.edit_kept is not None:
        yield Told(f"The edit, whole, until you delete it: {report.edit_kept}")
    if report.problem is not None:
        yield Told(report.problem, tone="yellow")
    if not report.acted and tally.to:
        how = (
            "--yes to redrive them"
            if report.edit_kept is None
            else f"--edit @{shlex.quote(report.edit_kept)} --yes to send it"
        )
        yield Told(f"Nothing was changed: say {how}.", tone="bold")


def verdict(report: Report) -> OpsError | None:
    """What a script must know of how it ended, and a person: the error that says so; None where all is done."""
    tally = report.tally
    if report.stopped == INTERRUPTED:
        again = "" if report.native else f" `resume {report.run}` goes on."
        return Interrupted(f"Stopped after {tally.moved:,} messages; the others are where they were.{again}")
    if report.stopped == FAILED and report.native:
        return Interrupted(f"{report.run} stopped after {tally.moved:,} messages: {report.failure}")
    if report.stopped == FAILED:
        return Interrupted(
            f"{report.run} stopped after {tally.moved:,} messages; the others are where they were, "
            f"`resume {report.run}` goes on: {report.failure}"
        )
    if report.stopped not in ENDS and report.acted:
        return Interrupted(
            f"{report.run} stopped after {tally.moved:,} messages; the others are where they were, "
            f"`resume {report.run}` goes on: {report.stopped}."
        )
    if report.stopped == CAME_BACK:
        return CameBack(
            f"Stopped after {tally.moved:,} messages, most of which came straight back. "
            "Fix the cause first, or say --force."
        )
    if report.mostly_back and report.native and not report.forced:
        return CameBack(
            f"{tally.came_back:,} of {report.sampled:,} that would be known again came straight back, most of them: "
            "fix the cause first."
        )
    if report.mostly_back and not report.forced:
        return CameBack(f"{tally.came_back:,} of the messages came straight back, which is most: fix the cause first.")
    if report.undeleted:
        return Interrupted(
            f"{report.undeleted:,} were redriven and are out of sight, so they are not deleted yet: "
            f"`resume {report.run}` in two minutes, before anybody else redrives them."
        )
    if report.left:
        return Kept(_left(report))
    kept = sum(tally.refused.values()) + tally.group_blocked + tally.lapsed + report.locked
    if report.acted and report.in_flight:
        stayed = f"{kept:,} messages stayed where they were, and {{}}" if kept else "{}"
        how = "try again" if report.native else f"`resume {report.run}` goes on"
        return Kept(stayed.format(in_flight(report.in_flight, how)))
    if report.acted and kept and not report.whole:
        return Kept(f"{kept:,} messages stayed where they were.")
    if report.acted and report.uncounted and report.before is not None:
        return Kept(f"{uncounted(report.uncounted, report.before.every)} --follow takes them too.")
    return None


def _edit(report: Report) -> Iterator[Told]:
    """What is changed, for the first few, and what contracts say of all."""
    more = f"; the first {len(report.differences)}" if report.edited > len(report.differences) else ""
    if report.edited:
        yield Told(f"{report.edited:,} edited{more}:")
    for changes, judged in zip(report.differences, report.verdicts, strict=True):
        yield Told(f"{judged.message_id}: {judged}", prefix="  ", inset=True)
        yield Told(changes, prefix="  | ", lines=True)
    if report.contract is None:
        return
    whose = "Of the edited ones " if report.acted else ""
    for word, count in report.contract.accepted.items():
        yield Told(f"{whose}{count:,} accepted by {word}'s contract.")
    for reason, count in report.contract.refused.items():
        yield Told(f"{whose}{count:,} that the consumer would refuse: {reason}", inset=True)
    if report.contract.unknown and (report.edited or report.acted):
        yield Told(f"{whose}{report.contract.unknown:,} for which no contract is known.")


def _sample(report: Report) -> Iterator[Told]:
    """What can be known of what came back of AWS's own move, and no more."""
    back, sampled, now = report.tally.came_back, report.sampled, report.dead_again or 0
    if sampled:
        many = f"Of {sampled:,} messages" if sampled != 1 else "Of the one message"
        yield Told(f"{many} that would be known again, {back:,} came straight back so far.")
    if now:
        known = "" if sampled else " Whether they came straight back nobody can say: AWS moves messages without a mark."
        yield Told(f"About {now:,} are in {report.queue} now.{known} `peek` shows them.")


def _out_of_turn(behind: Counter[str], *, acted: bool) -> str:
    first = next(iter(behind))
    others = f" and {len(behind) - 1:,} others" if len(behind) > 1 else ""
    come = "come" if acted else "would come"
    return f"{behind.total():,} are behind {first}{others}, not redriven before them: they {come} straight back."


def _not_looked_at(report: Report) -> str:
    count = report.unseen or report.locked
    if report.stopped == LIMIT:
        return f"{count:,} were not looked at: the limit was reached."
    if report.stopped not in ENDS:
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
