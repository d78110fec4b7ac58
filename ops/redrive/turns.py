"""In which order the dead letters of a queue that parks are redriven: that of their places, not that of the queue."""

from __future__ import annotations

from collections.abc import Sequence

from ops.dead_letters.parked import Groups, identified
from ops.sqs.message import Message


class Turns:
    """Whose turn it is in each group, as the places were when it was made; `sent` is what was sent since."""

    def __init__(self, known: Groups) -> None:
        self._waiting = {group: [place.identity for place in all_] for group, all_ in known.items()}
        self.sent: list[Message] = []
        self._rank: dict[tuple[str, str], int] = {}
        for group, identities in self._waiting.items():
            for rank, identity in enumerate(identities):
                self._rank.setdefault((group, identity), rank)

    def order(self, batch: Sequence[Message]) -> list[Message]:
        """The batch, in which each group is in the order of its places; what has none comes after what has."""
        groups: dict[str | None, list[Message]] = {}
        for message in batch:
            groups.setdefault(message.group, []).append(message)
        turns = {group: iter(sorted(messages, key=self._place)) for group, messages in groups.items()}
        return [next(turns[message.group]) for message in batch]

    def take(self, message: Message) -> str | None:
        """Send the message: None if it is its turn, which passes on; else who is before it and was not sent."""
        waiting = self._waiting.get(message.group or "", [])
        if not waiting:
            return None
        if waiting[0] != identified(message):
            return waiting[0]
        del waiting[0]
        return None

    def _place(self, message: Message) -> float:
        return self._rank.get((message.group or "", identified(message)), float("inf"))
