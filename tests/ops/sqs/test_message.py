"""Checksums and sizes are SQS's."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st
from moto.sqs.models import Message as MotoMessage

from ops.sqs.message import Entry, Value, md5_of_attributes, md5_of_body

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
