"""Where a dead letter belongs, and in which shape it goes there.

Told in this order by: the person (`--to`), EventBridge's attributes on an event that it could not deliver, Lambda's
envelope around a failed invocation, SQS's own note of the queue it moved the message from, and last the only queue that
has this dead-letter queue. An event goes to the target it failed to reach, not to the bus, where every other subscriber
would get it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.dead_letters.cause import DELIVERY, RULE_ARN, TARGET_ARN, Invocation
from ops.errors import OpsError, UsageError
from ops.queue import Queue, by_arn, find
from ops.redrive.delivery import Delivery
from ops.redrive.edit import Edit
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message, Value
from ops.sqs.outbox import Destination
from ops.stage import Stage, in_words


@dataclass(frozen=True)
class QueueDestination:
    """A queue that messages are redriven to."""

    sqs: Sqs
    name: str
    """The queue's URL."""

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        """By entry id None where SQS confirmed the message, else why not."""
        return await self.sqs.send(self.name, entries)


@dataclass(frozen=True)
class FunctionDestination:
    """A Lambda function that is invoked again, asynchronously, as it was the first time."""

    stage: Stage
    name: str
    """The function's ARN."""

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        """By entry id None where Lambda accepted the event, else why not."""
        answers = await asyncio.gather(*(asyncio.to_thread(self._invoke, entry.message_body) for entry in entries))
        return {entry.id: answer for entry, answer in zip(entries, answers, strict=True)}

    def _invoke(self, event: str) -> str | None:
        try:
            answer = self.stage.client("lambda").invoke(
                FunctionName=self.name, InvocationType="Event", Payload=event.encode()
            )
        except (ClientError, BotoCoreError) as error:
            return f"Lambda refused it: {error}"
        return None if answer["StatusCode"] == 202 else f"Lambda answered {answer['StatusCode']}"


@dataclass(frozen=True)
class _Target:
    """What a rule does with an event on its way to a target."""

    group: str | None = None
    changes: str | None = None


class Routing:
    """Says where the messages of one dead-letter queue belong.

    Raises `UsageError` where `to` is of another type than the dead-letter queue: order would be lost, or made up.
    """

    def __init__(self, stage: Stage, sqs: Sqs, dead: Queue, to: Queue | None = None, edit: Edit | None = None) -> None:
        if to is not None and to.fifo != dead.fifo:
            kinds = {True: "FIFO", False: "standard"}
            raise UsageError(
                f"{to.name} is {kinds[to.fifo]} and {dead.name} is {kinds[dead.fifo]}: choose a queue of the same type."
            )
        self._stage = stage
        self._sqs = sqs
        self._dead = dead
        self._to = QueueDestination(sqs, to.url) if to is not None else None
        self._edit = edit
        self._by_arn: dict[str, Destination | str] = {}
        self._targets: dict[tuple[str, str], _Target] = {}
        self._only: Destination | str | None = None

    def prepare(self, message: Message) -> Delivery | str:
        """The message as it is sent, or why it cannot be."""
        delivery = self._delivery(message)
        if isinstance(delivery, str) or self._edit is None:
            return delivery
        try:
            return Delivery(delivery.to, self._edit.apply(delivery.body), delivery.attributes, delivery.group)
        except ValueError as error:
            return f"it cannot be edited: {error}"

    def _delivery(self, message: Message) -> Delivery | str:
        attributes = message.message_attributes
        if TARGET_ARN in attributes:
            return self._undelivered(message)
        invocation = Invocation.of(message.body)
        if invocation is not None:
            to = self._to or self._arn(invocation.request_context.function_arn)
            body = bytes(invocation.request_payload).decode()
            return to if isinstance(to, str) else Delivery(to, body, attributes, message.group)
        to = self._to or (self._arn(message.source) if message.source is not None else self._only_source())
        return to if isinstance(to, str) else Delivery(to, message.body, attributes, message.group)

    def _undelivered(self, message: Message) -> Delivery | str:
        """The event, to the target it failed to reach, without what EventBridge wrote on it."""
        attributes = message.message_attributes
        if ":api-destination/" in attributes[TARGET_ARN].text and self._to is None:
            return "it is for a web address, to which only EventBridge posts: drop it once you know what it says"
        original = {name: value for name, value in attributes.items() if name not in DELIVERY}
        target = self._target(attributes.get(RULE_ARN, Value("String", "")).text, attributes[TARGET_ARN].text)
        if self._to is not None:
            return Delivery(self._to, message.body, original, target.group)
        if target.changes is not None:
            return f"its rule changes events on the way ({target.changes}), which a redrive does not repeat: say --to"
        to = self._arn(attributes[TARGET_ARN].text)
        return to if isinstance(to, str) else Delivery(to, message.body, original, target.group)

    def _arn(self, arn: str) -> Destination | str:
        if arn not in self._by_arn:
            self._by_arn[arn] = self._known(arn)
        return self._by_arn[arn]

    def _known(self, arn: str) -> Destination | str:
        service, name = arn.split(":")[2:3], arn.rsplit(":", 1)[-1]
        if service == ["lambda"]:
            return FunctionDestination(self._stage, arn.removesuffix(":$LATEST"))
        if service != ["sqs"]:
            return f"it failed to reach {arn}, to which only EventBridge delivers: say --to"
        try:
            to = by_arn(self._stage, arn)
        except OpsError:
            return f"the queue it belongs to is gone ({name}): say --to"
        return QueueDestination(self._sqs, to.url)

    def _target(self, rule: str, target: str) -> _Target:
        """What the rule says of the target; nothing where rule or target are gone.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
        """
        key = (rule, target)
        if key not in self._targets:
            self._targets[key] = self._look_up(rule, target)
        return self._targets[key]

    def _look_up(self, rule: str, target: str) -> _Target:
        # arn:aws:events:region:account:rule/name on the default bus, …:rule/bus/name on any other
        _, _, path = rule.partition(":rule/")
        if not path:
            return _Target()
        bus, _, name = path.rpartition("/")
        asked: dict[str, Any] = {"Rule": name, **({"EventBusName": bus} if bus else {})}
        with in_words():
            try:
                pages = self._stage.client("events").get_paginator("list_targets_by_rule").paginate(**asked)
                every = [found for page in pages for found in page["Targets"] if found["Arn"] == target]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                return _Target()
        if not every:
            return _Target()
        changes = next((word for word in ("InputTransformer", "InputPath", "Input") if every[0].get(word)), None)
        return _Target(every[0].get("SqsParameters", {}).get("MessageGroupId"), changes)

    def _only_source(self) -> Destination | str:
        """The source queue, for messages that do not say where they came from: somebody sent them here."""
        if self._only is None and self._dead.kind == "dead":
            self._only = QueueDestination(self._sqs, find(self._stage, self._dead.word.removesuffix("-dlq")).url)
        elif self._only is None:
            with in_words():
                pages = self._stage.client("sqs").get_paginator("list_dead_letter_source_queues")
                urls = [url for page in pages.paginate(QueueUrl=self._dead.url) for url in page.get("queueUrls", [])]
            only = len(urls) == 1
            self._only = QueueDestination(self._sqs, urls[0]) if only else "nothing says where it came from: say --to"
        return self._only
