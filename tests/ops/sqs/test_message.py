"""Checksums and sizes are SQS's."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.sqs.models import Message as MotoMessage

from ops.sqs.message import Entry, Message, Value, attribute_size, md5_of_attributes, md5_of_body, number

names = st.text("abcXYZ09_-", min_size=1, max_size=20)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


values = st.one_of(
    st.builds(Value, st.sampled_from(["String", "Number", "String.color"]), texts),
    st.binary(min_size=1).map(lambda value: Value("Binary", binary_value=base64.b64encode(value).decode())),
)


@given(st.dictionaries(names, values, max_size=10))
def test_the_checksum_of_attributes_is_what_sqs_answers(attributes: dict[str, Value]) -> None:
    theirs = MotoMessage("id", "body")
    theirs.message_attributes = {
        name: {"DataType": value.data_type, "StringValue": value.string_value}
        if value.binary_value is None
        else {"DataType": value.data_type, "BinaryValue": base64.b64decode(value.binary_value)}
        for name, value in attributes.items()
    }
    assert md5_of_attributes(attributes) == (theirs.attribute_md5 if attributes else None)


@given(texts)
def test_the_size_of_a_message_counts_bytes_and_not_characters(text: str) -> None:
    entry = Entry("id", text, {"name": Value("String", text)})
    assert entry.size == 2 * len(text.encode()) + len("name") + len("String")


def test_the_checksum_of_a_body_is_its_md5() -> None:
    assert md5_of_body("hello") == "5d41402abc4b2a76b9719d911017c592"


def test_a_message_that_says_no_more_than_it_must_has_nothing_else() -> None:
    read = msgspec.json.decode(b'{"MessageId":"m","ReceiptHandle":"r","Body":"b"}', type=Message)
    assert read == Message("m", "r", "b", {}, {})
    assert (read.group, read.source, read.receives, read.sent_at) == (None, None, 0, datetime.fromtimestamp(0, UTC))


def test_a_message_tells_what_sqs_says_of_it() -> None:
    told = {
        "MessageGroupId": "g",
        "SentTimestamp": "1750000000123",
        "ApproximateReceiveCount": "4",
        "DeadLetterQueueSourceArn": "arn:aws:sqs:eu-west-1:123456789012:work",
    }
    read = Message("m", "r", "b", told)
    assert (read.group, read.receives, read.source) == ("g", 4, told["DeadLetterQueueSourceArn"])
    assert read.sent_at.isoformat() == "2025-06-15T15:06:40.123000+00:00"


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("7", 7), ("9" * 13, 9_999_999_999_999), ("9" * 14, 0), ("", 0), ("-1", 0), ("1.5", 0), ("٣", 0)],
)
def test_a_count_that_cannot_be_read_is_none(text: str, count: int) -> None:
    assert Message("m", "r", "b", {"ApproximateReceiveCount": text}).receives == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("42", 42), ("9" * 9, 999_999_999), ("9" * 10, None), ("", None), ("+1", None), ("٣", None)],
)
def test_a_number_of_somebody_elses_has_nine_digits_at_the_most(text: str, expected: int | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    ("value", "text", "size"),
    [
        (Value("String", "blue"), "blue", 6 + 4),
        (Value("String", "é"), "é", 6 + 2),
        (Value("String.é", "x"), "x", 9 + 1),
        (Value("Binary", binary_value="AP8="), "AP8=", 6 + 2),
        (Value("String", ""), "", 6),
        (Value("Binary"), "", 6),
    ],
)
def test_a_value_is_read_and_measured_by_what_it_holds(value: Value, text: str, size: int) -> None:
    assert (value.text, attribute_size("name", value)) == (text, 4 + size)
    assert Entry("m", "é", {"name": value}).size == 2 + 4 + size


def test_an_entry_says_only_what_it_has() -> None:
    assert msgspec.json.encode(Entry("a", "b")) == b'{"Id":"a","MessageBody":"b"}'
    value, trace = Value("String", "x"), Value("Binary", binary_value="AP8=")
    assert msgspec.json.decode(msgspec.json.encode(Entry("a", "b", {"n": value}, {"t": trace}, "g", "d"))) == {
        "Id": "a",
        "MessageBody": "b",
        "MessageAttributes": {"n": {"DataType": "String", "StringValue": "x"}},
        "MessageSystemAttributes": {"t": {"DataType": "Binary", "BinaryValue": "AP8="}},
        "MessageGroupId": "g",
        "MessageDeduplicationId": "d",
    }
