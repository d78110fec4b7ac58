"""Files for their owner's eyes only: what ops writes holds what messages say.

A mode is set on what was opened, because a umask may say otherwise, and before anything is in it. No link is followed
in place of a file: a folder such as /tmp belongs to all users of a machine.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ops.errors import OpsError

OTHERS = 0o077
"""What a mode lets others do."""
BLOCK = 64 * 1024
"""Bytes that are read at a time from a file's end."""


def trusted() -> set[int]:
    """Whose files may be used: one's own, and those of who owns this code, as in a container of somebody's checkout."""
    return {os.geteuid(), Path(__file__).stat().st_uid}


def make_folder(path: Path) -> None:
    """Make the folder and those above it that are missing, each for its owner only. Raises `OSError`."""
    for each in (*reversed(path.parents), path):
        if each.is_dir():
            continue
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:  # another process made it just now
            continue
        each.chmod(0o700)


def own_folder(path: Path) -> None:
    """Make the folder; or take from others what an earlier version let them do with it and with the files in it.

    Raises `OpsError` where it cannot be used or is somebody else's, who could put files there in place of ours.
    """
    try:
        make_folder(path)
        _refuse_others(path, path.lstat())  # of a link the link first: who made it says where it leads
        _refuse_others(path, path.stat())
        if path.stat().st_mode & OTHERS:
            path.chmod(0o700)
        for entry in os.scandir(path):
            told = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(told.st_mode) and told.st_mode & OTHERS and told.st_uid == os.geteuid():
                Path(entry.path).chmod(0o600)
    except OSError as error:
        raise OpsError(f"The folder {path} cannot be used: {error.strerror}.") from None


def create(path: Path) -> int:
    """A file that was not there, open for appending. Raises `OSError`, `FileExistsError` for a link too."""
    file = _narrowed(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        _sync_folder(path.parent)
    except BaseException:
        os.close(file)
        raise
    return file


def append(path: Path) -> int:
    """The file, open for appending; made where it is not there.

    Raises `OpsError` where it cannot be written, or is a link, no file, or somebody else's.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        raise OpsError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        told = os.fstat(file)
        if not stat.S_ISREG(told.st_mode):
            raise OpsError(f"{path} is no file: move it away.")
        _refuse_others(path, told)
        return _narrowed(file)
    except BaseException:
        os.close(file)
        raise


def read(path: Path) -> bytes:
    """What is in the file. Raises `OSError`; `OpsError` where it is no file, or somebody else's: what it says is done.

    A link is none, for whoever made it says where it leads.
    """
    with _opened(path) as opened:
        return opened.read()


def lines(path: Path) -> Iterator[bytes]:
    """The lines of the file, of which no more than one is in memory. Raises as `read` does."""
    with _opened(path) as opened:
        yield from opened


def lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of the file without their ends, the last first, of which little is in memory. Raises as `read` does."""
    with _opened(path) as opened:
        at = opened.seek(0, os.SEEK_END)
        parts: list[bytes] = []  # of a line whose beginning is not reached, the last first
        while at:
            size = min(BLOCK, at)
            at -= size
            opened.seek(at)
            first, *whole = opened.read(size).split(b"\n")
            if whole:
                yield whole.pop() + b"".join(reversed(parts))
                yield from reversed(whole)
                parts.clear()
            parts.append(first)
        yield b"".join(reversed(parts))


def _opened(path: Path) -> BinaryIO:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    opened = os.fdopen(file, "rb")
    try:
        told = os.fstat(file)
        if not stat.S_ISREG(told.st_mode):
            raise OpsError(f"{path} is no file: move it away.")
        _refuse_others(path, told)
    except BaseException:
        opened.close()
        raise
    return opened


def replace(path: Path, content: bytes) -> None:
    """Put a file with that content in the place of the one that is there, whole or not at all. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)  # of a process that died
    file = create(draft)
    try:
        write(file, content)
        os.fsync(file)  # else a machine that loses power may find the new name with nothing behind it
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    draft.replace(path)
    _sync_folder(path.parent)


def write(file: int, content: bytes) -> None:
    """Write all of it: one call may write less. Raises `OSError`."""
    while content:
        content = content[os.write(file, content) :]


def rewrite(file: int, content: bytes) -> None:
    """Put that content into the file, open for appending, in place of what it has. Raises `OSError`.

    What it has stays where there is no room for more.
    """
    before = os.fstat(file).st_size
    try:
        write(file, content)
    except OSError:
        os.ftruncate(file, before)
        raise
    os.ftruncate(file, 0)
    write(file, content)


def _sync_folder(path: Path) -> None:
    """Write to the disk which files are in the folder: else a machine that loses power may forget a file it has."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems know no such thing
            raise
    finally:
        os.close(folder)


def _narrowed(file: int) -> int:
    if stat.S_IMODE(os.fstat(file).st_mode) != 0o600:
        os.fchmod(file, 0o600)
    return file


def _refuse_others(path: Path, told: os.stat_result) -> None:
    if told.st_uid not in trusted():
        raise OpsError(f"{path} belongs to somebody else, who could read or change it: move it away.")
