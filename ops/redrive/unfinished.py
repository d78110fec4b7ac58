"""Redrives and imports of this machine that did not end, in whatever stage or account they were begun."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from ops.dead_letters import imported
from ops.queue import Queue
from ops.redrive import journal as journal_files
from ops.redrive.journal import Journal
from ops.stage import in_a_name, kept


class Unfinished(Struct, frozen=True, kw_only=True):
    """One of them; `place` is its stage, or the account and region. `file` is what an import is from."""

    redrive: str
    queue: str
    moved: int
    undeleted: int
    file: str | None
    place: str
    command: str
    """What goes on with it, after the operator's command."""


def unfinished(home: Path, place: str | None = None) -> list[Unfinished]:
    """Those below that folder, of one place or of all, redrives first.

    What is damaged is passed over. Raises `OpsError` where files are somebody else's, `UsageError` where one is a link.
    """
    redrives = [
        _told(each.path.parent, each.run, each.queue, each.moved, len(each.pending), None)
        for each in map(journal_files.whole, kept(home, "journal", place))
        if each is not None and each.ended is None
    ]
    imports = [
        _told(each.path.parent, each.run, each.asked.queue, len(each.lines), 0, each.asked.file)
        for each in map(imported.whole, kept(home, "import", place))
        if each is not None and not each.ended
    ]
    return [*redrives, *imports]


def journals(home: Path) -> list[tuple[Path, Journal]]:
    """The journals of redrives below that folder, ended ones too, the oldest first, each with its place's folder.

    Raises as `unfinished` does.
    """
    found = [each for each in map(journal_files.whole, kept(home, "journal")) if each is not None]
    return sorted(((each.path.parent, each) for each in found), key=lambda each: each[1].run)


def damaged(home: Path, place: str | None = None) -> tuple[list[Path], list[Path]]:
    """The files below that folder that are named like journals, of redrives and of imports, and are none."""
    return (
        [file for file in kept(home, "journal", place) if journal_files.whole(file) is None],
        [file for file in kept(home, "import", place) if imported.whole(file) is None],
    )


def resume_command(place: str, run: str, queue: Queue) -> str:
    """What goes on with that run: of an account it finds the folder by itself, where an emulator is it must be told."""
    if not place[:1].isdigit():
        return f"resume {run} --stage {place}"
    host = place.partition("@")[2]
    return shlex.join(("resume", run, *(("--endpoint-url", _endpoint(host, queue)) if host else ())))


def _endpoint(host: str, queue: Queue) -> str:
    """Where an emulator is whose folder says that host: some have another one in the URLs of their queues."""
    where = urlsplit(queue.url)
    if in_a_name(queue.url) == host:
        return f"{where.scheme}://{where.netloc}"
    name, _, port = host.rpartition("-")
    scheme = {"443": "https", "80": "http"}.get(port, where.scheme)
    return f"{scheme}://{name}:{port}"


def _told(folder: Path, run: str, queue: Queue, moved: int, undeleted: int, file: str | None) -> Unfinished:
    command = resume_command(folder.name, run, queue)
    return Unfinished(
        redrive=run, queue=queue.word, moved=moved, undeleted=undeleted, file=file, place=folder.name, command=command
    )
