"""One work queue: what waits, who takes it, and a look at its messages, which says what a look does to them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ops.console.asked import Asked
from ops.console.flow import picture
from ops.dead_letters.parked import SENTENCES, ParkedGroup, parked
from ops.dead_letters.peek import FEW
from ops.dead_letters.redaction import Redaction
from ops.errors import UsageError
from ops.events.catalogue import publishers
from ops.queue import find, find_dead
from ops.redrive.command import command
from stacks import feeds

LOOKS = 10
"""Messages that one look shows."""


def page(asked: Asked) -> Response:
    """The queue with its counts, and what was seen in it last."""
    desk, word = asked.desk, asked.path["queue"]
    seen = picture(desk)
    rows = {row.word: (each, row) for each, some in seen["integrations"] for row in some}
    if word not in rows:
        there = ", ".join(rows) or "none"
        raise UsageError(f"There is no work queue {word!r} in {desk.stage.told}: there is {there}.")
    integration, row = rows[word]
    sample = desk.samples.kept(find(desk.stage, word), dead=False)
    redaction = Redaction(desk.stage.topology)
    shell = command("peek", word, "--work", where=desk.where)
    entry = desk.stage.topology.queue(word)
    given: dict[str, Any] = {
        "view": seen["view"],
        "types": seen["types"],
        "sources": {
            each.word: [*publishers(desk.stage.topology, each.contract)]
            for each in feeds.of(desk.stage.topology, word)
            if each.kind == "event"
        },
        "row": row,
        "integration": integration,
        "entry": entry,
        "sample": sample,
        "redaction": redaction,
    }
    given["hears"] = any(each.queue == word and each.bus is None for each in desk.stage.topology.subscriptions)
    given["refused"] = entry.receives < FEW
    given["groups"], given["problem"] = _parked(asked, word) if entry.on_poison == "park" else (None, None)
    given["sentences"] = SENTENCES
    given["parks"] = command("parked", word, where=desk.where)
    return asked.page("queue.html", "flow", word=word, shell=shell, looks=LOOKS, **given)


def _parked(asked: Asked, word: str) -> tuple[list[ParkedGroup], str | None]:
    """Its parked groups, by the dead letters that were looked at last: nothing is received for it.

    What died since is among those not looked at, so that of no message it is said that it is nowhere.
    """
    stage = asked.desk.stage
    sample = asked.desk.samples.kept(find_dead(stage, word))
    seen = [each.message for each in sample.seen] if sample is not None else []
    return parked(stage, word, seen, whole=False)


def peek(asked: Asked) -> Response:
    """Looks at a few messages, and shows them."""
    desk, word = asked.desk, asked.path["queue"]
    desk.samples.take(desk.stage, word, limit=LOOKS, dead=False)
    return asked.to("queue", word)
