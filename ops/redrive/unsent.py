"""A run of a schedule that EventBridge Scheduler could not send: the message that it would have been.

What Scheduler leaves in the dead-letter queue is its request to SQS, and as attributes the run's time and why it was
refused. Whether it has filled the time in there already is not documented, so it is filled in here, too.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from functions.contracts.run import SCHEDULED_TIME
from ops.sqs.message import UNREADABLE, Message, Value

TIME = "SCHEDULED_TIME"
SCHEDULE_ARN = "SCHEDULE_ARN"


class _Attribute(Struct, rename="pascal"):
    data_type: Annotated[str, Meta(pattern="^String")]
    string_value: str


class Unsent(Struct, rename="pascal"):
    """The request: SendMessage."""

    queue_url: str
    message_body: str
    message_attributes: dict[str, _Attribute] = {}
    message_group_id: str | None = None

    @classmethod
    def of(cls, message: Message) -> Unsent | None:
        """The request that the message is; None where it is none, or its time is needed and not said."""
        body, said = message.body, message.message_attributes.get(TIME)
        if SCHEDULED_TIME in body:
            if said is None:
                return None
            body = body.replace(SCHEDULED_TIME, said.text)
        try:
            return msgspec.json.decode(body, type=cls)
        except UNREADABLE:
            return None

    @property
    def attributes(self) -> dict[str, Value]:
        """Its attributes, as a message has them."""
        return {name: Value(each.data_type, each.string_value) for name, each in self.message_attributes.items()}
