"""The terminal, on which nothing shows of what others wrote but what can be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

from ops.visible import all_show, visible


class Terminal(Console):
    """A console that prints nothing of a text but what shows, wherever in a table, tree or line it stands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(emoji=False, **settings)

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(map(_plain, buffer))


def _plain(segment: Segment) -> Segment:
    if segment.control or all_show(segment.text):
        return segment
    return Segment(visible(segment.text), segment.style)
