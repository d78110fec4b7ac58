"""Bodies as a person edits them: one text with every message, and what becomes of each when the text comes back.

    # message 6a1f0c3e-… json 0cc175b9c0f1b6a831c399e269772661
    {
      "price": 1.10
    }

Behind a message's id stands how its body is written: `json` is indented, every number, text and doubled name as it
came; `text` is the body itself; `string` is a JSON string, for a text that an editor would not keep (control
characters, or lines that look like the above). Then the checksum of the body that was edited: a message that has
another body is not touched. A body whose text was not changed is sent byte for byte as it was; a changed one is put
together as it came, in one line or many. A message whose lines were taken out is left where it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Literal

import msgspec
from msgspec import Struct

from ops.dead_letters.cause import Cause
from ops.errors import UsageError
from ops.redrive.edit import decode, reason
from ops.sqs.message import UNREADABLE, Message, md5_of_body

Kind = Literal["json", "text", "string"]
MARK = re.compile(r"# message (?P<id>\S{1,100}) (?P<kind>json|text|string) (?P<md5>[0-9a-f]{32})\s*")
LIKE_A_MARK = re.compile(r"^\s*#\s*message\b", re.MULTILINE | re.IGNORECASE)
UNKEPT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff0-\uffff]")
"""Characters that editors change, hide or stop at."""
BLANK = re.compile(r"[ \t]$|\n\Z|\A\n", re.MULTILINE)
"""What editors take away at the end of a line or around the whole, or put there."""
LINE_END = re.compile("\r\n?|\n")
AROUND = re.compile(r"\A(?:[ \t]*\n)+|(?:\n[ \t]*)+\Z")
"""Blank lines around a text, which it never has of itself."""
FORMS = (-1, 0, 2, 4)
"""How JSON may be spaced, as msgspec says it."""
DEEP = 8
"""How many times as long a body may be when it is indented; one that is nested deeper stays a text."""
ALWAYS = 1_000
"""Characters that indenting may add in any case."""
AT = re.compile(r" \(byte (\d+)\)")
HELP = (
    "# Edit the bodies, save, and leave the editor. Take out a message with all its lines, and it is left where it is.",
    "# The others are redriven in their order. Without a change, or with nothing left here, nothing is sent.",
)


class Part(Struct, frozen=True):
    """One message of the text."""

    message_id: str
    kind: Kind
    md5: str
    text: str
    line: int = 0
    """Where its text begins, counted from 1."""


def part(message_id: str, body: str) -> Part:
    """A message with its body as it is edited."""
    kind, text = _shown(body)
    return Part(message_id, kind, md5_of_body(body), text)


def written(parts: Iterable[Part], problem: str | None = None) -> str:
    """The text of these; a `problem` stands on top."""
    lines = [*([f"# ERROR: {problem}"] if problem else []), *HELP]
    for each in parts:
        lines += [f"# message {each.message_id} {each.kind} {each.md5}", each.text]
    return "\n".join(lines) + "\n"


def repeated(text: str, problem: str) -> str:
    """A text that came back, with the problem on top and nothing else changed."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if MARK.fullmatch(line)), len(lines))
    rest = [line for line in lines[:first] if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join([f"# ERROR: {problem}", *HELP, *rest, *lines[first:]])


def is_one(text: str) -> bool:
    """Whether the text is meant as such a document: no JSON begins like that."""
    return text.lstrip().startswith("#")


def is_empty(text: str) -> bool:
    """Whether there is nothing in it but remarks."""
    return all(not line.strip() or (line.startswith("#") and not MARK.fullmatch(line)) for line in LINE_END.split(text))


def same(text: str, other: str) -> bool:
    """Whether two texts say the same of every message. Raises `UsageError` as `Document` does."""
    return _said(text) == _said(other)


def _said(text: str) -> dict[str, tuple[str, str, str]]:
    return {each.message_id: (each.kind, each.md5, _unspaced(each)) for each in Document(text).parts.values()}


def _unspaced(each: Part) -> str:
    if each.kind != "text":
        with suppress(*UNREADABLE):
            return msgspec.json.format(each.text, indent=-1)
    return each.text


class Document:
    """What a person made of the bodies. Raises `UsageError` with the line for a text that is none, or bad JSON."""

    left_by: str = "the edit does not name them"

    def __init__(self, text: str) -> None:
        self.parts: dict[str, Part] = {}
        for each in _parts(text):
            if each.message_id in self.parts:
                raise UsageError(f"The edit, line {each.line - 1}: message {each.message_id} is there twice.")
            self.parts[each.message_id] = each
            _read(each)
        if not self.parts:
            raise UsageError("The edit names no message: it wants lines like `# message ID json MD5`.")

    def only(self, ids: Iterable[str]) -> None:
        """Raises `UsageError` where it has a message that is none of these."""
        known = set(ids)
        for each in self.parts.values():
            if each.message_id not in known:
                raise UsageError(f"The edit, line {each.line - 1}: there was no message {each.message_id}.")

    def of(self, message: Message, body: str, cause: Cause | None) -> str | None:
        """The body as it was edited; None for a message that is not in it.

        Raises `ValueError` where the message's body is not the one that was edited.
        """
        edited = self.parts.get(message.message_id)
        if edited is None:
            return None
        if edited.md5 != md5_of_body(body):
            raise ValueError("its body is not the one that was edited")
        changed = _read(edited)
        return changed if edited.kind != "json" else _as_it_came(body, changed)

    @property
    def ids(self) -> Collection[str]:
        """Ids of its messages."""
        return self.parts.keys()


class Gathered:
    """Takes the bodies that would be sent, in their order, and changes none. Raises `UsageError` for too many."""

    left_by: str = ""
    ids: Collection[str] = ()
    most_messages = 1_000
    most_bytes = 8 * 1024 * 1024

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self._bytes = 0

    def of(self, message: Message, body: str, cause: Cause | None) -> str:
        """The same body, of which note is taken."""
        self.parts[message.message_id] = part(message.message_id, body)
        self._bytes += len(body)
        if len(self.parts) > self.most_messages or self._bytes > self.most_bytes:
            raise UsageError(
                f"More than {self.most_messages:,} messages or {self.most_bytes // 1024**2} MiB are too many for an "
                "editor: choose by --limit, --ids or --filter, or let --python edit them."
            )
        return body


def _shown(body: str) -> tuple[Kind, str]:
    try:
        decode(body)
        text = msgspec.json.format(body.encode(), indent=2).decode()
        if len(text) <= DEEP * len(body) + ALWAYS and not UNKEPT.search(text):
            return "json", text
    except UNREADABLE:
        pass
    if UNKEPT.search(body) or LIKE_A_MARK.search(body) or BLANK.search(body):
        return "string", _literal(body)
    return "text", body


def _literal(body: str) -> str:
    """A JSON string of the body in which nothing is left that an editor would not keep."""
    text = msgspec.json.encode(body).decode()
    return UNKEPT.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _read(each: Part) -> str:
    """The body that the text says. Raises `UsageError` with the line."""
    if each.kind == "text":
        return each.text
    try:
        if each.kind == "string":
            return msgspec.json.decode(each.text, type=str)
        decode(each.text)
        return each.text
    except UNREADABLE as error:
        at = AT.search(str(error))
        line = each.line + (each.text.encode()[: int(at[1])].count(b"\n") if at else 0)
        raise UsageError(
            f"The edit, line {line}: message {each.message_id} is no JSON: {AT.sub('', reason(error))}."
        ) from None


def _as_it_came(body: str, changed: str) -> str:
    """The changed JSON, spaced as the body was, if that was spaced in any usual way, else without spaces.

    Where nothing but spaces was changed it is the body.
    """
    before, after = body.encode(), changed.encode()
    try:
        if msgspec.json.format(before, indent=-1) == msgspec.json.format(after, indent=-1):
            return body
        form = next((form for form in FORMS if msgspec.json.format(before, indent=form) == before), FORMS[0])
    except UNREADABLE:
        form = FORMS[0]
    return msgspec.json.format(after, indent=form).decode()


def _parts(text: str) -> Iterator[Part]:
    lines = _with_one_kind_of_end(text).removesuffix("\n").split("\n")
    marks = [(number, found) for number, line in enumerate(lines) if (found := MARK.fullmatch(line))]
    first = marks[0][0] if marks else len(lines)
    for number, line in enumerate(lines):
        stray = number < first and line.strip() and not line.startswith("#")
        if stray or (LIKE_A_MARK.match(line) and not MARK.fullmatch(line)):
            raise UsageError(f"The edit, line {number + 1}: it wants a line like `# message ID json MD5` here.")
    ends = [number for number, _ in marks[1:]] + [len(lines)]
    for (number, found), end in zip(marks, ends, strict=False):
        kind: Kind = "json" if found["kind"] == "json" else "text" if found["kind"] == "text" else "string"
        yield Part(found["id"], kind, found["md5"], _between(kind, lines[number + 1 : end]), number + 2)


def _between(kind: Kind, lines: list[str]) -> str:
    text = "\n".join(lines)
    return AROUND.sub("", text) if kind == "text" else text


def _with_one_kind_of_end(text: str) -> str:
    """The text with its lines ended as they were shown, where an editor ended every one of them in another way.

    What is shown has no carriage return, so one that not every line has is neither the sender's nor an editor's.
    """
    if text.count("\r") == text.count("\r\n") == text.count("\n"):
        return text.replace("\r\n", "\n")
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        raise UsageError(
            f"The edit, line {line}: it has a carriage return, and not every line ends with one: save it with line "
            "ends of one kind, and write one that a body has as \\r in a JSON string."
        )
    return text
