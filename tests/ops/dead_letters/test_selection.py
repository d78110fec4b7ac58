"""What a filter, an edit and an export promise, whatever the message is."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.contracts.redaction import REDACTED
from ops.dead_letters import message_file as archive
from ops.dead_letters.cause import Cause
from ops.dead_letters.message_file import Archive
from ops.dead_letters.redaction import Redaction
from ops.dead_letters.selection import Selection, document, seconds
from ops.errors import UsageError
from ops.redrive.edit import Edit, difference, merge
from ops.sqs.message import Message, Value
from tests.sample.topology import SAMPLE

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
leaves = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
objects = st.dictionaries(texts, values, max_size=4)
names = st.text("abcdef_", min_size=1, max_size=8)
attributes = st.dictionaries(
    names, texts.filter(bool).map(lambda text: Value("String", text)) | st.just(Value("Binary", binary_value="AP8="))
)
messages = st.builds(
    Message,
    st.uuids().map(str),
    st.just("receipt"),
    texts.filter(bool) | objects.map(json.dumps),
    st.dictionaries(names, texts),
    attributes,
)
causes = st.none() | st.builds(Cause, error_type=texts, error_message=texts)


@given(message=messages, cause=causes)
def test_everything_means_every_message(message: Message, cause: Cause | None) -> None:
    assert Selection().means(message, cause)


@given(message=messages, cause=causes, name=names)
def test_a_filter_means_a_message_just_where_jmespath_finds_something_true(
    message: Message, cause: Cause | None, name: str
) -> None:
    expression = f"attributes.{name} || body.{name} || cause.error_message"
    told = document(message, cause)
    if not isinstance(told["body"], dict) and not told["attributes"].get(name):
        assert Selection(filter=expression).means(message, cause) is None
        return
    found = jmespath.search(expression, told)
    expected = found not in (None, False, "", [], {}) or found == 0
    assert Selection(filter=expression).means(message, cause) is expected


@given(message=messages, cause=causes, name=names)
def test_a_message_is_meant_by_a_filter_or_by_its_opposite(message: Message, cause: Cause | None, name: str) -> None:
    selection, opposite = Selection(filter=f"body.{name}"), Selection(filter=f"!(body.{name})")
    unfit = not isinstance(document(message, cause)["body"], dict)
    meant = {selection.means(message, cause), opposite.means(message, cause)}
    assert meant == ({None} if unfit else {True, False})


@given(message=messages, cause=causes)
def test_a_cause_is_found_by_any_part_of_its_words(message: Message, cause: Cause | None) -> None:
    words = cause.label if cause is not None else "unexplained"
    part = words.swapcase()[: len(words) // 2]
    if part.strip():
        assert Selection(cause=part).means(message, cause) == (cause is not None)
    if words.strip():
        assert Selection(cause=words).means(message, cause)
    assert not Selection(cause=words + "?").means(message, cause)


@pytest.mark.parametrize(
    "blank",
    [
        *({"filter": ""}, {"filter": " "}, {"cause": ""}, {"cause": " \t"}),
        *({"ids": ()}, {"ids": []}, {"ids": ("a", " ")}, {"ids": ""}, {"older_than": 0}, {"older_than": -1}),
    ],
)
def test_a_blank_selection_made_in_python_is_no_selection_of_everything(blank: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(blank)).replace("_", "-")):
        Selection(**blank)


@pytest.mark.parametrize(("text", "span"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200)])
def test_a_span_is_a_number_and_a_unit(text: str, span: int) -> None:
    assert seconds(text) == span


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "3 weeks"])
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(UsageError, match="no span of time"):
        seconds(text)


@given(body=objects)
def test_an_empty_edit_changes_nothing_of_what_a_body_says(body: dict[str, Any]) -> None:
    assert json.loads(Edit("{}").apply(json.dumps(body))) == body


@given(body=objects, patch=objects)
def test_an_edit_is_a_merge_patch(body: dict[str, Any], patch: dict[str, Any]) -> None:
    edited = json.loads(Edit(json.dumps(patch)).apply(json.dumps(body)))
    assert edited == merge(body, patch)
    for name, value in patch.items():
        assert (name not in edited) if value is None else (isinstance(value, dict) or edited[name] == value)
    assert {name for name in body if name not in patch} <= edited.keys()


@given(body=objects, patch=objects)
def test_an_edit_made_twice_is_the_edit_made_once(body: dict[str, Any], patch: dict[str, Any]) -> None:
    edit = Edit(json.dumps(patch))
    once = edit.apply(json.dumps(body))
    assert edit.apply(once) == once


# The examples of https://www.rfc-editor.org/rfc/rfc7396#appendix-A that start from an object.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
        ('{"a":"b"}', '{"a":null}', "{}"),
        ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
        ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
        ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
        ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
        ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
    ],
)
def test_the_examples_of_the_rfc_hold(target: str, patch: str, result: str) -> None:
    assert Edit(patch).apply(target) == result


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_an_edit_leaves_the_digits_of_numbers_alone(number: Decimal) -> None:
    assert Edit('{"b":1}').apply(f'{{"a":{number:f}}}') == f'{{"a":{number:f},"b":1}}'


def test_a_difference_shows_what_goes_and_what_comes() -> None:
    assert [line for line in difference('{"a":1,"b":2}', '{"a":1,"b":3}', Redaction(SAMPLE)) if line[0] in "+-"] == [
        '-  "b": 2',
        '+  "b": 3',
    ]


@given(st.lists(st.tuples(messages, causes), max_size=5))
def test_what_was_exported_reads_back_byte_for_byte(written: list[tuple[Message, Cause | None]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "letters.jsonl"
        with Archive(path) as file:
            file.write([message for message, _ in written], [cause for _, cause in written])
        read = list(archive.read(path))
    for (message, _), again in zip(written, read, strict=True):
        assert (again.message_id, again.body.encode()) == (message.message_id, message.body.encode())
        assert (again.attributes, again.message_attributes) == (message.attributes, message.message_attributes)


def test_a_line_that_is_no_message_is_named(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_text('{"message_id": "a", "body": "b"}\n{"body": 1}\n')
    with pytest.raises(UsageError, match=r"line 2 is no exported message"):
        list(archive.read(path))


def test_fields_that_contracts_mark_as_secret_are_hidden_at_any_depth() -> None:
    shown = Redaction(SAMPLE).of({"detail": {"data": [{"email": "ada@example.com", "language": "EN"}]}, "api_key": "x"})
    assert shown == {"detail": {"data": [{"email": REDACTED, "language": "EN"}]}, "api_key": REDACTED}
