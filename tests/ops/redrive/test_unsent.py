"""What EventBridge Scheduler left in a dead-letter queue is redriven as the message that it would have been."""

from __future__ import annotations

import json

import pytest

from functions.contracts.run import SCHEDULED_TIME
from ops.redrive.unsent import TIME, Unsent
from ops.sqs.message import Message, Value
from stacks.entry import Queue
from stacks.parts.schedules import request
from tests.sample.scheduled import SCHEDULED

AT = "2026-11-26T05:00:00Z"
URL = "https://sqs.eu-west-1.amazonaws.com/1/rate_tickets"
ENTRY = next(each for each in SCHEDULED.schedules if each.name == "rate_each_minute")
SAID = json.dumps(request(ENTRY, Queue(name="rate_tickets"), URL))


def message(body: str, at: str | None = AT) -> Message:
    attributes = {} if at is None else {TIME: Value("String", at)}
    return Message("id", "receipt", body, {"SentTimestamp": "1"}, attributes)


@pytest.mark.parametrize("body", [SAID, SAID.replace(SCHEDULED_TIME, AT)], ids=["not filled in", "filled in"])
def test_the_request_is_the_message_with_its_time(body: str) -> None:
    found = Unsent.of(message(body))
    assert found is not None
    assert (found.queue_url, found.message_group_id) == (URL, None)
    assert json.loads(found.message_body) == {"language": "EN", "at": AT}
    assert found.attributes["idempotency_key"] == Value("String", f"rate_each_minute@{AT}")
    assert found.attributes["run"].text == f"rate_each_minute {AT}"


@pytest.mark.parametrize("body", ["", "no JSON", "{}", '{"QueueUrl": "u"}', '{"QueueUrl": 1, "MessageBody": "b"}'])
def test_what_is_no_request_is_none(body: str) -> None:
    assert Unsent.of(message(body)) is None


def test_a_time_that_is_needed_and_not_said_makes_it_none() -> None:
    assert Unsent.of(message(SAID, at=None)) is None
