"""What a redrive makes of its messages before they are sent: the edit, and what must be known of it before it goes.

An edited body goes through the same gates however it was edited: SQS must take it, and where the map knows the
contract of its consumer, that must accept it, unless it is forced. What is not edited is never held back by a contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ops.dead_letters.cause import Cause
from ops.dead_letters.message_file import Archive
from ops.dead_letters.parked import placed
from ops.dead_letters.redaction import Redaction
from ops.dead_letters.start import START
from ops.errors import UsageError
from ops.redrive import document
from ops.redrive.delivery import Delivery
from ops.redrive.document import Document
from ops.redrive.edit import Change, Edit, difference
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.redrive.routing import Routing
from ops.redrive.rule import Rule
from ops.redrive.verdict import Contracts, Verdict, Verdicts
from ops.sqs.message import MOST_ATTRIBUTES, MOST_BYTES, Entry, Message
from ops.stage import Stage

DIFFERENCES = 3
"""Edited messages whose difference is shown."""
NOT_TAKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


def change_of(stage: Stage, request: Request) -> Change | None:
    """How the request edits. Raises `UsageError` for an edit that is none, or a rule that does not work."""
    if request.edit is not None and request.python is not None:
        raise UsageError("A redrive is edited in one way: by a patch, by hand, or by a rule.")
    if request.python is not None:
        return Rule(request.python, Redaction(stage.topology))
    if request.edit is None:
        return None
    return Document(request.edit) if document.is_one(request.edit) else Edit(request.edit)


class Changes:
    """The changes of one redrive; `work_queue` is the word of the queue whose places edited messages keep.

    `moved_before` are the messages that it moved before it was resumed.
    """

    def __init__(
        self,
        stage: Stage,
        change: Change | None,
        *,
        work_queue: str | None,
        act: bool,
        force: bool,
        moved_before: int = 0,
    ) -> None:
        self.change = change
        self._stage = stage
        self._work_queue = work_queue
        self._act = act
        self._force = force
        self._unseen = set(change.ids) if change is not None else set[str]()
        self._moved_before = moved_before
        self._redaction = Redaction(stage.topology)
        self._contracts = Contracts(stage, self._redaction)
        self._originals: Archive | None = None
        self._edited = 0
        self._shown: list[tuple[str, str, Verdict]] = []
        self._verdicts = Verdicts()

    def saw(self, messages: Iterable[Message]) -> None:
        """Takes note of what is in the queue, whether it is meant or not."""
        if self._unseen:
            self._unseen.difference_update(message.message_id for message in messages)

    def prepare(self, routing: Routing, message: Message, cause: Cause | None) -> Delivery | str | None:
        """The message as it is sent, why it cannot be, or None where the edit leaves it where it is."""
        delivery = routing.prepare(message)
        if isinstance(delivery, str):
            return delivery
        if self.change is None:
            if not self._act:
                self._verdicts.count(self._contracts.judge(message, delivery, edited=False))
            return delivery
        try:
            body = self.change.of(message, delivery.body, cause)
        except ValueError as error:
            return f"it cannot be edited: {error}"
        if body is None:
            return None
        before, delivery = delivery, replace(delivery, body=body)
        if body == before.body:
            if not self._act:
                self._verdicts.count(self._contracts.judge(message, delivery, edited=False))
            return self._placed(message, delivery)
        return self._edit(message, before, delivery)

    def _edit(self, message: Message, before: Delivery, delivery: Delivery) -> Delivery | str:
        if (why := _unsendable(delivery)) is not None:
            return f"it cannot be edited: {why}"
        verdict = self._contracts.judge(message, delivery, edited=True)
        self._verdicts.count(verdict)
        self._edited += 1
        if len(self._shown) < DIFFERENCES:
            self._shown.append((before.body, delivery.body, verdict))
        if verdict.accepted is False and not self._force:
            return f"edited, its consumer would refuse it (--force sends it): {verdict.reason}"
        placed_one = self._placed(message, delivery)
        if self._originals is not None and not isinstance(placed_one, str):
            self._originals.write([message], [None])
        return placed_one

    def _placed(self, message: Message, delivery: Delivery) -> Delivery | str:
        """The delivery with what keeps the place of a message whose body is not what it was."""
        if self._work_queue is None or delivery.body == message.body:
            return delivery
        attributes = placed(message, delivery.attributes)
        if len(attributes) > MOST_ATTRIBUTES:
            return "it has no key, and no room for the attribute by which an edited message keeps its place"
        return replace(delivery, attributes=attributes)

    def keep_originals(self, report: Report) -> None:
        """Keeps edited messages as they were in a file that the report names."""
        if self.change is None:
            return
        path = self._stage.files / f"{report.run}-originals.jsonl"
        number = 1
        while path.exists():
            number += 1
            path = self._stage.files / f"{report.run}-originals-{number}.jsonl"
        self._originals = Archive(path)
        report.originals = str(path)

    def close(self, report: Report) -> None:
        """Closes the file with the originals, and takes it away where nothing was edited."""
        if self._originals is None:
            return
        self._originals.__exit__(None, None, None)
        if not self._originals.count:
            self._originals.path.unlink(missing_ok=True)
            report.originals = None

    def tell(self, report: Report) -> None:
        """Puts into the report what was changed, and what contracts say."""
        report.differences = ["\n".join(difference(old, new, self._redaction)) for old, new, _ in self._shown]
        report.verdicts = [verdict for _, _, verdict in self._shown]
        report.edited = self._edited
        if self.change is not None or not self._act:
            report.contract = self._verdicts
        if self.change is not None:
            report.left_by = self.change.left_by
            if report.stopped in (None, START):
                behind = max(report.locked, report.unseen)  # of a group whose first messages were kept
                report.absent = max(len(self._unseen) - self._moved_before - behind, 0)


def _unsendable(delivery: Delivery) -> str | None:
    """Why SQS would not take the edited message, whatever its queue."""
    if not delivery.body:
        return "its body would be empty, which SQS does not take"
    wrong = NOT_TAKEN.search(delivery.body)
    if wrong is not None:
        return f"its body would have a character that SQS does not take (U+{ord(wrong[0]):04X})"
    size = Entry("", delivery.body, delivery.attributes).size
    return f"it would have {size:,} bytes, and SQS takes {MOST_BYTES:,}" if size > MOST_BYTES else None
