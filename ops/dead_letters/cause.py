"""Why a message is dead: what the consumer recorded, what EventBridge wrote on it, or what Lambda wrapped around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from functions.contracts.failure_record import FailureCause
from ops.item import plain, typed
from ops.sqs.message import Message
from ops.stage import Stage
from stacks import names

UNEXPLAINED = "unexplained"
LONGEST = 80

# What EventBridge writes on an event that it could not deliver.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
RULE_ARN = "RULE_ARN"
TARGET_ARN = "TARGET_ARN"
ERROR_CODE = "ERROR_CODE"
ERROR_MESSAGE = "ERROR_MESSAGE"
EXHAUSTED_RETRY_CONDITION = "EXHAUSTED_RETRY_CONDITION"
RETRY_ATTEMPTS = "RETRY_ATTEMPTS"
DELIVERY = (RULE_ARN, TARGET_ARN, ERROR_CODE, ERROR_MESSAGE, EXHAUSTED_RETRY_CONDITION, RETRY_ATTEMPTS)


class Cause(FailureCause, frozen=True, kw_only=True):
    """Why a message is dead, as far as it is known: what its consumer recorded, or what EventBridge could not deliver.

    `rule` and `target` are whose delivery failed.
    """

    rule: str | None = None
    target: str | None = None

    @property
    def label(self) -> str:
        """The words under which equal causes are counted together."""
        text = f"{self.error_type}: {self.error_message}" if self.error_message else self.error_type
        if len(text) > LONGEST:  # cut between words: half an id is no id
            text = f"{text[: LONGEST - 2].rpartition(' ')[0] or text[: LONGEST - 2]} …"
        return f"{text} ({self.rule})" if self.rule else text


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
        except msgspec.MsgspecError:
            return None


def written_on(message: Message) -> Cause | None:
    """The cause that the message itself tells, if it does."""
    attributes = message.message_attributes
    if ERROR_CODE in attributes or RULE_ARN in attributes:
        told = {name: attributes[name].text for name in DELIVERY if name in attributes}
        retries = told.get(RETRY_ATTEMPTS, "")
        return Cause(
            error_type=told.get(ERROR_CODE, "UNDELIVERED"),
            error_message=told.get(ERROR_MESSAGE, ""),
            attempts=int(retries) + 1 if retries.isdecimal() else 0,
            rule=told.get(RULE_ARN, "").rpartition("/")[2] or None,
            target=told.get(TARGET_ARN),
        )
    invocation = Invocation.of(message.body)
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


class Causes:
    """Looks up causes, ten messages at a time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._table: str | None = names.resource(stage.name, names.FAILURES)
        self.problem: str | None = None
        """Why the recorded causes could not be read."""

    async def of(self, messages: Sequence[Message]) -> list[Cause | None]:
        """The cause of each message, None where nobody knows it."""
        told = [written_on(message) for message in messages]
        ids = [message.message_id for message, cause in zip(messages, told, strict=True) if cause is None]
        table = self._table
        recorded = await asyncio.to_thread(self._recorded, table, ids) if ids and table is not None else {}
        return [cause or recorded.get(message.message_id) for message, cause in zip(messages, told, strict=True)]

    def _recorded(self, table: str, ids: list[str]) -> dict[str, Cause]:
        asked: dict[str, Any] = {table: {"Keys": [typed({"message_id": id_}) for id_ in dict.fromkeys(ids)]}}
        found: dict[str, Cause] = {}
        try:
            while asked:
                answer = self._stage.client("dynamodb").batch_get_item(RequestItems=asked)
                for item in answer["Responses"].get(table, []):
                    told = plain(item)
                    found[told["message_id"]] = msgspec.convert(told, Cause)
                asked = answer.get("UnprocessedKeys") or {}
        except (ClientError, BotoCoreError) as error:
            # A queue of somebody else has no such table; its messages are worth showing all the same.
            self.problem, self._table = str(error), None
        return found
