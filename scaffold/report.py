"""What the command says: the files, and what to do next."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator
from pathlib import Path

from scaffold.changes import PAGES, Changes
from scaffold.plan import New, NewIntegration, NewSchedule
from stacks.names import ROOT

WIDTH = 80


def report(new: New, files: Changes, *, dry: bool = False) -> str:
    """What was written and what is next, or with `dry` what would be; within 80 columns, as far as paths allow."""
    listed = [f"  {_what(path, text)}  {path}" for path, text in files.items()]
    if dry:
        return "\n".join([*_differences(files), "", *listed, "", "Nothing was written."])
    numbered = (
        textwrap.fill(
            step,
            WIDTH,
            initial_indent=f"  {number}. ",
            subsequent_indent="     ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, step in enumerate(_steps(new), start=1)
    )
    return "\n".join([*listed, "", "It works as it is. To make it yours:", *numbered])


def _what(path: Path, text: str | None) -> str:
    if text is None:
        return "removed"
    return "changed" if (ROOT / path).exists() else "new    "


def _steps(new: New) -> Iterator[str]:
    if isinstance(new, NewIntegration):
        yield f"functions/contracts/{new.contract}.py: what a request says, in place of the note"
        yield f"functions/{new.function}/logic.py: what follows from it"
    elif isinstance(new, NewSchedule):
        yield f"functions/contracts/{new.contract}.py and stacks/topology.py: what a run says"
        yield f"functions/{new.function}/handler.py: the effect, in place of the note"
    else:
        if new.publishes:
            yield f"functions/contracts/{new.contract}.py: what the fact says"
        follows = ", and what follows" if new.publishes else ""
        yield f"functions/{new.function}/logic.py: what is kept of the event{follows}"
        yield f"functions/{new.function}/handler.py: the effect, in place of the note"
    yield f"tests/functions/test_{new.function}.py: what must hold"
    yield "make fix check test"


def _differences(files: Changes) -> Iterator[str]:
    """The changes of all files but the pages, as `diff -u` shows them."""
    for path, text in files.items():
        if text is not None and path.parts[0] not in PAGES:
            there = (ROOT / path).exists()
            before = (ROOT / path).read_text().splitlines() if there else []
            yield from difflib.unified_diff(
                before, text.splitlines(), str(path) if there else "/dev/null", str(path), lineterm=""
            )
