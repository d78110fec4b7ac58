"""Replays: what one would do, how far it is, what became of it, and how it is cancelled. AWS does them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from ops import audit
from ops.console.asked import Asked, confirmed
from ops.console.desk import Desk
from ops.console.lasting import Picture, lasting
from ops.errors import OpsError, UsageError
from ops.redrive.command import command
from ops.replay import run, subscriber, told
from ops.replay.archive import Archive, archive
from ops.replay.cancel import cancel as cancel_replay
from ops.replay.run import ACTIVE, Replay, Request

EVERY = 2.0
"""Seconds between two looks at a replay that is under way, as the command has them."""
SOON = 1.0
"""Seconds within which AWS begins most replays or refuses them."""
MOST = 50
"""Replays that are listed: AWS is asked once for each."""


def ask(asked: Asked) -> Response:
    """What is to be replayed to that subscriber, as it is asked; nothing is looked up but the archive."""
    return _form(asked, None)


def plan(asked: Asked) -> Response:
    """What that replay would do, or why it cannot be; nothing is changed."""
    if asked.said("from") is None:
        return _form(asked, "Say from when on: 2h, or 2026-11-21T10:15:00Z.")
    return _form(asked, None, planned=True)


def begin(asked: Asked) -> Response:
    """Begins it, and leads to it."""
    desk = asked.desk
    planned = run.plan(desk.stage, _request(asked))
    confirmed(asked, planned.subscriber)
    watched = desk.replays.replay(desk.stage, planned)
    watched.wait_begun(SOON)
    if watched.ended is not None and watched.report is None:
        raise watched.problem or OpsError(watched.error or "It did not begin.")
    return asked.to("replays", watched.name)


def history(asked: Asked) -> Response:
    """The stage's replays that AWS remembers, whoever began them."""
    desk = asked.desk
    found = run.replays(desk.stage, MOST)
    shown = {each.name for each in found}
    who = {record.id: record.who for record in audit.latest(desk.stage, set()) if record.id in shown}
    given: dict[str, Any] = {"most": MOST, "who": who}
    given["replays"] = [(each, told.subscriptions(each, desk.stage.name)) for each in found]
    return asked.page("replays.html", "events", shell=_shell(desk, "replays"), **given)


def one(asked: Asked) -> Response:
    """One of them, live while it is under way."""
    return asked.page("replay.html", "events", **picture(asked.desk, asked.path["name"]))


def cancel(asked: Asked) -> Response:
    """Asks AWS to end it; what was replayed stays so."""
    desk, name = asked.desk, asked.path["name"]
    confirmed(asked, _queue(desk, run.one(desk.stage, name)) or name)
    cancel_replay(desk.stage, name)
    if (watched := desk.replays.find(name)) is not None:
        watched.wait(2.0)
    return asked.to("replays", name)


def live(desk: Desk, name: str) -> Response:
    """One replay again and again, as server-sent events, until it ended."""

    def now() -> Picture:
        given = picture(desk, name)
        return given, not given["going"]

    return lasting(desk, "replay", now, EVERY)


def picture(desk: Desk, name: str) -> dict[str, Any]:
    """What the template shows of a replay, by what AWS tells of it. Raises `OpsError`."""
    stage, watched = desk.stage, desk.replays.find(name)
    watched = watched.now() if watched is not None else None
    try:
        found: Replay | None = run.one(stage, name)
    except UsageError:  # what began a moment ago may not be known everywhere yet
        if watched is None:
            raise
        found = None
    asked = told.request(stage.topology, stage.name, found) if found is not None else None
    if watched is not None:
        asked = watched.plan.request
    left = told.rest(asked, found) if asked is not None and found is not None else None
    watching = watched is not None and watched.ended is None
    under_way = found.state in ACTIVE if found is not None else watching
    queue = _queue(desk, found) if found is not None else watched.plan.subscriber if watched is not None else None
    return {
        "name": name,
        "found": found,
        "to": told.subscriptions(found, stage.name) if found is not None else None,
        "queue": queue,
        "problem": watched.error if watched is not None else None,
        "watched": watching,
        "going": under_way or watching,  # the record of how it ended is written a moment after AWS tells it
        "under_way": under_way,
        "record": audit.of(stage, name),
        "far": told.far(found) if found is not None else "",
        "left": left,
        "rest": told.replay_command(left, desk.where, yes=True) if left is not None else "",
        "shells": {"cancel": _shell(desk, "replays", "--cancel", name), "list": _shell(desk, "replays")},
    }


def _form(asked: Asked, problem: str | None, *, planned: bool = False) -> Response:
    desk, text = asked.desk, asked.path["subscriber"]
    stage = desk.stage
    every = subscriber.subscriptions(stage.topology, stage.name, text)
    heard = [each.event.__name__ for each in every]
    request, found, source = None, None, None
    try:
        source = archive(stage, datetime.now(UTC))
        if planned:
            request = _request(asked)
            found = run.plan(stage, request)
    except UsageError as error:
        problem = str(error)
    exact = told.exactly(found) if found is not None else None
    return asked.page(
        "replay_plan.html",
        "events",
        text=text,
        queue=every[0].queue,
        heard=heard,
        chosen=_events(asked) or heard,
        start=asked.said("from") or "1h",
        end=asked.said("to") or "",
        force=asked.said("force") is not None,
        source=source,
        since=_since(source),
        problem=problem,
        elsewhere=subscriber.elsewhere(stage.topology, stage.name, text),
        plan=found,
        sentences=[*told.told(found)] if found is not None else [],
        exact=exact,
        dry=told.replay_command(request, desk.where, yes=False) if request is not None else "",
        shell=told.replay_command(exact, desk.where, yes=True) if exact is not None else "",
    )


def _since(source: Archive | None) -> str:
    """How long it keeps what happened, in words."""
    if source is None or source.days is None:
        return "without an end"
    return f"for {source.days:,} day{'' if source.days == 1 else 's'}"


def _request(asked: Asked) -> Request:
    stage, text, events = asked.desk.stage, asked.path["subscriber"], _events(asked)
    every = [each.event.__name__ for each in subscriber.subscriptions(stage.topology, stage.name, text)]
    return Request(
        subscriber=text,
        start=asked.said("from") or "",
        end=asked.said("to"),
        events=() if {*events} == {*every} else tuple(events),
        force=asked.said("force") is not None,
    )


def _events(asked: Asked) -> list[str]:
    """The events that are chosen; a link says several at once."""
    return [name for each in asked.every("event") for name in each.split(",") if name]


def _queue(desk: Desk, found: Replay) -> str | None:
    """The queue that a replay is to, if it is to one, and that is in the map."""
    asked = told.request(desk.stage.topology, desk.stage.name, found)
    return asked.subscriber if asked is not None else None


def _shell(desk: Desk, *words: str) -> str:
    return command(*words, where=desk.where)
