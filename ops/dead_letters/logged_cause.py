"""Why a message is dead by the log lines of its consumer, where no cause is recorded.

A cause is missing where the table of failures was away when the message failed, or is away now. The log costs more to
ask, so it is asked only then, once for the messages of a queue, and never waited for long: what can be shown without it
is shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from botocore import exceptions
from msgspec import Struct

from functions.contracts.log_line import Handled
from ops.dead_letters.cause import NOT_ITS_OWN, Cause, before
from ops.dead_letters.redaction import Redaction
from ops.errors import OpsError
from ops.observe.logs import TooSlow, failures
from ops.queue import Queue
from ops.sqs.message import Message
from ops.stage import Stage

MOST = 200
"""Messages that the log is asked for: a query takes 10,000 characters.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html"""
PATIENCE = 30.0
"""Seconds for all questions of one command together."""
UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.NoCredentialsError,
    exceptions.CredentialRetrievalError,
)
THROTTLED = re.compile(r"Throttl|ThroughputExceeded|RequestLimitExceeded|TooManyRequests")


class Logged(Struct, frozen=True):
    """What the log says: causes by message id, how many messages of how many it was asked for, and what went wrong."""

    causes: dict[str, Cause] = {}
    asked: int = 0
    unexplained: int = 0
    problem: str | None = None

    def remark(self, unread: str | None) -> str | None:
        """What must be said of the causes shown, in one sentence; `unread` is why recorded ones could not be read."""
        match unread, bool(self.causes), self.problem:
            case None, True, _:
                said = "Where the log says the cause, none is recorded: to --cause that message is unexplained."
            case None, False, str():
                said = f"Where no cause is recorded, the log could not be asked: {self.problem}"
            case str(), True, _:
                said = f"The recorded causes could not be read, so the log was asked: {unread}"
            case str(), False, str():
                said = f"Neither the recorded causes could be read nor the log: {unread} {self.problem}"
            case str(), False, None:
                said = f"The recorded causes could not be read: {unread}"
            case _:
                return None
        some = f" The log was asked for {self.asked:,} of {self.unexplained:,} messages."
        return said + (some if self.asked < self.unexplained and not self.problem else "")


NOTHING = Logged()


class LoggedCauses:
    """Asks the log why messages died, one query a queue."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._left = PATIENCE
        self._problem: str | None = None
        self._redaction = Redaction(stage.topology)

    def of(self, queue: Queue, messages: Sequence[Message]) -> Logged:
        """The causes of these dead letters of that queue, as far as the log of its consumer knows them.

        Nothing is raised: what goes wrong is in the answer, and nothing is asked after that.
        """
        word = queue.word.removesuffix("-dlq")
        source = next((each for each in self._stage.topology.queues if each.name == word), None)
        consumed = any(each.function == word for each in self._stage.topology.consumers)
        if queue.kind != "dead" or source is None or not consumed:
            return NOTHING
        if self._problem is not None:
            return Logged(unexplained=len(messages), problem=self._problem)
        asked = messages[:MOST]
        # SQS counts the age of a message on a standard queue from when it was sent, on a FIFO queue from when it died;
        # then it failed within the retention before that.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
        earlier = source.retention if queue.fifo else 0
        former = {waited.failed: (each.message_id, waited) for each in asked if (waited := before(each))}
        sent = [message.sent_at.timestamp() for message in asked]
        sent += [waited.first_sent / 1000 for _, waited in former.values()]
        since = max(min(sent) - earlier, 0)
        known = {each.message_id: each.message_id for each in asked}
        known |= {id_: now for id_, (now, _) in [*former.items()][: MOST - len(known)]}
        started = time.monotonic()
        lines: list[Handled] = []
        try:
            lines = failures(self._stage, word, known, since, patience=self._left)
        except TooSlow:
            self._problem = f"It took more than {PATIENCE:.0f} s."
        except OpsError as error:
            self._problem = str(error)
        self._left -= time.monotonic() - started
        found: dict[str, list[Handled]] = {}
        for line in lines:
            if line.message_id in known:
                found.setdefault(known[line.message_id], []).append(line)
        causes = {id_: _cause(attempts).shown(self._redaction) for id_, attempts in found.items()}
        return Logged(causes, len(asked), len(messages), self._problem)


def _cause(lines: Sequence[Handled]) -> Cause:
    """The cause that the lines of one message tell, oldest first, as its consumer would have recorded it."""
    first, last = lines[0], lines[-1]
    main = next((line for line in reversed(lines) if _own(line)), first)
    return Cause(
        error_type=main.error_type or "",
        error_message=main.error or "",
        attempts=main.attempt,
        function=main.service,
        version=main.release,
        stack=tuple(main.stack),
        stack_digest=main.stack_digest,
        correlation_id=main.correlation_id,
        failed_at=main.timestamp,
        first_error_type=first.error_type,
        first_error_message=first.error,
        first_attempts=first.attempt,
        first_failed_at=first.timestamp,
        last_error_type=last.error_type,
        last_error_message=last.error,
        last_attempts=last.attempt,
        last_failed_at=last.timestamp,
        logged=True,
    )


def _own(line: Handled) -> bool:
    """Whether the failure was the message's own, as far as a line tells: it does not say the status of an answer."""
    name = line.error_type or ""
    kind = getattr(exceptions, name, None)
    unreachable = isinstance(kind, type) and issubclass(kind, UNREACHABLE)
    said = f"{name} {line.error}" if name == "ClientError" else name
    return name not in NOT_ITS_OWN and not unreachable and THROTTLED.search(said) is None
