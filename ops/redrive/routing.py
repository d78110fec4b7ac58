"""Where a dead letter belongs, and in which shape it goes there.

Told by the person (`--to`), by SQS's own note of the queue it moved the message from, or by the map. In a queue that is
not of the map, what EventBridge or Lambda wrote on a message only says whom to ask: a rule or function of that queue's
own region and account. Where its settings send failures to that queue, the message goes to what they name. Whoever
sends a message writes what they like, so it alone chooses no destination; where several functions or targets fail into
one queue, it chooses among these. An event goes to the target it failed to reach, not to the bus, where every other
subscriber would get it again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.plan import PLAN_COMMAND
from ops.answer import part
from ops.dead_letters.cause import DELIVERY, RULE_ARN, TARGET_ARN, Invocation, cut
from ops.errors import OpsError, UsageError
from ops.queue import Queue, find
from ops.redrive.delivery import Delivery
from ops.redrive.unsent import Unsent
from ops.sqs.client import Sqs
from ops.sqs.message import MOST_BYTES, Entry, Message, Value
from ops.sqs.outbox import Destination
from ops.sqs.transport import Unanswered
from ops.stage import Stage, in_words
from stacks import names

# https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
_OWNER = r"arn:(?P<partition>aws[a-z-]*):{}:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{{12}}):"
_FUNCTION = re.compile(
    _OWNER.format("lambda") + r"function:(?P<name>[A-Za-z0-9_-]{1,64})(:(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_RULE = re.compile(_OWNER.format("events") + r"rule/((?P<bus>[A-Za-z0-9_./-]{1,256})/)?(?P<name>[A-Za-z0-9_.-]{1,64})")
_QUEUE = re.compile(_OWNER.format("sqs") + r"(?P<name>[A-Za-z0-9_-]{1,80}(\.fifo)?)")
LATEST = "$LATEST"
MOST = "MaximumMessageSize"
LONGEST = 256
"""Characters of what a message says that a reason repeats."""


@dataclass(frozen=True)
class QueueDestination:
    """A queue that messages are redriven to."""

    sqs: Sqs
    name: str
    """The queue's URL."""

    async def room(self) -> int:
        """Bytes of the largest message that the queue takes; what SQS takes at the most where nobody tells."""
        try:
            return int((await self.sqs.attributes(self.name, (MOST,)))[MOST])
        except (OpsError, Unanswered, ValueError):
            return MOST_BYTES

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        """By entry id None where SQS confirmed the message, else why not."""
        return await self.sqs.send(self.name, entries)


@dataclass(frozen=True)
class FunctionDestination:
    """A Lambda function that is invoked again, asynchronously, as it was the first time."""

    stage: Stage
    name: str
    """The function's ARN."""

    async def room(self) -> int:
        """Bytes of the largest message: the stamp of a redrive does not travel with an event, so it needs none."""
        return MOST_BYTES

    async def send(self, entries: Sequence[Entry]) -> Mapping[str, str | None]:
        """By entry id None where Lambda accepted the event, else why not."""
        answers = await asyncio.gather(*(asyncio.to_thread(self._invoke, entry.message_body) for entry in entries))
        return {entry.id: answer for entry, answer in zip(entries, answers, strict=True)}

    def _invoke(self, event: str) -> str | None:
        try:
            answer = self.stage.client("lambda", self.name.split(":")[3]).invoke(
                FunctionName=self.name, InvocationType="Event", Payload=event.encode()
            )
        except (ClientError, BotoCoreError) as error:
            return f"Lambda refused it: {error}"
        return None if answer["StatusCode"] == 202 else f"Lambda answered {answer['StatusCode']}"


@dataclass(frozen=True)
class _Target:
    """A rule's target, and what the rule does with an event on its way there."""

    arn: str
    group: str | None = None
    changes: str | None = None


class Routing:
    """Says where the messages of one dead-letter queue belong; in `group` where they have none and `to` needs one."""

    def __init__(
        self,
        stage: Stage,
        sqs: Sqs,
        dead: Queue,
        to: Queue | None = None,
        group: str | None = None,
    ) -> None:
        self._stage = stage
        self._sqs = sqs
        self._dead = dead
        self._to = QueueDestination(sqs, to.url) if to is not None else None
        self._group = group
        self._by_arn: dict[str, Destination | str] = {}
        self._targets: dict[tuple[str, str], _Target | str] = {}
        self._functions: dict[str, Destination | str] = {}
        self._own_arn = ""
        self._only: Destination | str | None = None

    def prepare(self, message: Message) -> Delivery | str:
        """The message as it is sent, or why it cannot be."""
        delivery = self._delivery(message)
        if isinstance(delivery, Delivery) and self._group is not None:
            return replace(delivery, group=self._group)
        return delivery

    def _delivery(self, message: Message) -> Delivery | str:
        attributes = message.message_attributes
        if self._dead.kind == "undelivered" and message.source is None:
            return self._undelivered(message)
        if self._dead.kind == "other" and message.source is None:
            if RULE_ARN in attributes and TARGET_ARN in attributes:
                return self._undelivered_elsewhere(message)
            invocation = Invocation.of(message.body)
            if invocation is not None:
                return self._invoked(message, invocation)
        to = self._to or (self._arn(message.source) if message.source is not None else self._only_source())
        return to if isinstance(to, str) else Delivery(to, message.body, attributes, message.group)

    def _undelivered(self, message: Message) -> Delivery | str:
        """The event, to the queue of the map that it failed to reach, without what EventBridge wrote on it."""
        attributes, original = message.message_attributes, _original(message)
        if self._to is not None:
            return Delivery(self._to, message.body, original, message.group)
        if self._dead.word == f"{names.CHAT}-undelivered":
            return "it is for a chat, to which only EventBridge posts: drop it once you know what it says"
        of = find(self._stage, self._dead.word.removesuffix("-undelivered"))
        if of.word in self._stage.topology.scheduled():
            run = Unsent.of(message)
            if of.word == PLAN_COMMAND and run is not None:
                # Of all plans there is one queue of what could not be sent; each says where it was to go.
                words = [*self._stage.topology.delayed()]
                named = {names.queue(self._stage.name, word): word for word in words}
                word = named.get(run.queue_url.rpartition("/")[2])
                of = find(self._stage, word) if word is not None else of
            if run is None or run.queue_url.rpartition("/")[2] != of.name:
                return f"it is nothing that a schedule sends to {of.word}: say --to, or drop it"
            return Delivery(QueueDestination(self._sqs, of.url), run.message_body, run.attributes, run.message_group_id)
        target = attributes[TARGET_ARN].text if TARGET_ARN in attributes else of.name
        if target.rpartition(":")[2] != of.name:
            missed = cut(target, LONGEST)
            return f"it says that it failed to reach {missed}, and this queue is for what {of.name} missed: say --to"
        return Delivery(QueueDestination(self._sqs, of.url), message.body, original, message.group)

    def _undelivered_elsewhere(self, message: Message) -> Delivery | str:
        """The event, to the target that it failed to reach, where its rule has that target and sends failures here."""
        attributes, original = message.message_attributes, _original(message)
        if self._to is not None:
            kept = original if _by_eventbridge(message) else attributes
            return Delivery(self._to, message.body, kept, message.group)
        target = self._target(attributes.get(RULE_ARN, Value("String", "")).text, attributes[TARGET_ARN].text)
        if isinstance(target, str):
            return target
        if target.changes is not None:
            return f"its rule changes events on the way ({target.changes}), which a redrive does not repeat: say --to"
        to = self._arn(target.arn)
        return to if isinstance(to, str) else Delivery(to, message.body, original, target.group)

    def _invoked(self, message: Message, invocation: Invocation) -> Delivery | str:
        """The event that a function failed on, to that function, where it sends its failures here."""
        body = bytes(invocation.request_payload).decode()
        if self._to is not None:
            return Delivery(self._to, body, message.message_attributes, message.group)
        to = self._function(invocation.request_context.function_arn)
        return to if isinstance(to, str) else Delivery(to, body, message.message_attributes, message.group)

    def _arn(self, arn: str) -> Destination | str:
        if arn not in self._by_arn:
            self._by_arn[arn] = self._known(arn)
        return self._by_arn[arn]

    def _known(self, arn: str) -> Destination | str:
        """The destination with an ARN that AWS answered."""
        if _FUNCTION.fullmatch(arn):
            return FunctionDestination(self._stage, arn.removesuffix(f":{LATEST}"))
        if not _QUEUE.fullmatch(arn):
            return f"it failed to reach {arn}, to which only EventBridge delivers: say --to"
        try:
            to = find(self._stage, arn)
        except UsageError:
            return f"the queue it belongs to is gone ({arn.rpartition(':')[2]}): say --to"
        except OpsError as error:
            return f"the queue it belongs to ({arn.rpartition(':')[2]}) could not be asked for: {error}"
        if to.region != self._dead.region:
            return f"the queue it belongs to is in another region ({arn}): say --to"
        return QueueDestination(self._sqs, to.url)

    def _function(self, arn: str) -> Destination | str:
        """The function with that ARN as Lambda names it, where it says itself that its failures come here.

        https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html
        """
        if arn not in self._functions:
            self._functions[arn] = self._ask_function(arn)
        return self._functions[arn]

    def _ask_function(self, arn: str) -> Destination | str:
        unknown = f"no setting of {cut(arn, LONGEST)} says that its failures come here: say --to"
        named = _FUNCTION.fullmatch(arn)
        if named is None or not self._ours(named):
            return unknown
        asked = {"FunctionName": named["name"], **({"Qualifier": named["qualifier"]} if named["qualifier"] else {})}
        try:
            config = self._stage.client("lambda", self._dead.region).get_function_event_invoke_config(**asked)
        except (ClientError, BotoCoreError) as error:
            return unknown if _code(error) == _ABSENT else f"its function could not be asked ({_code(error)}): say --to"
        failures = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        answered = _FUNCTION.fullmatch(config.get("FunctionArn", ""))
        if failures != self._arn_of_queue() or answered is None or _identity(answered) != _identity(named):
            return unknown
        return self._arn(answered[0])

    def _ours(self, arn: re.Match[str]) -> bool:
        """Whether it is of the partition, region and account of the dead-letter queue."""
        own = _QUEUE.fullmatch(self._arn_of_queue())
        return own is not None and all(arn[part] == own[part] for part in ("partition", "region", "account"))

    def _arn_of_queue(self) -> str:
        if not self._own_arn:
            with in_words():
                answer = self._stage.client("sqs", self._dead.region).get_queue_attributes(
                    QueueUrl=self._dead.url, AttributeNames=["QueueArn"]
                )
            self._own_arn = str(part(answer, "Attributes", "QueueArn"))
        return self._own_arn

    def _target(self, rule: str, target: str) -> _Target | str:
        """What the rule says of the target; a reason where it does not say that what the target missed comes here.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
        """
        key = (rule, target)
        if key not in self._targets:
            self._targets[key] = self._ask_rule(rule, target)
        return self._targets[key]

    def _ask_rule(self, rule: str, target: str) -> _Target | str:
        unknown = f"no rule says that what {cut(target, LONGEST)} missed comes here: say --to"
        # arn:aws:events:region:account:rule/name on the default bus, …:rule/bus/name on any other
        named = _RULE.fullmatch(rule)
        if named is None or not self._ours(named):
            return unknown
        asked: dict[str, Any] = {"Rule": named["name"], **({"EventBusName": named["bus"]} if named["bus"] else {})}
        try:
            pages = (
                self._stage.client("events", self._dead.region).get_paginator("list_targets_by_rule").paginate(**asked)
            )
            every = [found for page in pages for found in page["Targets"] if found["Arn"] == target]
        except (ClientError, BotoCoreError) as error:
            return unknown if _code(error) == _ABSENT else f"its rule could not be asked ({_code(error)}): say --to"
        every = [each for each in every if each.get("DeadLetterConfig", {}).get("Arn") == self._arn_of_queue()]
        if not every:
            return unknown
        changes = next((word for word in ("InputTransformer", "InputPath", "Input") if every[0].get(word)), None)
        return _Target(every[0]["Arn"], every[0].get("SqsParameters", {}).get("MessageGroupId"), changes)

    def _only_source(self) -> Destination | str:
        """The source queue, for messages that do not say where they came from: somebody sent them here."""
        if self._only is None and self._dead.kind == "dead":
            self._only = QueueDestination(self._sqs, find(self._stage, self._dead.word.removesuffix("-dlq")).url)
        elif self._only is None:
            self._only = self._asked_source()
        return self._only

    def _asked_source(self) -> Destination | str:
        with in_words():
            try:
                pages = self._stage.client("sqs", self._dead.region).get_paginator("list_dead_letter_source_queues")
                urls = [url for page in pages.paginate(QueueUrl=self._dead.url) for url in page.get("queueUrls", [])]
            except ClientError as error:
                if _code(error).rpartition(".")[2] not in UNABLE:
                    raise
                return f"SQS does not say where it came from ({_code(error)}): say --to"
        return QueueDestination(self._sqs, urls[0]) if len(urls) == 1 else "nothing says where it came from: say --to"


def _by_eventbridge(message: Message) -> bool:
    """Whether it is as EventBridge writes it; attributes of the same names may be a sender's own."""
    rule, target = (message.message_attributes.get(name, Value("String")).text for name in (RULE_ARN, TARGET_ARN))
    return _RULE.fullmatch(rule) is not None and target.startswith("arn:")


def _original(message: Message) -> dict[str, Value]:
    """The attributes without those of EventBridge."""
    return {name: value for name, value in message.message_attributes.items() if name not in DELIVERY}


UNABLE = (
    *("UnsupportedOperation", "InvalidAction", "UnknownOperation", "UnknownOperationException", "NotImplemented"),
    *("AccessDenied", "AccessDeniedException"),
)
"""How an implementation refuses what it does not have, and AWS what a person may not ask."""
_ABSENT = "ResourceNotFoundException"


def _code(error: ClientError | BotoCoreError) -> str:
    """The name of an error; its words repeat what a message said."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _identity(function: re.Match[str]) -> tuple[str, ...]:
    """What makes two ARNs of functions mean the same."""
    return (*function.group("partition", "region", "account", "name"), function["qualifier"] or LATEST)
