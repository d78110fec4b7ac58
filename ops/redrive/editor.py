"""A text in a person's own editor: `$VISUAL`, else `$EDITOR`, in a folder that nobody else can look into.

The folder is the editor's too: what it writes beside the file, such as a swap file, holds the same. It is deleted when
the editor ends, however it ends.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from ops import private_file
from ops.errors import OpsError, UsageError

NAME = "messages.txt"
WINDOWED = ("atom", "code", "code-insiders", "codium", "cursor", "subl", "windsurf", "zed")
"""Editors that return while their window is open, unless they are told `--wait`."""


def command() -> list[str]:
    """The editor with its own options. Raises `UsageError` where none is set, or what is set is no command."""
    text = os.environ.get("VISUAL", "").strip() or os.environ.get("EDITOR", "").strip()
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if not words:
        raise UsageError("There is no editor: set $VISUAL or $EDITOR, such as EDITOR=vi, or say --edit @FILE.")
    return words


def hint() -> str:
    """What must be said where nothing was changed: that an editor with a window of its own must be told to wait."""
    words = command()
    waits = any(word in ("-w", "--wait", "-f", "--nofork", "--block") for word in words)
    name = Path(words[0]).name
    return f" {name} returns at once: set EDITOR to `{name} --wait`." if name in WINDOWED and not waits else ""


def edited(text: str, folder: Path, keep: Callable[[bytes], None]) -> str:
    """The text as the editor left it; `folder`, which is private, holds it meanwhile.

    Raises `UsageError` where the editor cannot be run, fails, or leaves what is no text, `KeyboardInterrupt` where
    Ctrl-C or a signal to end ended it: what it left by then is handed to `keep` first, if it is another text.
    """
    words = command()
    room = Path(tempfile.mkdtemp(prefix="edit-", dir=folder))  # 0700, whatever the umask takes
    try:
        room.chmod(0o700)
        path = room / NAME
        file = private_file.create(path)
        try:
            private_file.write(file, text.encode())
        finally:
            os.close(file)
        try:
            _run([*words, str(path)], words[0])
            try:
                return path.read_bytes().decode("utf-8-sig")
            except FileNotFoundError:
                return ""
            except UnicodeError:
                raise UsageError(f"{words[0]} left a file that is not UTF-8: nothing was sent.") from None
        except (UsageError, KeyboardInterrupt):
            with suppress(OSError):
                if (left := path.read_bytes()) not in (b"", text.encode()):
                    keep(left)
            raise
    except OSError as error:
        raise OpsError(f"The messages cannot be edited in {room}: {error.strerror}.") from None
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _run(words: list[str], name: str) -> None:
    # An answer on a pipe stays an answer: the editor draws where errors go.
    screen = None if os.isatty(1) else 2
    with _patient():
        try:
            done = subprocess.run(words, check=False, stdout=screen)
        except OSError as error:
            raise UsageError(f"The editor {name} cannot be run: {error.strerror}.") from None
    if done.returncode in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    if done.returncode:
        aside = "" if sys.stdin.isatty() else " Without a terminal it must be a program that needs none."
        raise UsageError(f"The editor {name} ended with {done.returncode}: nothing was sent.{aside}")


@contextmanager
def _patient() -> Iterator[None]:
    """Leaves Ctrl-C to the editor, whose terminal it is; a hang-up or an order to end is as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ignore(number: int, frame: FrameType | None) -> None:
        """A function, and not SIG_IGN, which the editor would inherit."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    handlers = {signal.SIGINT: ignore, signal.SIGTERM: end, signal.SIGHUP: end}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
