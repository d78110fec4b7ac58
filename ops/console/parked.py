"""A parked group whose message is gone for good: what opening it, or skipping its first, takes away, and doing it."""

from __future__ import annotations

from starlette.responses import Response

from ops.console.asked import Asked, confirmed
from ops.dead_letters.parked import Opened, mark, open_group, work_of
from ops.errors import UsageError
from ops.redrive.command import command

MOST = 20
"""Messages that lose their places that are named."""


def ask(asked: Asked) -> Response:
    """What would lose its place; nothing is changed."""
    return _page(asked, _open(asked, first=False, yes=False), acted=None)


def do(asked: Asked) -> Response:
    """Opens the group, or skips its first, and says what lost its place."""
    confirmed(asked, asked.path["queue"])
    first = asked.said("first") is not None
    return _page(asked, _open(asked, first=first, yes=True), acted="skip" if first else "open")


def _open(asked: Asked, *, first: bool, yes: bool) -> Opened:
    stage, word = asked.desk.stage, asked.path["queue"]
    work = work_of(stage.topology, word)
    if work != word:
        raise UsageError(f"{word} is no queue that parks.")
    shown = asked.said("shown") or "" if yes else None  # nobody takes what they were not shown
    return open_group(stage, word, asked.said("group") or "", first=first, yes=yes, shown=shown)


def _page(asked: Asked, told: Opened, acted: str | None) -> Response:
    shells = {
        verb: command("parked", told.queue, f"--{verb}", told.group, "--yes", where=asked.desk.where)
        for verb in ("skip", "open")
    }
    return asked.page("parked.html", "flow", told=told, acted=acted, shells=shells, mark=mark, most=MOST)
