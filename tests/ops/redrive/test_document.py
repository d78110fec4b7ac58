"""Bodies in an editor: what is not changed stays byte for byte, and a mistake is said with its line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import UsageError
from ops.redrive.document import Document, Gathered, is_empty, is_one, part, repeated, same, written
from ops.sqs.message import Message

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
SCALAR = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | TEXT
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
SPACED = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 3}, {"ensure_ascii": False}])
LINES = st.lists(TEXT | st.sampled_from(["# message x json y", "", "  ", "#", "\r", "\u2028", "\x85"]), min_size=1)
BODY = st.builds(lambda value, form: json.dumps(value, **form), VALUE, SPACED) | LINES.map("\n".join)


def message(id_: str = "m-0", body: str = "") -> Message:
    return Message(id_, "", body)


def shown(*bodies: str) -> str:
    return written([part(f"m-{number}", body) for number, body in enumerate(bodies)])


def after(text: str, *bodies: str) -> list[str | None]:
    document = Document(text)
    return [document.of(message(f"m-{number}"), body, None) for number, body in enumerate(bodies)]


@given(st.lists(BODY.filter(bool), min_size=1, max_size=5))
def test_an_editor_that_changes_nothing_changes_no_byte(bodies: list[str]) -> None:
    text = shown(*bodies)
    assert after(text, *bodies) == bodies
    assert after(text.encode().decode().removesuffix("\n"), *bodies) == bodies
    assert after(repeated(text, "a problem"), *bodies) == bodies
    assert after(text.replace("\n", "\r\n"), *bodies) == bodies
    assert after(text.replace("\n# message", "\n\n  \n# message") + "\n\n", *bodies) == bodies
    assert same(text.replace("\n", "\r\n") + "\r\n", text)


@given(st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), VALUE, min_size=1), SPACED, st.integers())
def test_only_the_member_that_is_edited_changes(members: dict[str, Any], form: dict[str, Any], new: int) -> None:
    old = json.dumps(members | {"edited": "BEFORE"}, **form)
    text = shown(old, old).replace('"edited": "BEFORE"', f'"edited": {new}', 1)
    if "BEFORE" not in text.partition("# message m-1")[2].replace("\\", ""):
        return  # what an editor would not keep is a text in quotes, which this does not edit
    if text == shown(old, old):
        return
    changed, same = after(text, old, old)
    assert changed is not None
    assert json.loads(changed) == members | {"edited": new}
    assert same == old
    if form != {"indent": 3}:
        assert changed == json.dumps(members | {"edited": new}, **form)


def test_numbers_and_doubled_names_stay_as_they_were_written() -> None:
    body = '{"price":1.10,"big":12345678901234567890123,"e":1E5,"a":1,"a":2,"u":"\\u00e9\\/","n":1}'
    (changed,) = after(shown(body).replace('"n": 1', '"n": 2'), body)
    assert changed == body.replace('"n":1', '"n":2')


@pytest.mark.parametrize(
    ("body", "new", "expected"),
    [
        ("no json\nin lines", "in other lines", "no json\nin other lines"),
        ("a\r\nb", None, None),
        ("\x1b]52;c;x\x07", None, None),
        ("[" * 5_000, None, None),
    ],
)
def test_bodies_that_are_no_json_are_texts(body: str, new: str | None, expected: str | None) -> None:
    text = shown(body)
    assert not set(text) & set("\r\x1b\x07")
    if new is not None:
        assert after(text.replace("in lines", new), body) == [expected]
    assert after(text, body) == [body]


def test_a_message_that_was_taken_out_is_left_and_the_others_go() -> None:
    first, second = shown('{"n":1}', '{"n":2}').split("# message m-1")
    assert after(first, '{"n":1}', '{"n":2}') == ['{"n":1}', None]
    assert is_empty("\n".join(line for line in first.split("\n")[:2]))
    assert is_empty("")
    assert not is_empty(first)
    assert not is_empty(second)


def test_another_body_than_the_one_that_was_edited_is_not_touched() -> None:
    document = Document(shown('{"n":1}'))
    with pytest.raises(ValueError, match="not the one that was edited"):
        document.of(message(), '{"n":3}', None)


@pytest.mark.parametrize(
    ("before", "instead", "said"),
    [
        ('"n": 1', '"n": ', r"line 6: message m-0 is no JSON"),
        ('"n": 1', '"password": s3cr3t', r"line 5: message m-0 is no JSON"),
        ("# message m-1", "# message m-0", r"line 7: message m-0 is there twice"),
        ("# message m-1 json", "# message m-1 yaml", r"line 7: it wants a line like"),
        ("# Edit", "Edit", r"line 1: it wants a line like"),
    ],
)
def test_a_mistake_is_said_with_its_line_and_repeats_nothing(before: str, instead: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        Document(shown('{"n":1}', '{"n":1}').replace(before, instead, 1))
    assert "s3cr3t" not in str(refused.value)


def test_blank_lines_around_a_text_are_no_part_of_it() -> None:
    text = shown("one\n\ntwo", "\nthree", '{"n":1}')
    airy = text.replace("\none", "\n\none").replace("\n# message", "\n\n# message")
    assert same(airy, text)
    assert after(airy.replace("two", "zwei"), "one\n\ntwo", "\nthree", '{"n":1}') == [
        "one\n\nzwei",
        "\nthree",
        '{"n":1}',
    ]


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("# Edit", "# My own remark\n# Edit", True),
        ('"n": 1', '"n":1', True),
        ('"n": 1', '"n": 1.0', False),
        ("json", "text", False),
        ("words", "Words", False),
    ],
)
def test_only_what_is_said_of_a_message_is_a_change(old: str, new: str, is_same: bool) -> None:
    text = shown('{"n":1}', "words")
    assert same(text.replace(old, new, 1), text) is is_same


@pytest.mark.parametrize("text", ["# Edit\r\n# more\n", "# Edit\r# more"])
def test_line_ends_of_two_kinds_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="line 1: it has a carriage return"):
        Document(text + shown("words"))


def test_a_message_that_was_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="line 5: there was no message m-1"):
        Document(shown("1", "2")).only(["m-0"])


def test_no_patch_is_taken_for_a_document() -> None:
    assert is_one(shown("1"))
    assert not is_one(' {"a": 1}')
    with pytest.raises(UsageError, match="names no message"):
        Document("# nothing")


def test_too_many_bodies_are_not_for_an_editor() -> None:
    gathered = Gathered()
    gathered.most_messages = 2
    for number in range(2):
        assert gathered.of(message(f"m-{number}"), "x", None) == "x"
    with pytest.raises(UsageError, match="too many for an editor"):
        gathered.of(message("m-2"), "x", None)
