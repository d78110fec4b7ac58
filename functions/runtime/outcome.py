"""What became of a record: its effect is there, or it goes back to its queue."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from functions.contracts.contract import Command, Event
from functions.runtime.message import Message
from functions.runtime.publisher import Entry
from functions.runtime.record import Record


class Duplicate(tuple[Event, ...]):
    """What a handler returns when its effect was there already: the same events as the first time.

    They are told again, but not where a replay brought the message for the first time.
    """


class Done(Struct, frozen=True):
    """A record whose effect is there, with the entries of the events that follow from it.

    `untold` counts those that a duplicate would tell again, but does not, because a replay brought it. `skipped` says
    why nothing was done for it. `plans` are what is asked of `plan_command` for it.
    """

    record: Record
    message: Message
    entries: tuple[Entry, ...]
    duplicate: bool = False
    untold: int = 0
    skipped: str | None = None
    plans: tuple[Command, ...] = ()


class Failure(Struct, frozen=True):
    """A record that goes back to its queue, and why.

    `text` is what the error says, without secrets. `message` is None for a record that was not read. `head` is the
    failure that blocks it in its FIFO group, and `place` how many places it stands behind that. `unpublished` says that
    the effect is there and only an event is missing. `entries` is what was published of it: that its message dies.
    """

    record: Record
    error: BaseException
    text: str
    message: Message | None = None
    head: Failure | None = None
    place: int = 0
    unpublished: bool = False
    entries: tuple[Entry, ...] = ()

    def telling(self, entry: Entry) -> Failure:
        """The same, with what was published of it."""
        return replace(self, entries=(entry,))

    @property
    def correlation_id(self) -> str:
        """The message's; where that was not read, the one that the record says."""
        return self.message.correlation_id if self.message else self.record.correlation_id

    @classmethod
    def not_attempted(
        cls, record: Record, error: BaseException, *, head: Failure | None = None, place: int = 0
    ) -> Failure:
        """The failure of a record that was never read."""
        return cls(record, error, str(error), head=head, place=place)


class Waiting(Struct, frozen=True):
    """A record that waits for a limit as a copy of itself, so that its own message is done with."""

    failure: Failure

    @property
    def record(self) -> Record:
        """The record."""
        return self.failure.record


Outcomes = dict[str, Done | Failure | Waiting]
