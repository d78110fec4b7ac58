"""How each body is shown to an editor, what stands above them, and the line at which something is wrong."""

from __future__ import annotations

import pytest

from ops.errors import UsageError
from ops.redrive.document import HELP, Document, Gathered, Part, is_empty, is_one, part, repeated, same, written
from ops.sqs.message import Message, md5_of_body
from tests.ops.redrive.test_document import after, message, shown


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ('{"a":1}', "json", '{\n  "a": 1\n}'),
        ("1.10", "json", "1.10"),
        ('"words"', "json", '"words"'),
        ("words", "text", "words"),
        ("{a", "text", "{a"),
        ("two\n\nlines", "text", "two\n\nlines"),
        ("# message", "string", '"# message"'),
        ("  #  Message x", "string", '"  #  Message x"'),
        ("a\n#message b", "string", '"a\\n#message b"'),
        ("# messages", "text", "# messages"),
        ("ends \n here", "string", '"ends \\n here"'),
        ("ends\t", "string", '"ends\\t"'),
        ("\nabove", "string", '"\\nabove"'),
        ("below\n", "string", '"below\\n"'),
        ("", "text", ""),
        ("a\rb", "string", '"a\\rb"'),
        ("a\x1bb", "string", '"a\\u001bb"'),
        ("a\x7fb", "string", '"a\\u007fb"'),
        ("a\u2028b", "string", '"a\\u2028b"'),
        ("\ufeffa", "string", '"\\ufeffa"'),
        ('{"a":"\\u202e"}', "json", '{\n  "a": "\\u202e"\n}'),
        ('{"a":"\u202e"}', "string", '"{\\"a\\":\\"\\u202e\\"}"'),
    ],
)
def test_a_body_is_shown_as_what_an_editor_keeps(body: str, kind: str, text: str) -> None:
    found = part("m-0", body)
    assert found == Part("m-0", kind, md5_of_body(body), text)  # type: ignore[arg-type]
    assert after(written([found]), body) == [body]


def test_json_that_is_nested_too_deep_to_be_indented_stays_a_text() -> None:
    for depth, kind in ((20, "json"), (200, "text")):
        body = "[" * depth + "]" * depth
        assert part("m", body).kind == kind


def test_what_is_written_has_help_on_top_and_a_problem_above_it() -> None:
    parts = [part("m-0", "one"), part("m-1", "two")]
    marks = [f"# message {each.message_id} text {each.md5}" for each in parts]
    lines = [*HELP, marks[0], "one", marks[1], "two", ""]
    assert written(parts).split("\n") == lines
    assert written(parts, "it is odd").split("\n") == ["# ERROR: it is odd", *lines]
    again = "\n".join(["# ERROR: it was odd", "", "stray", "  # indented", *lines])
    assert repeated(again, "it is odd").split("\n") == ["# ERROR: it is odd", *HELP, "stray", *lines[len(HELP) :]]
    assert repeated("stray\n# remark", "it is odd").split("\n") == ["# ERROR: it is odd", *HELP, "stray"]


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("", True),
        ("# remark\r\n  \n\t\r# another", True),
        ("# message m-0 text 0cc175b9c0f1b6a831c399e269772661", False),
        (" # indented", False),
        ("words", False),
        ("# remark\nwords", False),
    ],
)
def test_remarks_alone_are_nothing(text: str, empty: bool) -> None:
    assert is_empty(text) is empty


@pytest.mark.parametrize(("text", "one"), [("# x", True), ("\n  # x", True), ('{"#": 1}', False), ("", False)])
def test_a_document_begins_with_a_remark(text: str, one: bool) -> None:
    assert is_one(text) is one


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"n": 1', '"n": ', "The edit, line 6: message m-0 is no JSON: JSON is malformed: invalid character."),
        ('{\n  "n": 1\n}', "{", "The edit, line 4: message m-0 is no JSON: Input data was truncated."),
        ('"n": 1', '"n": 1E+99999999999999999999', "is no JSON: a number in it is beyond all measure."),
        ("# message m-1", "# message m-0", "The edit, line 7: message m-0 is there twice."),
        ("# Edit", "Edit", "The edit, line 1: it wants a line like `# message ID json MD5` here."),
        ("# message m-1", "#message m-1", "The edit, line 7: it wants a line like `# message ID json MD5` here."),
        ("# message m-2", "words\n# message m-2", None),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_its_line(old: str, new: str, said: str | None) -> None:
    text = shown('{"n":1}', "one", "two").replace(old, new, 1)
    if said is None:
        assert after(text, '{"n":1}', "one", "two") == ['{"n":1}', "one\nwords", "two"]
        return
    with pytest.raises(UsageError) as refused:
        Document(text)
    assert said in str(refused.value)


def test_a_text_in_quotes_must_stay_one() -> None:
    text = shown("a\x1bb")
    assert after(text.replace("\\u001bb", "c"), "a\x1bb") == ["ac"]
    for wrong, said in (
        ('"a', "line 4: message m-0 is no JSON: Input data was truncated"),
        ("7", "line 4: message m-0"),
    ):
        with pytest.raises(UsageError, match=said):
            Document(text.replace('"a\\u001bb"', wrong))


@pytest.mark.parametrize(("ends", "line"), [("one\r\ntwo\n", 4), ("\rone\ntwo\n", 4), ("one\ntw\ro\n", 5)])
def test_line_ends_of_two_kinds_are_said_at_the_first(ends: str, line: int) -> None:
    text = shown("one\ntwo").replace("one\ntwo\n", ends)
    with pytest.raises(UsageError, match=rf"^The edit, line {line}: it has a carriage return, and not every line ends"):
        Document(text)


def test_an_edit_is_for_the_messages_it_names_and_for_no_others() -> None:
    document = Document(shown("1", "two"))
    document.only(["m-0", "m-1", "m-2"])
    with pytest.raises(UsageError, match=r"^The edit, line 3: there was no message m-0\.$"):
        document.only(["m-1"])
    assert (list(document.ids), document.left_by) == (["m-0", "m-1"], "the edit does not name them")
    assert document.of(message("m-2", "3"), "3", None) is None
    with pytest.raises(ValueError, match=r"^its body is not the one that was edited$"):
        document.of(message("m-0", "2"), "2", None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"n":1,"a":[1,2]}', '{"n":2,"a":[1,2]}'),
        ('{"n": 1, "a": [1, 2]}', '{"n": 2, "a": [1, 2]}'),
        ('{\n  "n": 1,\n  "a": [\n    1,\n    2\n  ]\n}', '{\n  "n": 2,\n  "a": [\n    1,\n    2\n  ]\n}'),
        ('{\n    "n": 1\n}', '{\n    "n": 2\n}'),
        ('{\n   "n": 1\n}', '{"n":2}'),
        ('{"n":1, "a":2}', '{"n":2,"a":2}'),
    ],
)
def test_changed_json_is_spaced_as_it_came_where_that_is_usual(body: str, expected: str) -> None:
    assert after(shown(body).replace('"n": 1', '"n": 2'), body) == [expected]
    assert after(shown(body).replace('"n": 1', '"n":1'), body) == [body]


def test_the_same_in_other_words_is_the_same() -> None:
    text = shown("a\x1bb", "[1]")
    assert same(text.replace('"a\\u001bb"', ' "a\\u001bb" '), text)
    assert not same(text.replace("\\u001bb", "b"), text)
    assert not same(text, shown("a\x1bb"))
    assert not same(text.replace(md5_of_body("[1]"), md5_of_body("[2]")), text)


@pytest.mark.parametrize(
    ("messages", "size", "fits"), [(1_000, 1, True), (1_001, 1, False), (8, 2**20, True), (9, 2**20, False)]
)
def test_an_editor_is_given_a_thousand_bodies_and_eight_megabytes_at_the_most(
    messages: int, size: int, fits: bool
) -> None:
    gathered = Gathered()
    assert (gathered.left_by, gathered.ids, gathered.parts) == ("", (), {})
    body = "x" * size
    for number in range(messages - 1):
        assert gathered.of(Message(f"m-{number}", "", body), body, None) == body
    last = Message("last", "", body)
    if fits:
        gathered.of(last, body, None)
        assert (len(gathered.parts), gathered.parts["last"]) == (messages, part("last", body))
        return
    said = r"^More than 1,000 messages or 8 MiB are too many for an editor: choose by --limit, --ids or --filter"
    with pytest.raises(UsageError, match=said):
        gathered.of(last, body, None)
