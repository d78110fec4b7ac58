"""Whether a message's consumer would take it now: its contract is asked, and nothing of its handler runs.

What the map says feeds a queue says what its consumer reads: a route's command, or the events of its subscriptions. It
is read as the consumer reads it, by the same code. What a handler refuses after that, because a ticket is unknown, only
the handler knows; a signature is over the body as it was sent, so no edited webhook has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct, field

from functions.contracts.reject import Reject
from functions.contracts.webhooks import SCHEMES
from ops.dead_letters.redaction import Redaction
from ops.errors import OpsError
from ops.queue import find, known
from ops.redrive.delivery import Delivery
from ops.redrive.reasons import count, shortened
from ops.sqs.message import Message
from ops.stage import Stage
from stacks import feeds

if TYPE_CHECKING:
    from functions.runtime.record import Record

Read = Callable[["Record"], Any]


class Verdict(Struct, frozen=True):
    """What the contract of a message's destination says of it."""

    message_id: str
    accepted: bool | None
    """None where no contract is known: the queue is somebody else's, or no queue."""
    queue: str | None = None
    """Whose contract it is, by the queue's word."""
    reason: str | None = None
    """Why it would be refused."""

    def __str__(self) -> str:
        if self.accepted is None:
            return "no contract known"
        return (
            f"accepted by {self.queue}'s contract" if self.accepted else f"its consumer would refuse it: {self.reason}"
        )


class Verdicts(Struct):
    """How many messages contracts accept, by the queue's word, and refuse, by reason."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    """Messages for whose destination no contract is known."""

    def count(self, verdict: Verdict) -> None:
        """Counts one."""
        if verdict.accepted is None:
            self.unknown += 1
        elif verdict.accepted:
            self.accepted[verdict.queue or ""] += 1
        else:
            count(self.refused, verdict.reason or "")


class Contracts:
    """The contracts of a stage's queues."""

    def __init__(self, stage: Stage, redaction: Redaction) -> None:
        self._stage = stage
        self._redaction = redaction
        self._by_url: dict[str, tuple[str, Read] | None] = {}

    def judge(self, message: Message, delivery: Delivery, *, edited: bool) -> Verdict:
        """Whether the consumer of the delivery's destination would take it; `edited` is whether its body is another."""
        url = delivery.to.name
        if url not in self._by_url:
            self._by_url[url] = self._of(url)
        known_one = self._by_url[url]
        if known_one is None:
            return Verdict(message.message_id, None)
        word, read = known_one
        try:
            record = _record(message, delivery)
            read(record)
            if edited and read is _webhook:
                raise Reject(f"the signature of {record.sender} is over the body as it was")
        except Reject as error:
            return Verdict(message.message_id, False, word, self._words(str(error), delivery))
        except Exception as error:  # the consumer would fail on it as well
            return Verdict(message.message_id, False, word, self._words(f"{type(error).__name__}: {error}", delivery))
        return Verdict(message.message_id, True, word)

    def _words(self, reason: str, delivery: Delivery) -> str:
        attributes = {name: value.text for name, value in delivery.attributes.items()}
        return shortened(self._redaction.said_of(reason, delivery.body, attributes))

    def _of(self, url: str) -> tuple[str, Read] | None:
        """The word of the queue with that URL, and how its consumer reads; None where it is no queue of the map."""
        topology, name = self._stage.topology, url.rpartition("/")[2]
        works = known(self._stage.name, topology)
        word = next((word for word, kind, physical in works if kind == "work" and physical == name), None)
        if word is None:
            return None
        try:
            if find(self._stage, word).url != url:
                return None
        except OpsError:
            return None
        routes = [route for each in topology.integrations for route in each.routes if word in route.queues]
        if any(route.senders for route in routes):
            return word, _webhook
        from functions.runtime.message import intake

        try:
            return word, intake(feeds.contracts(topology, word))
        except TypeError:
            return None


def _record(message: Message, delivery: Delivery) -> Record:
    """The message as Lambda hands it to the consumer."""
    from functions.runtime.record import Record

    return Record.read(
        {
            "messageId": message.message_id,
            "receiptHandle": "",
            "body": delivery.body,
            "eventSourceARN": f"arn:aws:sqs:::{delivery.to.name.rpartition('/')[2]}",
            "attributes": {"MessageGroupId": delivery.group} if delivery.group is not None else {},
            "messageAttributes": {
                name: {"stringValue": value.string_value} for name, value in delivery.attributes.items()
            },
        }
    )


def _webhook(record: Record) -> None:
    """Raises `Reject` for what is refused without a look at the secret that signs."""
    if not record.sender or not record.signature:
        raise Reject("the message has no sender or signature")
    if record.signature.partition(" ")[0] not in SCHEMES:
        raise Reject(f"the webhook of {record.sender} is signed by an unknown scheme")
    try:
        msgspec.json.decode(record.body, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Reject(f"the webhook of {record.sender} is no JSON object: {error}") from None
