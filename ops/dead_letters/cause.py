"""Why a message is dead: what the consumer recorded, what EventBridge wrote on it, or what Lambda wrapped around it.

Where none of these is known, `logged_cause` asks the consumer's log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from functions.contracts.envelope import WAITED
from functions.contracts.failure_record import FailureCause
from functions.contracts.waited import Waited
from ops.dead_letters.redaction import Redaction
from ops.errors import OpsError, UsageError
from ops.item import plain, typed
from ops.queue import Kind
from ops.sqs.message import UNREADABLE, Message, number
from ops.stage import Stage, in_words
from stacks import names

UNEXPLAINED = "unexplained"
LONGEST = 80
MOST_ATTEMPTS = 8
"""Questions for what DynamoDB left out of an answer.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""
READ_AS = {"Unavailable": "service away"}
"""What a person reads for an error whose name says too little."""

# What EventBridge writes on an event that it could not deliver.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
RULE_ARN = "RULE_ARN"
TARGET_ARN = "TARGET_ARN"
ERROR_CODE = "ERROR_CODE"
ERROR_MESSAGE = "ERROR_MESSAGE"
EXHAUSTED_RETRY_CONDITION = "EXHAUSTED_RETRY_CONDITION"
RETRY_ATTEMPTS = "RETRY_ATTEMPTS"
DELIVERY = (RULE_ARN, TARGET_ARN, ERROR_CODE, ERROR_MESSAGE, EXHAUSTED_RETRY_CONDITION, RETRY_ATTEMPTS)


FIRST = tuple(name for name in FailureCause.__struct_fields__ if name.startswith("first_"))
LAST = tuple(name for name in FailureCause.__struct_fields__ if name.startswith("last_"))
NOT_ITS_OWN = frozenset(
    {"Unavailable", "GroupBlocked", "GroupParked", "NotAttempted", "Limited", "WorkerDied", "Spent"}
)
"""Errors of a recorded cause that say nothing of the message, as `FailureCause` has it."""


class Cause(FailureCause, frozen=True, kw_only=True):
    """Why a message is dead, as far as it is known: what its consumer recorded, or what EventBridge could not deliver.

    `rule` and `target` are whose delivery failed. `logged` says that nothing is recorded, and the consumer's log lines
    tell the cause.
    """

    rule: str | None = None
    target: str | None = None
    logged: bool = False

    def shown(self, redaction: Redaction) -> Cause:
        """The same without the secrets that its errors told."""
        return msgspec.structs.replace(
            self,
            error_message=redaction.text(self.error_message),
            first_error_message=redaction.text(self.first_error_message) if self.first_error_message else None,
            last_error_message=redaction.text(self.last_error_message) if self.last_error_message else None,
        )

    @property
    def words(self) -> str:
        """The failure as a person reads it, whole."""
        return self._sourced(in_short(self.error_type, self.error_message))

    @property
    def label(self) -> str:
        """The words under which equal causes are counted together."""
        text = cut(in_short(self.error_type, self.error_message))
        return self._sourced(f"{text} ({self.rule})" if self.rule else text)

    @property
    def first(self) -> Beside | None:
        """The first failure, where it was not the main one."""
        return self._beside(self.first_error_type, self.first_error_message, self.first_attempts)

    @property
    def last(self) -> Beside | None:
        """The last failure, where it was not the main one."""
        return self._beside(self.last_error_type, self.last_error_message, self.last_attempts)

    def _sourced(self, text: str) -> str:
        return f"{UNEXPLAINED}; the log says {text}" if self.logged else text

    def _beside(self, error_type: str | None, message: str | None, receive: int | None) -> Beside | None:
        if error_type is None or (error_type, message or "") == (self.error_type, self.error_message):
            return None
        return Beside(in_short(error_type, message), receive)


class Beside(Struct, frozen=True):
    """A failure beside the main one, in words, and at which receive it was, if that is known."""

    words: str
    receive: int | None

    @property
    def label(self) -> str:
        """The words under which equal failures are counted together."""
        return cut(self.words)

    def told(self, which: str) -> str:
        """The failure as a line says it, `which` being first or last: `first, at receive 1: service away: …`."""
        return f"{which}, at receive {self.receive}: {self.words}" if self.receive else f"{which}: {self.words}"


def in_short(error_type: str, message: str | None) -> str:
    """A failure as a person reads it: `Reject: unknown agent a-9`."""
    name = READ_AS.get(error_type, error_type)
    return f"{name}: {message}" if message else name


def cut(text: str, most: int = LONGEST) -> str:
    """At most so many characters of the text, cut between words: half an id is no id."""
    if len(text) <= most:
        return text
    return f"{text[: most - 2].rpartition(' ')[0] or text[: most - 2]} …"


def label(cause: Cause | None) -> str:
    """The words under which equal causes are counted together; `unexplained` where there is none."""
    return UNEXPLAINED if cause is None else cause.label


class _Context(Struct, rename="camel"):
    function_arn: str
    condition: str
    approximate_invoke_count: int = 0


class _Problem(Struct, rename="camel"):
    error_type: str = "Unhandled"
    error_message: str = ""


class Invocation(Struct, rename="camel"):
    """What Lambda sends to an on-failure destination: the event, and how the function failed on it.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    version: str
    timestamp: str
    request_context: _Context
    request_payload: msgspec.Raw
    response_payload: _Problem | None = None

    @classmethod
    def of(cls, body: str) -> Invocation | None:
        """The envelope, if the body is one."""
        if '"requestPayload"' not in body:
            return None
        try:
            return msgspec.json.decode(body, type=cls)
        except UNREADABLE:
            return None


def written_on(message: Message, kind: Kind) -> Cause | None:
    """The cause that EventBridge or Lambda wrote on a message of a queue of that kind.

    None where SQS moved the message there, or only SQS does: then whoever sent it could have written this.
    """
    if kind in ("work", "dead") or message.source is not None:
        return None
    attributes = message.message_attributes
    if ERROR_CODE in attributes or RULE_ARN in attributes:
        told = {name: attributes[name].text for name in DELIVERY if name in attributes}
        retries = number(told.get(RETRY_ATTEMPTS, ""))
        return Cause(
            error_type=told.get(ERROR_CODE, "UNDELIVERED"),
            error_message=told.get(ERROR_MESSAGE, ""),
            attempts=0 if retries is None else retries + 1,
            rule=told.get(RULE_ARN, "").rpartition("/")[2] or None,
            target=told.get(TARGET_ARN),
        )
    invocation = Invocation.of(message.body) if kind == "other" else None
    if invocation is None:
        return None
    problem = invocation.response_payload or _Problem(invocation.request_context.condition)
    return Cause(
        error_type=problem.error_type,
        error_message=problem.error_message,
        attempts=invocation.request_context.approximate_invoke_count,
        function=invocation.request_context.function_arn.split(":function:")[-1],
        failed_at=invocation.timestamp,
    )


def before(message: Message) -> Waited | None:
    """What a copy, which waited for a limit, says of the message that failed before it; None where none did.

    What was redriven since is a new message, whose failures begin anew.
    """
    said = message.message_attributes.get(WAITED)
    waited = Waited.read(said.text) if said is not None else None
    return waited if waited and waited.failed and waited.is_of(message.sent_at.timestamp()) else None


def joined(cause: Cause | None, former: Cause | None) -> Cause | None:
    """What is recorded of a copy, and of the message that it was when it failed first, as one."""
    if cause is None or former is None:
        return cause or former
    first = {name: getattr(former, name) for name in FIRST}
    # A failure of its own goes before one that only says what kept it from being attempted.
    main = former if cause.error_type in NOT_ITS_OWN else cause
    last = {name: getattr(cause, name) for name in LAST}
    return msgspec.structs.replace(main, **first, **last)


class Causes:
    """Looks up causes, ten messages at a time.

    `needed` says that messages are chosen by their causes: then causes that cannot be read are an error, because a
    message whose cause nobody could read is not one without a cause. Raises `UsageError` for that where no stage is.
    """

    def __init__(self, stage: Stage, *, needed: bool = False) -> None:
        if needed and not stage.staged:
            raise UsageError(
                "Causes are recorded in a stage's table, and no stage is named: choose by --ids, by --older-than, or "
                "by a --filter that does not ask for the cause."
            )
        self._stage = stage
        self._table = stage.table(names.FAILURES)
        self._needed = needed
        self.problem: str | None = None
        """Why the recorded causes could not be read."""
        self._damaged: set[str] = set()
        self._redaction = Redaction(stage.topology)

    def remark(self, ids: Iterable[str] | None = None) -> str | None:
        """What must be said of records that are none, in one sentence: of these messages, or of all that were seen."""
        damaged = self._damaged if ids is None else self._damaged.intersection(ids)
        if not damaged:
            return None
        first = min(damaged)
        others = f" and {len(damaged) - 1:,} others" if len(damaged) > 1 else ""
        return f"What is recorded of {first}{others} is no failure record, so it counts as unexplained."

    def unreadable(self, id_: str) -> bool:
        """Whether what is recorded of that message, which was looked up, is no failure record: its cause is unknown."""
        return id_ in self._damaged

    async def of(self, messages: Sequence[Message], kind: Kind) -> list[Cause | None]:
        """The cause of each message of a queue of that kind, without secrets; None where none is known.

        What is recorded goes before what is written on a message. Raises `OpsError` where causes are needed and cannot
        be read.
        """
        # What EventBridge could not deliver met no consumer that could have recorded anything.
        ids = [message.message_id for message in messages if kind != "undelivered"]
        table = self._table
        former = {each.message_id: waited.failed for each in messages if (waited := before(each))}
        asked = [*ids, *(former[id_] for id_ in ids if id_ in former)]
        recorded = await asyncio.to_thread(self._recorded, table, asked) if ids and table is not None else {}
        found = [
            joined(recorded.get(id_), recorded.get(former.get(id_, ""))) or written_on(message, kind)
            for id_, message in ((message.message_id, message) for message in messages)
        ]
        return [cause.shown(self._redaction) if cause is not None else None for cause in found]

    def check(self, kind: Kind) -> None:
        """Raises `OpsError` where causes of a queue of that kind are needed and cannot be read."""
        if self._needed and kind != "undelivered" and self._table is not None:
            self._recorded(self._table, ["-"])

    def _recorded(self, table: str, ids: list[str]) -> dict[str, Cause]:
        asked: dict[str, Any] = {table: {"Keys": [typed({"message_id": id_}) for id_ in dict.fromkeys(ids)]}}
        found: dict[str, Cause] = {}
        try:
            for attempt in range(MOST_ATTEMPTS):
                if not asked:
                    break
                if attempt:
                    time.sleep(min(0.05 * 2**attempt, 2))
                with in_words():
                    answer = self._stage.client("dynamodb").batch_get_item(RequestItems=asked)
                for item in answer["Responses"].get(table, []):
                    told = plain(item)
                    try:
                        found[told["message_id"]] = msgspec.convert(told, Cause)
                    except msgspec.ValidationError:
                        self._damaged.add(told["message_id"])
                asked = answer.get("UnprocessedKeys") or {}
            if asked:
                raise OpsError(f"{table} answers only a part of what it is asked: it is throttled.")
        except OpsError as error:
            if self._needed:
                raise OpsError(
                    f"Which messages are meant by their cause cannot be said without the causes: {error}"
                ) from None
            # A queue of somebody else has no such table; its messages are worth showing all the same.
            self.problem, self._table = str(error), None
        return found
