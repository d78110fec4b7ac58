"""What a redrive did, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ops.dead_letters.start import Counts
from ops.redrive.mover import Tally
from ops.redrive.verdict import Verdict, Verdicts


class Progress(Protocol):
    """Shows how far the work is."""

    def __call__(self, done: int, of: int, note: str = "") -> None:
        """So many messages are done of so many, approximately; `note` says what is waited for, if something is."""


FAILED = "failed"


def quiet(done: int, of: int, note: str = "") -> None:
    """Shows no progress."""


@dataclass
class Report:
    """What a redrive did, or in a dry run would do. Queues are named as people call them."""

    run: str
    queue: str
    acted: bool
    native: bool = False
    tally: Tally = field(default_factory=Tally)
    before: Counts | None = None
    """What was in the queue at the start."""
    after: Counts | None = None
    """What is in it at the end, as far as SQS's counts have come; None where it could not be asked."""
    unseen: int = 0
    """Messages that could be received at the start and were not looked at in a dry run: what `tally` has seen of the
    first and these are all of them."""
    left: int = 0
    """Messages that are there where AWS's own redrive was ended because it had moved as many as there were."""
    locked: int = 0
    """Messages that SQS did not show, because a message before them in their FIFO group is kept."""
    in_flight: int = 0
    """Messages that were there at the start and were not seen, because somebody else holds them, or one before them in
    their FIFO group."""
    whole: bool = False
    """Whether as many were moved as the limit allows, or all that were named by id: who stayed was not asked for."""
    uncounted: int = 0
    """Messages that were left by the count and were sent before the start: they died later, or SQS had not counted them
    yet."""
    maybe_twice: int = 0
    """Messages in sends that got no answer; a standard queue may hold them twice, with the same idempotency key, and a
    FIFO queue where a run goes on after five minutes: then those that may have been on their way when it stopped."""
    undeleted: int = 0
    """Messages that were sent and may be in the dead-letter queue too; `resume` deletes them."""
    forced: bool = False
    """Whether it was asked to go on although most messages come straight back."""
    mostly_back: bool = False
    """Whether most of what this run sent is dead again already."""
    dead_again: int | None = None
    """Messages in the dead-letter queue after AWS's own redrive, approximately."""
    sampled: int = 0
    """Messages that AWS moved and that would be known again: of those `came_back` counts the ones that did."""
    unfit: int = 0
    """Messages that are not meant because the filter does not fit them."""
    stopped: str | None = None
    """Why it ended before the queue was empty: `limit`, `came back`, `interrupted`, `failed`, or what SQS allows."""
    failure: str | None = None
    """The fault at which it `failed`, half-way."""
    differences: list[str] = field(default_factory=list)
    """What an edit changes, for the first few messages, without secrets."""
    verdicts: list[Verdict] = field(default_factory=list)
    """What contracts say of those messages, in the same order."""
    edited: int = 0
    """Messages whose bodies the edit changes."""
    contract: Verdicts | None = None
    """What contracts say of all that are, or would be, redriven; where messages are moved, of those edited."""
    left_by: str = ""
    """Why the edit leaves messages where they are, where it does."""
    absent: int = 0
    """Messages that the edit is for and that were not found: somebody else moved them."""
    not_seen: list[str] = field(default_factory=list)
    """Ids that were asked for and that no message in the queue had."""
    originals: str | None = None
    """The file that keeps edited messages as they were, whole, until somebody deletes it."""
    edit_in: str | None = None
    """The file that keeps the edit whole, where the redrive did not end; until it does."""
    edit_kept: str | None = None
    """The file that keeps an edit by hand that was not sent, or not whole, until somebody deletes it."""
    problem: str | None = None
    """What went wrong beside the work, such as an audit record that was not taken."""
    seconds: float = 0.0
