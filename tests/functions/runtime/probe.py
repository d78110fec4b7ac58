"""A contract and a handler whose every move a test decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, ClassVar

from functions.contracts.contract import Command, Event, Secret
from functions.runtime.consumer import Consumer, consumer
from functions.runtime.message import Message
from tests.functions.events import record


class Probe(Command, frozen=True, kw_only=True):
    business_key: ClassVar[str | None] = "name"

    name: str
    token: Annotated[str, Secret] = ""
    note: str = ""


class Probed(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "probes"

    name: str
    padding: str = ""


Move = Callable[[Probe, Message], Iterable[Event] | None]


class Probing:
    """Does for each name what `moves` says, else tells `Probed`; `seen` keeps the names in the order they came."""

    def __init__(self, **moves: Move | BaseException) -> None:
        self.moves = moves
        self.seen: list[str] = []
        self.handler: Consumer = consumer(self.handle, accepts=Probe)

    def handle(self, probe: Probe, message: Message) -> Iterable[Event] | None:
        self.seen.append(probe.name)
        move = self.moves.get(probe.name)
        if isinstance(move, BaseException):
            raise move
        return move(probe, message) if move else [Probed(name=probe.name)]


def probe(name: str, *, group: str | None = None, **changes: Any) -> dict[str, Any]:
    """A record whose message id is the probe's name; with a group it comes from a FIFO queue."""
    queue = "q.fifo" if group else "q"
    return record(Probe(name=name), **{"message_id": name, "queue": queue, "group": group} | changes)
