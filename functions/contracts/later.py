"""What a handler returns among its events to have a command handled later, and to take that back.

    return [TicketOpened(…), Later(RemindAgent(ticket_id="tic-1"), after=2 * DAY, key="tic-1")]

The consumer's `plans` in the map say which commands it may plan, and to which queue they go.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, encode

from functions.contracts.contract import Command, read
from functions.contracts.path import path_field
from functions.contracts.reject import Reject

YEAR = 366 * 24 * 60 * 60
"""Seconds for which a command waits, at the most."""
LONGEST_KEY = 128
"""Characters of a key, at the most."""


class Later(Struct, frozen=True):
    """Have `command` handled `at` a time with a zone, or `after` so many seconds from now.

    Without a `key` every message that asks plans one of its own, once however often it is handled. Of one key (of one
    queue and tenant) there is one plan at a time: while one waits, a further one is ignored, or with `replace` takes
    its place: the last that was asked for counts. Up to 15 minutes without a key are exact to the second, everything
    else is up to a minute late; nothing is early.

    Making one raises `TypeError` for what is no command or no time, `Reject` for a time beyond a year, a key that is
    empty or too long, and a command that breaks its own contract.
    """

    command: Command
    at: datetime | None = None
    after: float | None = None
    key: str | None = None
    replace: bool = False

    def __post_init__(self) -> None:
        """Check what needs no clock but this moment's."""
        if not isinstance(self.command, Command):
            raise TypeError(f"Later takes a command, and {type(self.command).__name__} is none.")
        if (self.at is None) == (self.after is None):
            raise TypeError("Later takes a time: either at, with a zone, or after, in seconds.")
        if self.at is not None and (not isinstance(self.at, datetime) or self.at.utcoffset() is None):
            raise TypeError("Later takes at as a datetime with a zone, such as datetime.now(UTC) + timedelta(days=1).")
        if self.after is not None and not isinstance(self.after, (int, float)):
            raise TypeError("Later takes after as a number of seconds.")
        if self.replace and self.key is None:
            raise TypeError("Later replaces by its key; give it one, or leave replace out.")
        _check(self.key)
        left = self.after if self.after is not None else (self.at - datetime.now(UTC)).total_seconds()  # type: ignore[operator]
        # Also of what is no number, which is neither.
        if not left <= YEAR:
            raise Reject(f"{type(self.command).__name__} is planned for more than a year ahead; plan it nearer.")
        if self.after is not None and not self.after >= 0:
            raise Reject(f"{type(self.command).__name__} is planned {self.after:g} seconds ahead, which is past.")

    def body(self) -> str:
        """The command as JSON. Raises `Reject` if its consumer could not read it."""
        kind = type(self.command)
        if path_field(kind) is not None:
            raise Reject(f"{kind.__name__} takes a field from the path of a request, so it cannot be planned.")
        try:
            written = encode(self.command)
            read(_reader(kind), written)
        except (DecodeError, UnicodeError, TypeError) as error:
            raise Reject(f"{kind.__name__} would not fit its own contract: {error}.") from error
        return written.decode()


class Cancel(Struct, frozen=True):
    """Take back what waits of that command under the key: it is not handled, unless its handling has begun.

    Nothing waits, nothing happens; what was asked for earlier and comes later stays cancelled.
    """

    command: type[Command]
    key: str

    def __post_init__(self) -> None:
        """Check it. Raises `TypeError` and `Reject` as `Later` does."""
        if not (isinstance(self.command, type) and issubclass(self.command, Command)):
            raise TypeError("Cancel takes the command's class and a key, such as Cancel(RemindAgent, 'tic-1').")
        if self.key is None:
            raise TypeError("Cancel takes a key: what was planned without one is not taken back.")
        _check(self.key)


def _check(key: str | None) -> None:
    if key is None:
        return
    if not isinstance(key, str):
        raise TypeError(f"A key is text, and this one is of {type(key).__name__}.")
    if not (0 < len(key) <= LONGEST_KEY) or not key.isprintable():
        raise Reject(f"A key is 1 to {LONGEST_KEY} printable characters; this one is not.")


@cache
def _reader(command: type[Command]) -> Decoder[Command]:
    return Decoder(command)
