"""Which lines of a file an import has put into a queue so far, on disk, so that another can go on where it stopped.

The first line says which file, by its content, and which queue; each of the others which lines SQS confirmed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from ops import private_file
from ops.errors import OpsError, UsageError
from ops.queue import Queue
from ops.redrive.pulse import Pulse
from ops.stage import Stage, kept


class Asked(Struct, frozen=True):
    """What an import puts where: `digest` is the SHA-256 of the file's content, `skip` lines are left out."""

    queue: Queue
    file: str
    digest: str
    skip: int


class _Line(Struct, omit_defaults=True):
    sent: list[int] = []
    ended: bool = False


class Imported:
    """The journal of one import. What `sent` returns from is written."""

    def __init__(self, path: Path, asked: Asked) -> None:
        self.path = path
        self.asked = asked
        self.lines: set[int] = set()
        """Numbers of the lines that are in the queue."""
        self.ended = False
        self.idle: float | None = None
        """Seconds for which nobody had worked on it when `open` took it; None where it is new."""
        self._pulse = Pulse(path)
        self._file: int | None = None

    @property
    def run(self) -> str:
        """The name of the import."""
        return self.path.stem

    @classmethod
    def read(cls, path: Path) -> Imported:
        """The journal in that file. Raises `UsageError` where it is none."""
        try:
            head, *rest = private_file.read(path).splitlines()
            journal = cls(path, msgspec.json.decode(head, type=Asked))
        except (OSError, ValueError, msgspec.MsgspecError):
            raise UsageError(f"{path} is no journal of an import: move it away.") from None
        for text in rest:
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.MsgspecError:
                continue  # the process was killed while it wrote this line
            journal.lines.update(line.sent)
            journal.ended = line.ended
        return journal

    def open(self) -> None:
        """Makes it this process's, and reads it again: another may have written to it until now.

        Raises `UsageError` where it is that of a process that lives, or it ended meanwhile, `OpsError` where it cannot
        be written.
        """
        self.idle = self._pulse.take()
        try:
            if self.path.exists():
                latest = Imported.read(self.path)
                self.lines, self.ended = latest.lines, latest.ended
                if self.ended:
                    raise UsageError(f"{self.run} ended meanwhile: all of its file is in {self.asked.queue.word}.")
            else:
                with self._in_words():
                    private_file.replace(self.path, msgspec.json.encode(self.asked) + b"\n")
            self._file = private_file.append(self.path)
            self._write(b"")  # a line that a killed process left half-written ends here
        except BaseException:
            self.close(worked=not self.path.exists())
            raise

    def sent(self, lines: Iterable[int]) -> None:
        """SQS confirmed these."""
        new = sorted(lines)
        if new:
            self.lines.update(new)
            self._write(msgspec.json.encode(_Line(sent=new)))

    def end(self) -> None:
        """All of them are in the queue."""
        self._write(msgspec.json.encode(_Line(ended=True)))
        self.ended = True

    def forget(self) -> None:
        """Nothing is in the queue, so nobody needs it."""
        self.ended = True
        self.path.unlink(missing_ok=True)

    def close(self, *, worked: bool = True) -> None:
        """Lets another process have it; where this one sent nothing, it is left as it was found."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if worked or self.ended:
            self._pulse.end(forget=self.ended or not self.path.exists())
        else:
            self._pulse.put_back()

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        with self._in_words():
            private_file.write(self._file, line + b"\n")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OpsError(f"{self.path} cannot be written: {error.strerror}.") from None


def path(stage: Stage, run: str) -> Path:
    """Where the journal of that import is. Raises `OpsError` where there can be none."""
    return stage.open_files() / f"{run}.import"


def unfinished(stage: Stage) -> list[Imported]:
    """The journals of imports from this machine that did not end, the oldest first; what is damaged is none.

    Raises `OpsError` where they are somebody else's.
    """
    return [journal for journal in map(whole, _files(stage)) if journal is not None and not journal.ended]


def same(stage: Stage, asked: Asked) -> Imported | None:
    """The journal of an import of the same file to the same queue that did not end, wherever it was begun here.

    Raises as `unfinished` does.
    """
    what = (asked.queue.address, asked.digest, asked.skip)
    alike = (each for each in map(whole, kept(stage.home, "import")) if each is not None and not each.ended)
    return next((e for e in alike if (e.asked.queue.address, e.asked.digest, e.asked.skip) == what), None)


def _files(stage: Stage) -> list[Path]:
    if not stage.files.exists():
        return []
    return [each for each in sorted(stage.open_files().glob("*.import")) if each.is_file()]


def whole(path: Path) -> Imported | None:
    """The journal in that file; None where it is damaged. Raises for what is somebody else's."""
    try:
        return Imported.read(path)
    except UsageError:
        if path.is_symlink():  # no accident made it
            raise
        return None
