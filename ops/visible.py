"""Text of others as it may be shown: what would steer a terminal, or hide in it, is an escape that can be read."""

from __future__ import annotations

import re

KEPT = "\n\t"
BLANK = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""What Unicode calls default-ignorable, and three more that look like nothing: Python takes some of it for printable.
https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt"""


def visible(text: str) -> str:
    """The text with control and format characters, and others that show nothing, as escapes: `\\x1b`, `\\u202e`.

    Those are C0 and C1, bidirectional, zero-width and blank ones, spaces that are none of ASCII's, line separators,
    surrogates and private ones: with them a message could clear the screen, write to the clipboard, or look like
    another. Only newlines and tabs stay. https://www.unicode.org/reports/tr36/
    """
    if all_show(text):
        return text
    return "".join(each if _shows(each) else _escape(each) for each in text)


def one_line(text: str) -> str:
    """The text as a single line of what shows: newlines and tabs are escapes too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(text: str, *, ascii_only: bool = False) -> str:
    """A JSON text that means the same, with these characters, or all but ASCII's, as JSON's own escapes."""
    if all_show(text) and (text.isascii() or not ascii_only):
        return text
    shows = str.isascii if ascii_only else lambda each: True
    return "".join(each if shows(each) and _shows(each) else _json_escape(each) for each in text)


def all_show(text: str) -> bool:
    """Whether every character of it shows, and none is what `visible` escapes."""
    return text.isprintable() and (text.isascii() or BLANK.search(text) is None)


def _shows(character: str) -> bool:
    return character in KEPT or all_show(character)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
