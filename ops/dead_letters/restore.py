"""Putting exported messages into a queue: `import`, which Python has as a word of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from msgspec import Struct

from ops import audit
from ops.dead_letters import imported
from ops.dead_letters import message_file as archive
from ops.dead_letters.imported import Asked, Imported
from ops.errors import OpsError, UsageError
from ops.lease import held
from ops.queue import find
from ops.redrive.journal import new_run
from ops.redrive.routing import QueueDestination
from ops.sqs.client import TEN
from ops.sqs.connection import INTERRUPTED, connected, interruptible
from ops.sqs.loop import run
from ops.sqs.message import REMEMBERED, Entry, Message, Value
from ops.sqs.outbox import Outbox
from ops.stage import Stage

FAILED = "failed"
_Numbered = tuple[int, Message]


class Restored(Struct, kw_only=True):
    """What was, or would be, put into the queue."""

    run: str | None = None
    """The name of the import; None where nothing was to be done."""
    queue: str
    messages: int = 0
    """Messages of the file, after those that were skipped."""
    sent: int = 0
    """Those of them that are in the queue, by this import's count of what SQS took as new."""
    before: int = 0
    """Those of them that the import had put there before it was interrupted."""
    maybe_twice: int = 0
    """Messages in sends that got no answer, or whose lines could not be written down; a standard queue may hold them
    twice, and a FIFO queue where the import goes on after five minutes."""
    refused: dict[str, str] = {}
    """Why SQS refused a message, by its old id."""
    torn: int | None = None
    """The last line of the file where it is torn: it was being written when its writer died, and is left out."""
    stopped: str | None = None
    """Why it ended before all were sent: `interrupted` or `failed`."""
    failure: str | None = None
    """The fault at which it failed."""
    problem: str | None = None


def restore(
    stage: Stage,
    queue: str,
    file: Path,
    *,
    yes: bool = False,
    skip: int = 0,
    alone: bool = False,
    progress: Callable[[int, int], None],
) -> Restored:
    """Sends the messages of an exported file to exactly that queue, in the file's order; without `yes` it only counts.

    `skip` leaves out so many at the start; with `alone` it goes on where the table of leases cannot be asked.

    An import of the same file to the same queue that did not end goes on; every other is new to SQS, however soon it
    follows. A message that was sent has a new id, and a dead-letter queue no longer knows where it came from, so the
    console's redrive does not take it; ours does. A fault half-way is in the answer. Raises `UsageError` for a queue or
    file that does not fit, also where a message is in it twice, `OpsError` where AWS refuses before anything is sent.
    """
    to = find(stage, queue)
    total, torn = _count(file, skip)
    if to.fifo and any(message.group is None for message in archive.read(file)):
        raise UsageError(
            f"{file} has messages without a group, which {to.name} needs: they come from a standard queue."
        )
    asked = Asked(to, str(file.resolve()), _digest(file), skip)
    journal = imported.same(stage, asked)
    if not yes:
        before = len(journal.lines) if journal is not None else 0
        return Restored(queue=to.word, messages=total, before=before, torn=torn)
    journal = journal or Imported(imported.path(stage, new_run()), asked)
    restored = _Import(stage, journal, file, total, progress).run(alone=alone)
    restored.torn = torn
    return restored


def resume(stage: Stage, run_id: str, *, alone: bool = False, progress: Callable[[int, int], None]) -> Restored | None:
    """Goes on with the import of that name; None where there is none that did not end.

    Raises `UsageError` where its file is not there any more, or another, or where it ended meanwhile.
    """
    journal = next((each for each in imported.unfinished(stage) if each.run == run_id), None)
    if journal is None:
        return None
    file = Path(journal.asked.file)
    total, torn = _count(file, journal.asked.skip)
    if _digest(file) != journal.asked.digest:
        raise UsageError(f"{file} is not what it was when {run_id} began: import it anew.")
    restored = _Import(stage, journal, file, total, progress).run(alone=alone)
    restored.torn = torn
    return restored


class _Import:
    """One import, from its beginning or from where it stopped."""

    def __init__(
        self, stage: Stage, journal: Imported, file: Path, total: int, progress: Callable[[int, int], None]
    ) -> None:
        self._stage = stage
        self._journal = journal
        self._file = file
        self._progress = progress
        self._to = journal.asked.queue
        self._unsure = 0
        self._unwritten = 0
        self._new: set[str] = set()
        self._swallowed: set[str] = set()
        self._result = Restored(run=journal.run, queue=self._to.word, messages=total)

    def run(self, *, alone: bool) -> Restored:
        with held(self._stage, self._to, "import", self._journal.run, alone=alone) as lease:
            lease.on_loss(lambda: self.stop(INTERRUPTED))
            result = self._act()
            result.problem = (lease.why if result.stopped == INTERRUPTED else None) or result.problem
            return result

    def _act(self) -> Restored:
        journal, result = self._journal, self._result
        # What was read before the queue was this process's may be old: another import may have ended since.
        if not journal.path.exists() and (other := imported.same(self._stage, journal.asked)) is not None:
            raise UsageError(f"{other.run} began with the same file meanwhile: `resume {other.run}` goes on with it.")
        journal.open()
        try:
            result.before = result.sent = len(journal.lines)
            if self._to.fifo and journal.idle is not None and journal.idle > REMEMBERED:
                result.maybe_twice = min(TEN, result.messages - result.sent)
            asked = {"file": journal.asked.file, "skip": journal.asked.skip}
            record = audit.begin(self._stage, journal.run, "import", self._to.word, asked)
            try:
                try:
                    run(self._work())
                except (OpsError, KeyboardInterrupt) as error:
                    if not result.sent and not self._unsure:
                        journal.forget()  # nothing is there, so there is nothing to go on with
                        raise
                    told = isinstance(error, OpsError)
                    result.stopped, result.failure = (FAILED, str(error)) if told else (INTERRUPTED, None)
                if result.stopped is None and result.sent == result.messages:
                    journal.end()
            finally:
                counts = {"sent": result.sent, "refused": len(result.refused), "stopped": result.stopped}
                kept = {name: count for name, count in counts.items() if count is not None}
                result.problem = audit.end(self._stage, record, kept)
        finally:
            journal.close(worked=bool(self._unsure) or result.sent > result.before)
        return result

    def stop(self, reason: str) -> None:
        """Sends nothing more; what is under way is finished."""
        self._result.stopped = reason

    async def _work(self) -> None:
        result, done = self._result, self._journal.lines
        async with connected(self._stage, self._to) as sqs:
            sqs.taken = self._took
            outbox = Outbox(QueueDestination(sqs, self._to.url))
            lines = islice(enumerate(archive.read(self._file), 1), self._journal.asked.skip, None)
            left = ((number, message) for number, message in lines if number not in done)
            stuck: set[str | None] = set()
            try:
                with interruptible(self):
                    while result.stopped is None and (batch := list(islice(left, TEN))):
                        for turn in _rounds(batch, fifo=self._to.fifo):
                            await self._send(turn, outbox, stuck)
            finally:
                self._unsure = sqs.unsure
                result.maybe_twice += 0 if self._to.fifo else sqs.unsure + self._unwritten

    async def _send(self, turn: list[_Numbered], outbox: Outbox, stuck: set[str | None]) -> None:
        result = self._result
        round_ = [(number, message) for number, message in turn if not self._to.fifo or message.group not in stuck]
        for _, message in turn:
            if self._to.fifo and message.group in stuck:
                result.refused[message.message_id] = "a message before it in its group was refused"
        outcome = await asyncio.gather(
            *(outbox.send(self._entry(number, message)) for number, message in round_), return_exceptions=True
        )
        sent: list[int] = []
        for (number, message), refusal in zip(round_, outcome, strict=True):
            if str(number) in self._swallowed:
                refusal = "SQS took it for another that it had already"
            if refusal is None:
                sent.append(number)
            elif isinstance(refusal, str):
                result.refused[message.message_id] = refusal
                stuck.add(message.group)
        result.sent += len(sent)
        try:
            self._journal.sent(sent)
        except OpsError:
            self._unwritten += len(sent)
            raise
        self._progress(result.sent, result.messages)
        for failed in outcome:
            if isinstance(failed, BaseException):
                raise failed

    def _took(self, entry: Entry, new_id: str) -> None:
        """SQS answers the id of the first where it takes a message for one that it has, and throws this one away."""
        (self._swallowed if new_id in self._new else self._new).add(entry.id if new_id in self._new else new_id)

    def _entry(self, number: int, message: Message) -> Entry:
        trace = message.attributes.get("AWSTraceHeader")
        return Entry(
            str(number),
            message.body,
            message.message_attributes,
            {"AWSTraceHeader": Value("String", trace)} if trace is not None else {},
            message.group,
            # New to SQS in every import, and the same where one goes on: SQS then takes a line once only.
            f"{self._journal.run}:{number}" if self._to.fifo else None,
        )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _count(file: Path, skip: int) -> tuple[int, int | None]:
    """How many messages the file has after those that are skipped, and which line is torn, if one is."""
    lines: dict[str, int] = {}
    torn: list[int] = []
    for number, message in islice(enumerate(archive.read(file, torn.append), 1), skip, None):
        first = lines.setdefault(message.message_id, number)
        if first != number:
            raise UsageError(
                f"{file} has message_id {message.message_id} on line {first} and again on line {number}: "
                "leave one out, or give it an id of its own if it is another message."
            )
    return len(lines), next(iter(torn), None)


def _rounds(batch: list[_Numbered], *, fifo: bool) -> list[list[_Numbered]]:
    """What may be sent together: on FIFO one message of a group at a time, in order."""
    if not fifo:
        return [batch]
    rounds: list[list[_Numbered]] = []
    turn: dict[str | None, int] = {}
    for number, message in batch:
        index = turn.get(message.group, 0)
        turn[message.group] = index + 1
        if index == len(rounds):
            rounds.append([])
        rounds[index].append((number, message))
    return rounds
