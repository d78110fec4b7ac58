"""What all people did: what runs in this console, what was interrupted here, and the records of every machine."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ops.console.asked import Asked
from ops.dead_letters.selection import seconds
from ops.history import ACTIONS, Wanted, history, outcome, short
from ops.queue import known
from ops.redrive.command import command
from ops.redrive.unfinished import unfinished

SHOWN = 50
"""Records of a page."""
SINCE = ("1d", "7d", "30d", "365d")
FILTERS = ("queue", "who", "action", "since", "before")


def page(asked: Asked) -> Response:
    """The page, of the records that the query asks for."""
    desk = asked.desk
    stage = desk.stage
    said = {name: value.strip() for name in FILTERS if (value := asked.said(name)) is not None}
    wanted = Wanted(
        queue=said.get("queue"),
        who=said.get("who"),
        action=said.get("action"),
        since=seconds(said["since"]) if "since" in said else None,
        before=said.get("before"),
    )
    found = history(stage, wanted, limit=SHOWN)
    if found.problem is not None:
        desk.reconnect()  # whoever signed in again meanwhile is answered by the next question
    options = [word for name, value in said.items() for word in (f"--{name}", value)]
    given: dict[str, Any] = {
        "jobs": desk.jobs.running(),
        "unfinished": [each for each in unfinished(stage.home, stage.name) if desk.jobs.find(each.redrive) is None],
        "found": found,
        "rows": [(each, short(each.who), *outcome(each)) for each in found.entries],
        "queues": [word for word, _, _ in known(stage.name, stage.topology)] if stage.staged else [],
        "actions": ACTIONS,
        "sinces": SINCE,
        "said": {name: said[name] for name in FILTERS[:-1] if name in said},
        "shell": command("history", *options, where=desk.where),
    }
    return asked.page("redrives.html", "redrives", **given)
