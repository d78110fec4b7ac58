"""What is kept of a text that somebody else made as long as they liked."""

from __future__ import annotations

LONGEST = 1000


def excerpt(text: str, most: int = LONGEST) -> str:
    """`text`, or its first `most` characters, the last of which is then `…`."""
    return writable(text if len(text) <= most else f"{text[: most - 1]}…")


def writable(text: str) -> str:
    """The text as UTF-8 can have it: half of a surrogate pair, as `json` reads it, is written as its escape."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
