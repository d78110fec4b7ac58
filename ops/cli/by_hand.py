"""Editing dead letters by hand: the bodies in an editor, before they are redriven.

While the editor is open no message is held: the bodies are read, the messages let go, and those that are redriven
afterwards must have the bodies that were edited.
"""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from ops import private_file
from ops.cli.progress import bar
from ops.cli.screen import tell_aside
from ops.errors import UsageError
from ops.redrive import document, editor, run
from ops.redrive.document import Document, Gathered
from ops.redrive.report import Report
from ops.redrive.request import Request
from ops.stage import Stage


def redrive(stage: Stage, request: Request, *, yes: bool, alone: bool, shown: bool) -> Report | str:
    """Redrives as the request says, with the bodies as a person edits them now; or a sentence why nothing is sent.

    Progress is `shown` once the editor is closed. The edit is kept in a file that the report names, unless all of it
    was sent. Raises as `run.redrive` does, `UsageError` for an edit that is none; on a terminal the editor is opened
    again first, until it is closed without a change.
    """
    editor.command()
    if request.natively:
        raise UsageError("AWS's own redrive moves bodies as they are: leave --native out.")
    gathered = Gathered()
    report = run.redrive(stage, replace(request, natively=False), change=gathered)
    if not gathered.parts:
        return f"There is nothing to edit in {report.queue}: nothing was sent."
    text = _edited(stage, gathered)
    if text is None:
        return f"Nothing was changed, so nothing was sent.{editor.hint()}"
    kept = _kept(stage, text.encode())
    try:
        with bar("redriving", shown=shown) as progress:
            report = run.redrive(stage, replace(request, edit=text), yes=yes, alone=alone, progress=progress)
    except BaseException:
        tell_aside(
            f"The edit, whole, until you delete it: {kept}. `redrive … --edit @{shlex.quote(str(kept))}` takes it."
        )
        raise
    if yes and not report.tally.refused and report.stopped is None:
        kept.unlink(missing_ok=True)
    else:
        report.edit_kept = str(kept)
    return report


def _edited(stage: Stage, gathered: Gathered) -> str | None:
    """The text as it was edited; None where nothing of it was changed, or nothing is left."""
    shown = first = document.written(gathered.parts.values())

    def keep(left: bytes) -> None:
        if left != first.encode():
            tell_aside(f"The editor did not end well; what you wrote is in {_kept(stage, left)}.")

    while True:
        text = editor.edited(shown, stage.open_files(), keep)
        if document.is_empty(text) or text == first:
            return None
        try:
            Document(text).only(gathered.parts)
        except UsageError as error:
            if text == shown or not sys.stdin.isatty():
                kept = _kept(stage, text.encode())
                raise UsageError(f"{error} Nothing was sent; what you wrote is in {kept}.") from None
            shown = document.repeated(text, str(error))
        else:
            return None if document.same(text, first) else text


def _kept(stage: Stage, text: bytes) -> Path:
    """The file, its owner's alone, that holds the text now."""
    folder = stage.open_files()
    stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-edit"
    number = 1
    while True:
        path = folder / (f"{stem}.txt" if number == 1 else f"{stem}-{number}.txt")
        try:
            file = private_file.create(path)
            break
        except FileExistsError:
            number += 1
    try:
        private_file.write(file, text)
    finally:
        os.close(file)
    return path
