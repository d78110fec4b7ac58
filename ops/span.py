"""A span of time as people read it."""

from __future__ import annotations


def span(seconds: float | None) -> str:
    """A span of time in its largest unit, `-` where it is not known."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
