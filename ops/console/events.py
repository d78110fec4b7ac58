"""Events: the catalogue of the map's contracts, and of one what it says, who publishes it and who takes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response

from ops.console.asked import Asked
from ops.console.body_tree import tree
from ops.errors import OpsError
from ops.events.catalogue import Entry, Kind, called, catalogue, contract
from ops.redrive.command import command
from ops.replay import run, told
from ops.replay.archive import archive

RECENT = 30.0
"""Seconds for which rates are told as those of now."""
REPLAYS = 10
"""Replays among which those of an event are looked for: AWS is asked once for each."""


def page(asked: Asked) -> Response:
    """Every event, or every command; nothing of AWS is asked for it."""
    stage = asked.desk.stage
    kind: Kind = "command" if asked.said("kind") == "command" else "event"
    every, text = catalogue(stage.topology, stage.name, kind), (asked.said("find") or "").strip()
    shown = [each for each in every if _has(each, text.casefold())]
    words = ["events", *(["--commands"] if kind == "command" else [])]
    shell = _shell(asked, *words)
    given = {"kind": kind, "shown": shown, "every": len(every), "find": text, "shell": shell}
    return asked.page("events.html", "events", **given)


def one(asked: Asked) -> Response:
    """One of them; what AWS does not tell of it is said, and the rest is there."""
    desk, type_ = asked.desk, asked.path["type"]
    stage = desk.stage
    found = contract(stage.topology, stage.name, type_)
    entry = found.entry
    given: dict[str, Any] = {"rates": None, "measured": False, "replays": [], "archive": None, "problems": []}
    if entry.kind == "event":
        given |= _of_aws(asked, entry)
    return asked.page(
        "event.html",
        "events",
        found=found,
        entry=entry,
        tree=tree(found.example),
        example=_json(found.example),
        schema=_json(found.schema),
        json=lambda value: msgspec.json.encode(value).decode(),
        shell=_shell(asked, "events", entry.type),
        **given,
    )


def _of_aws(asked: Asked, entry: Entry) -> dict[str, Any]:
    """The rates of the last minute, the archive and the event's replays, each by itself."""
    desk, problems = asked.desk, list[str]()
    given: dict[str, Any] = {"problems": problems}
    try:
        view = desk.look(RECENT)
        rates, why = view.frame.rates, view.unmeasured or view.problem
        if why is None:
            every = desk.stage.topology.subscriptions
            counted = {called(desk.stage.name, each): rates.delivered.get(each.name, 0) for each in every}
            given |= {"rates": counted, "measured": rates.measured}
    except OpsError as error:
        why = desk.refused(error)
    if why is not None:
        problems.append(f"How many came in the last minute is not known: {why}")
    if not any(each.can_replay for each in entry.takers):
        return given
    try:
        given["archive"] = archive(desk.stage, datetime.now(UTC))
        ours = {each.subscription for each in entry.takers}
        latest = [(each, told.subscriptions(each, desk.stage.name)) for each in run.replays(desk.stage, REPLAYS)]
        given["replays"] = [(each, to) for each, to in latest if to is not None and (not to or ours & {*to})]
    except OpsError as error:
        problems.append(desk.refused(error))
    return given


def _shell(asked: Asked, *words: str) -> str:
    """The command, which asks nothing of AWS and so takes the stage alone."""
    said = [*asked.desk.where]
    at = said.index("--stage") if "--stage" in said else len(said)
    return command(*words, where=said[at : at + 2])


def _has(entry: Entry, text: str) -> bool:
    """Whether it is called, says, or reaches that."""
    words = (entry.type, entry.source or "", *entry.text, *(each.name for each in entry.sources))
    return any(text in each.casefold() for each in (*words, *(each.queue for each in entry.takers)))


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
