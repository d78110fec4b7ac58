"""Text of others as it may be shown: what would steer a terminal, or hide in it, is an escape that can be read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rich.console import Console
from rich.segment import Segment

KEPT = "\n\t"


def visible(text: str) -> str:
    """The text with control and format characters, and others that show nothing, as escapes: `\\x1b`, `\\u202e`.

    Those are C0 and C1, bidirectional and zero-width ones, line separators, surrogates and private ones: with them a
    message could clear the screen, write to the clipboard, or look like another.
    https://www.unicode.org/reports/tr36/
    """
    if text.isprintable():
        return text
    return "".join(each if _shows(each) else _escape(each) for each in text)


def visible_json(text: str) -> str:
    """A JSON text that means the same, with these characters as JSON's own escapes."""
    if text.isprintable():
        return text
    return "".join(each if _shows(each) else _json_escape(each) for each in text)


class Terminal(Console):
    """A console that prints nothing of a text but what shows, wherever in a table, tree or line it stands."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(map(_plain, buffer))


def _plain(segment: Segment) -> Segment:
    if segment.control or segment.text.isprintable():
        return segment
    return Segment(visible(segment.text), segment.style)


def _shows(character: str) -> bool:
    return character.isprintable() or character in KEPT or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
