"""What is asked of a redrive and makes no sense, said before anything is received or written down."""

from __future__ import annotations

import re

from ops.dead_letters.cause import Causes
from ops.dead_letters.selection import Chooser, checked_limit
from ops.errors import UsageError
from ops.queue import Queue
from ops.redrive import journal as journals
from ops.redrive import native
from ops.redrive.request import Request
from ops.redrive.unfinished import resume_command
from ops.stage import Stage

GROUP = re.compile(r"[!-~]{1,128}")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


def refuse(stage: Stage, dead: Queue, to: Queue | None, request: Request) -> None:
    """Raises `UsageError` for a request that makes no sense, `OpsError` where the causes that it asks for are away."""
    checked_limit(request.limit)
    _refuse_destination(dead, to, request.group)
    if request.natively and request.rate != "auto" and request.native_rate is None:
        raise UsageError(
            f"AWS's own redrive moves 1 to {native.CAP} messages a second, in whole numbers, not {request.rate}: say "
            "such a --rate, or none, by which AWS chooses; or leave out --native, and we move them."
        )
    if request.natively and not (request.plain and (to is None or to.region == dead.region)):
        raise UsageError(
            "AWS's own redrive takes no filter, limit, edit or group, and goes to no other region: leave out --native."
        )
    if request.natively:
        refuse_undeleted(stage, dead)
    Chooser(request.selection, dead.kind)
    Causes(stage, needed=request.selection.asks_cause).check(dead.kind)


def refuse_undeleted(stage: Stage, dead: Queue) -> None:
    """Raises `native.Unsuitable` where a run of ours sent what it did not delete: AWS would send it again."""
    for journal in journals.undeleted(stage, dead):
        command = resume_command(journal.path.parent.name, journal.run, journal.queue)
        raise native.Unsuitable(
            f"{journal.run} sent {len(journal.pending):,} messages of {dead.word} and did not delete them, and AWS's "
            f"own redrive would send them again: `{command}` first, or leave out --native."
        )


def _refuse_destination(dead: Queue, to: Queue | None, group: str | None) -> None:
    if group is not None and not GROUP.fullmatch(group):
        raise UsageError("--group takes 1 to 128 letters, digits and signs, without spaces.")
    if group is not None and (to is None or dead.fifo or not to.fifo):
        raise UsageError("--group is for messages of a standard queue that go --to a FIFO queue: leave it out.")
    if to is None:
        return
    if to.identity == dead.identity:
        raise UsageError(f"{dead.word} is where they are: choose another queue than the one they are taken from.")
    if to.url == dead.url:  # an emulator whose URLs do not say the region
        raise UsageError(
            f"{dead.word} and {to.word} have one URL here, so nobody can tell them apart: export and import."
        )
    if dead.fifo and not to.fifo:
        raise UsageError(
            f"{to.name} is standard and {dead.name} is FIFO, whose order would be lost: choose a FIFO queue."
        )
    if to.fifo and not dead.fifo and group is None:
        raise UsageError(
            f"{to.name} is FIFO and {dead.name} is standard, whose messages have no order: say --group GROUP, in which "
            "they come one after the other, or choose a standard queue."
        )
