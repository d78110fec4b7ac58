"""One message on its way back: where it goes, as what, and the stamp and deduplication id that it is sent with.

The deduplication id of a copy is made of the original idempotency key and the dead letter's MessageId. The original
key alone would lose messages: SQS remembers it for five minutes after the first send, answers a second send with
success and throws the message away, and the mover would then delete the only copy. With the MessageId in it, a redrive
is new to SQS, while the repetition of the same redrive after a crash is not and is dropped. The
idempotency key itself travels in its attribute, and by that consumers recognise what they did already; so does the
deduplication id that the message had at first, for whom it means something.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from functions.contracts.envelope import DEDUPLICATION_ID, IDEMPOTENCY_KEY, REDRIVEN
from ops.sqs.message import MOST_ATTRIBUTES, MOST_BYTES, Entry, Message, Value, attribute_size, number
from ops.sqs.outbox import Destination

KEY = re.compile(r"[!-~]{1,80}")
"""An idempotency key that fits into a deduplication id, which has 128 printable characters, beside a MessageId."""


@dataclass(frozen=True)
class Delivery:
    """A message as it is sent."""

    to: Destination
    body: str
    attributes: dict[str, Value]
    group: str | None = None
    """The FIFO group, or on a standard queue the tenant."""

    def entry(self, message: Message, run: str, room: int = MOST_BYTES) -> Entry:
        """The entry of a batch that sends it, stamped as what `run` made of the dead letter `message`.

        `room` are the bytes of the largest message that the destination takes.
        """
        entry = Entry(message.message_id, self.body, self.attributes)
        added = {REDRIVEN: Value("String", f"{stamped(message)[0] + 1} {run}")}
        first = message.attributes.get("MessageDeduplicationId")
        # SQS itself replaces it by the MessageId as it moves a message to a DLQ.
        if first is not None and first != message.message_id and DEDUPLICATION_ID not in self.attributes:
            added[DEDUPLICATION_ID] = Value("String", first)
        # The sender's own attributes and body come first: what SQS has no room for is left out.
        size, attributes = entry.size, dict(self.attributes)
        for name, value in added.items():
            more = attribute_size(name, value)
            if (len(attributes) < MOST_ATTRIBUTES or name in attributes) and size + more <= room:
                attributes[name] = value
                size += more
        entry.message_attributes = attributes
        trace = message.attributes.get("AWSTraceHeader")
        if trace is not None:
            entry.message_system_attributes = {"AWSTraceHeader": Value("String", trace)}
        entry.message_group_id = self.group
        if self.to.name.endswith(".fifo"):
            entry.message_deduplication_id = deduplication_id(message, edited=self.body != message.body)
        return entry


def stamped(message: Message | Entry) -> tuple[int, str]:
    """How often the message was redriven, and by which run the last time."""
    stamp = message.message_attributes.get(REDRIVEN)
    if stamp is None:
        return 0, ""
    times, _, run = stamp.text.partition(" ")
    return number(times) or 0, run


def deduplication_id(message: Message, *, edited: bool) -> str:
    """The deduplication id of a dead letter's copy: the module's description says why it is made like this."""
    key = message.message_attributes.get(IDEMPOTENCY_KEY)
    parts = [key.text] if key is not None and KEY.fullmatch(key.text) else []
    return ":".join([*parts, message.message_id, *(["edited"] if edited else [])])
