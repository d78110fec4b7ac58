"""What a redrive has done so far, on disk, so that another can go on where it stopped.

The first line says what was asked for, whole: an edit is kept nowhere else, and here only until the redrive ends. Then,
for every batch, a line with the ids that SQS confirmed as sent, before anything is deleted, and a line with the ids
that were deleted; and by which new ids those are known that have no room for our stamp. Each line is one write, so a
killed process leaves whole lines and at most one broken last one; a machine that loses power may lose the lines of its
last seconds. Only what was sent and not deleted matters for going on; when the file grows long it is rewritten with
just that.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ops import private_file
from ops.dead_letters.start import Begun
from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.redrive.pulse import Pulse
from ops.redrive.request import Request
from ops.stage import Stage, kept

LONG = 16 * 1024 * 1024
"""Bytes after which a journal is rewritten."""


class _Line(Struct, omit_defaults=True):
    queue: Queue | None = None
    request: Request | None = None
    begun: Begun | None = None
    sent: list[str] = []
    deleted: list[str] = []
    unstamped: list[str] = []
    moved: int = 0
    ended: str | None = None


class Journal:
    """The journal of one redrive of the dead-letter queue `queue`, open for writing."""

    def __init__(self, path: Path, queue: Queue, request: Request) -> None:
        private_file.make_folder(path.parent)
        self.path = path
        self.queue = queue
        self.request = request
        self.begun: Begun | None = None
        """What was there when the run began first; None where nobody wrote it down."""
        self.moved = 0
        self.pending: set[str] = set()
        """Ids that were sent and not yet deleted."""
        self.unstamped: set[str] = set()
        """New ids of messages that were sent without a stamp, for which they had no room."""
        self.unwritten: set[str] = set()
        """Those of them that could not be written down: nobody who goes on knows that they were sent."""
        self.ended: str | None = None
        self.idle: float | None = None
        """Seconds for which nobody had worked on it when `hold` took it; None where it is new."""
        self.hides = True
        """Whether its process may hide messages that nobody holds once it is gone."""
        self.pulse = Pulse(path)
        self._file: int | None = None
        self._length = 0
        self._torn = False
        """Whether the last line may not be whole."""
        self._settled = 0
        """Messages that were sent and deleted, and not written down as sent."""
        self._new: list[str] = []
        """Of `unstamped` those that are not written down."""

    @property
    def run(self) -> str:
        """The name of the redrive."""
        return self.path.stem

    @classmethod
    def read(cls, path: Path) -> Journal:
        """The journal in that file. Raises `UsageError` where it is none, `OpsError` where it is somebody else's."""
        try:
            lines = private_file.read(path).splitlines()
            head = msgspec.json.decode(lines[0], type=_Line)
        except (OSError, IndexError, msgspec.MsgspecError):
            head = _Line()
        if head.queue is None or head.request is None:
            raise UsageError(f"{path} is no journal of a redrive: move it away.")
        journal = cls(path, head.queue, head.request)
        journal.begun = head.begun
        for text in lines[1:]:
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.MsgspecError:
                continue  # the process was killed, or the disk full, while this line was written
            journal.moved += line.moved + len(line.sent)
            journal.pending.update(line.sent)
            journal.pending.difference_update(line.deleted)
            journal.unstamped.update(line.unstamped)
            journal.ended = line.ended
        return journal

    def hold(self) -> None:
        """Makes it this process's until `close`. Raises `UsageError` where it is that of a process that lives."""
        self.idle = self.pulse.take()

    def begin(self) -> None:
        """Is written down before anything is sent. Raises `OpsError` where it cannot be: then nothing may be sent."""
        if self._file is None:
            self._rewrite()

    def forget(self) -> None:
        """Nothing was sent, so there is nothing to go on with."""
        self._close_file()
        self.path.unlink(missing_ok=True)
        self.ended = "nothing was sent"

    def sent(self, ids: Sequence[str]) -> None:
        """SQS confirmed these.

        Raises `OpsError` where that cannot be written. They were sent all the same, so they may be deleted, and are
        written down with what comes next.
        """
        self.pending.update(ids)
        self.unwritten.update(ids)
        self.moved += len(ids)
        self._say(())

    def took(self, new_id: str) -> None:
        """SQS took a message that had no room for the stamp, and gave it that id; written with what was `sent`."""
        self.unstamped.add(new_id)
        self._new.append(new_id)

    def deleted(self, ids: Iterable[str]) -> None:
        """These are surely not in the queue any more. Raises as `sent` does."""
        gone = self.pending.intersection(ids)
        if gone:
            self.pending -= gone
            unwritten = gone & self.unwritten
            self.unwritten -= unwritten
            self._settled += len(unwritten)
            self._say(gone - unwritten)

    def catch_up(self) -> bool:
        """Whether all is written down now; tries once more to write what was not."""
        try:
            if self.unwritten or self._settled:
                self._say(())
        except OpsError:
            return False
        return True

    def _say(self, deleted: Collection[str]) -> None:
        line = _Line(sent=sorted(self.unwritten), deleted=sorted(deleted), unstamped=self._new, moved=self._settled)
        self._write(line)
        self.unwritten.clear()
        self._settled, self._new = 0, []

    def end(self, how: str) -> None:
        """Nothing is left to go on with, so what may hold secrets and was kept for that is forgotten.

        Raises `OpsError` where that cannot be written: it has not ended then, and keeps what it kept.
        """
        asked = self.request
        self.ended = how
        self.request = replace(asked, edit=None, selection=replace(asked.selection, filter=None))
        try:
            self._write_end(how, changed=self.request != asked)
        except BaseException:
            self.ended, self.request = None, asked
            raise

    def _write_end(self, how: str, *, changed: bool) -> None:
        if self._file is None or not changed:
            self._write(_Line(ended=how))
            return
        self._close_file()
        _, _, rest = self.path.read_bytes().partition(b"\n")
        lines = (msgspec.json.encode(_Line(queue=self.queue, request=self.request)), rest)
        with self._in_words():
            private_file.replace(self.path, b"\n".join(lines) + msgspec.json.encode(_Line(ended=how)) + b"\n")

    def close(self, *, worked: bool = True) -> None:
        """Closes the file, and lets another process have it; the journal can still be read.

        Where this process did not work on it yet, it is left as it was found.
        """
        self._close_file()
        if worked or self.ended is not None:
            self.pulse.end(forget=self.ended is not None, hides=self.hides)
        else:
            self.pulse.put_back()

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: _Line) -> None:
        if self._file is None or self._length > LONG:
            self._rewrite()
            return
        text = (b"\n" if self._torn else b"") + msgspec.json.encode(line) + b"\n"
        self._torn = True
        with self._in_words():
            private_file.write(self._file, text)
        self._torn = False
        self._length += len(text)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OpsError(f"{self.path} cannot be written: {error.strerror}.") from None

    def _rewrite(self) -> None:
        """Puts a file in place of this one that says all that matters, the latest news included."""
        self._close_file()
        before = self.moved - len(self.pending)
        lines = (
            _Line(queue=self.queue, request=self.request, begun=self.begun),
            _Line(moved=before, sent=sorted(self.pending), unstamped=sorted(self.unstamped), ended=self.ended),
        )
        text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        with self._in_words():
            private_file.replace(self.path, text)
        self._file = private_file.append(self.path)
        self._torn = False
        self._length = len(text)


def new_run() -> str:
    """A name for a redrive, which sorts by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def path(stage: Stage, run: str) -> Path:
    """Where the journal of that redrive is. Raises `OpsError` where there can be none."""
    return stage.open_files() / f"{run}.journal"


def files(stage: Stage) -> list[Path]:
    """The files of all journals of this machine, the oldest first.

    Raises `OpsError` where they are somebody else's: whoever writes a journal decides what is deleted as sent.
    """
    if not stage.files.exists():
        return []
    stage.open_files()
    return [found for found in sorted(stage.files.glob("*.journal")) if found.is_file()]


def unfinished(stage: Stage) -> list[Journal]:
    """The journals of redrives from this machine that did not end, the oldest first; what is damaged is none."""
    return [journal for journal in map(whole, files(stage)) if journal is not None and journal.ended is None]


def whole(path: Path) -> Journal | None:
    """The journal in that file; None where it is damaged. Raises for what is somebody else's."""
    try:
        return Journal.read(path)
    except UsageError:
        if path.is_symlink():  # no accident made it
            raise
        return None


def of(stage: Stage, run: str) -> Journal:
    """The journal of an unfinished redrive, held. Raises `UsageError` with the names of those there are."""
    there = {journal.run: journal for journal in unfinished(stage)}
    held = _held(there[run]) if run in there else None
    if held is None:
        names = ", ".join(there) or "none"
        raise UsageError(f"There is no unfinished redrive {run!r}; there is: {names}.")
    return held


def left_behind(stage: Stage, queue: Queue) -> list[Journal]:
    """The journals, held, of redrives of that queue that did not end, do not run, and left something.

    That is what they sent and did not delete, or what their process hides since it died; in whatever stage or account
    of this machine they were begun.
    """
    found: list[Journal] = []
    try:
        for journal in _unfinished_of(stage, queue):
            with suppress(UsageError):
                found.extend(filter(None, [_held(journal)]))
    except BaseException:
        for journal in found:
            journal.close(worked=False)
        raise
    for journal in found:
        if not journal.pending and not journal.pulse.died:
            journal.close(worked=False)
    return [journal for journal in found if journal.pending or journal.pulse.died]


def _held(journal: Journal) -> Journal | None:
    """The journal as it is once nobody else writes it; None where it ended meanwhile."""
    journal.hold()
    try:
        latest = Journal.read(journal.path)
    except BaseException:
        journal.close(worked=False)
        raise
    latest.pulse, latest.idle = journal.pulse, journal.idle
    if latest.ended is not None:
        latest.close()
        return None
    return latest


def pending(stage: Stage, queue: Queue) -> set[str]:
    """Ids of messages of that queue that an unfinished redrive of this machine sent and did not delete."""
    return {id_ for journal in undeleted(stage, queue) for id_ in journal.pending}


def undeleted(stage: Stage, queue: Queue) -> list[Journal]:
    """The journals of the redrives of that queue that did not end and sent what they did not delete."""
    return [journal for journal in _unfinished_of(stage, queue) if journal.pending]


def _unfinished_of(stage: Stage, queue: Queue) -> list[Journal]:
    """The journals of redrives of that queue that did not end, wherever they were begun: it has several names."""
    found = map(whole, kept(stage.home, "journal"))
    return [each for each in found if each is not None and each.ended is None and each.queue.address == queue.address]
