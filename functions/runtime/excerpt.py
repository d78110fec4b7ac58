"""What is kept of a text that somebody else made as long as they liked."""

from __future__ import annotations

LONGEST = 1000


def excerpt(text: str, most: int = LONGEST) -> str:
    """`text`, or its first `most` characters, the last of which is then `…`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
