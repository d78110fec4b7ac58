"""Messages in a file, one JSON object a line, with everything that SQS says of them; and back into a queue.

A body is text, so a line holds it whole, character for character; binary attributes are base64, as in SQS's protocol.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from ops import private_file
from ops.dead_letters.cause import Cause
from ops.errors import OpsError, UsageError
from ops.sqs.message import UNREADABLE, Message, Value


class Line(Struct, kw_only=True, omit_defaults=True):
    """One message. `system` are SQS's own attributes, `attributes` the sender's."""

    message_id: str
    body: str
    attributes: dict[str, Value] = {}
    system: dict[str, str] = {}
    cause: Cause | None = None

    def message(self) -> Message:
        """The message as it was received."""
        return Message(self.message_id, "", self.body, self.system, self.attributes)


class Archive:
    """A file that messages are written to, whole, for its owner's eyes only.

    Raises `UsageError` where it exists already, `OpsError` where it cannot be made.

    What `write` returns from is on the disk, not just on its way there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        try:
            private_file.make_folder(path.parent)
            self._file = private_file.create(path)
        except FileExistsError:
            raise UsageError(f"{path} exists already: choose another file.") from None
        except OSError as error:
            raise OpsError(f"{path} cannot be written: {error.strerror}.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.empty:
            self.path.unlink(missing_ok=True)  # else it stands in the way of the next try
        os.close(self._file)

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return os.fstat(self._file).st_size == 0

    def write(self, messages: Sequence[Message], causes: Sequence[Cause | None]) -> None:
        """Appends messages, each with its cause. Raises `OpsError` where they cannot be written."""
        lines = b"".join(
            msgspec.json.encode(
                Line(
                    message_id=message.message_id,
                    body=message.body,
                    attributes=message.message_attributes,
                    system=message.attributes,
                    cause=cause,
                )
            )
            + b"\n"
            for message, cause in zip(messages, causes, strict=True)
        )
        whole = os.fstat(self._file).st_size
        try:
            private_file.write(self._file, lines)
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, whole)  # else others would write on behind a part of a line
            raise OpsError(f"{self.path} cannot be written: {error.strerror}.") from None
        self.count += len(messages)


def read(path: Path, torn: Callable[[int], None] = lambda _: None) -> Iterator[Message]:
    """The messages of a file, in order. Raises `UsageError` where it is no such file, naming the line.

    A last line that does not end, and is no message, was being written when the process was killed or the power went:
    it is left out, and `torn` is told its number. Nothing is lost by that: `drop` deletes only what is written whole.
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                try:
                    yield msgspec.json.decode(text, type=Line).message()
                except UNREADABLE as error:
                    if not text.endswith(b"\n") and number > 1:
                        torn(number)
                        return
                    raise UsageError(f"{path}, line {number} is no exported message: {error}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
