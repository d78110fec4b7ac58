"""A message on its way back has the marks that it needs, as far as SQS has room for them, and keeps its own."""

from __future__ import annotations

from typing import Any

import pytest

from functions.contracts.envelope import DEDUPLICATION_ID, IDEMPOTENCY_KEY, REDRIVEN
from ops.redrive.delivery import Delivery, deduplication_id, stamped
from ops.redrive.routing import QueueDestination
from ops.sqs.client import Sqs
from ops.sqs.message import Entry, Message, Value, attribute_size
from tests.aws.queues import FakeSqs

STAMP = Value("String", "1 run")


def own(count: int) -> dict[str, Value]:
    return {f"own-{number}": Value("String", "x") for number in range(count)}


def entry(
    attributes: dict[str, Value], room: int = 1_000_000, *, fifo: bool = True, body: str = "as it was", **system: str
) -> Entry:
    to = QueueDestination(Sqs(FakeSqs()), f"http://sqs/0/work{'.fifo' if fifo else ''}")
    message = Message("m-1", "receipt", "as it was", system, attributes)
    return Delivery(to, body, attributes, "g" if fifo else None).entry(message, "run", room)


@pytest.mark.parametrize(
    ("stamp", "told"),
    [(None, (0, "")), ("3 run", (3, "run")), ("x run", (0, "run")), ("2", (2, "")), ("9999999999 run", (0, "run"))],
)
def test_a_stamp_says_how_often_and_by_whom(stamp: str | None, told: tuple[int, str]) -> None:
    attributes = {REDRIVEN: Value("String", stamp)} if stamp is not None else {}
    assert stamped(Message("m", "r", "b", {}, attributes)) == stamped(Entry("m", "b", attributes)) == told


def test_what_is_sent_is_the_message_with_its_marks() -> None:
    attributes = own(2) | {IDEMPOTENCY_KEY: Value("String", "key")}
    made = entry(attributes, MessageDeduplicationId="first", AWSTraceHeader="Root=1")
    assert made == Entry(
        "m-1",
        "as it was",
        {**attributes, REDRIVEN: STAMP, DEDUPLICATION_ID: Value("String", "first")},
        {"AWSTraceHeader": Value("String", "Root=1")},
        "g",
        "key:m-1",
    )
    assert REDRIVEN not in attributes, "the message itself is as it was"
    assert entry(own(1), fifo=False) == Entry("m-1", "as it was", {**own(1), REDRIVEN: STAMP}, {}, None, None)
    assert entry({}, body="another").message_deduplication_id == "m-1:edited"


@pytest.mark.parametrize(
    ("before", "system", "kept"),
    [
        ({}, {}, None),
        ({}, {"MessageDeduplicationId": "m-1"}, None),
        ({}, {"MessageDeduplicationId": "first"}, "first"),
        ({DEDUPLICATION_ID: Value("String", "very first")}, {"MessageDeduplicationId": "first"}, "very first"),
    ],
    ids=["none", "SQS's own", "its first", "one that it had before"],
)
def test_the_first_deduplication_id_travels_along(
    before: dict[str, Value], system: dict[str, Any], kept: str | None
) -> None:
    found = entry(before, **system).message_attributes.get(DEDUPLICATION_ID)
    assert (found.text if found is not None else None) == kept


@pytest.mark.parametrize(
    ("attributes", "marks"),
    [
        (own(8), [REDRIVEN, DEDUPLICATION_ID]),
        (own(9), [REDRIVEN]),
        (own(10), []),
        (own(9) | {REDRIVEN: Value("String", "4 before")}, [REDRIVEN]),
    ],
)
def test_ten_attributes_are_all_there_may_be(attributes: dict[str, Value], marks: list[str]) -> None:
    made = entry(attributes, MessageDeduplicationId="first").message_attributes
    assert [name for name in made if name in (REDRIVEN, DEDUPLICATION_ID)] == marks
    assert len(made) <= 10
    if REDRIVEN in attributes:
        assert made[REDRIVEN].text == "5 run"


def test_what_has_no_room_is_left_out_and_what_fits_is_not() -> None:
    first = Value("String", "f")
    stamp, id_ = attribute_size(REDRIVEN, STAMP), attribute_size(DEDUPLICATION_ID, first)
    size = len("as it was")
    told: dict[str, Any] = {"MessageDeduplicationId": "f"}
    for room, marks in (
        (size + stamp + id_, {REDRIVEN, DEDUPLICATION_ID}),
        (size + stamp + id_ - 1, {REDRIVEN}),
        (size + stamp, {REDRIVEN}),
        (size, set()),
    ):
        assert entry({}, room, **told).message_attributes.keys() == marks


@pytest.mark.parametrize(
    ("key", "edited", "id_"),
    [
        ("k", False, "k:m"),
        ("k", True, "k:m:edited"),
        ("", False, "m"),
        ("k k", True, "m:edited"),
        ("k" * 81, False, "m"),
    ],
)
def test_a_copy_is_known_by_key_and_message(key: str, edited: bool, id_: str) -> None:
    message = Message("m", "r", "b", {}, {IDEMPOTENCY_KEY: Value("String", key)})
    assert deduplication_id(message, edited=edited) == id_
