"""Looks through a queue that take their time: how far one is, its end, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from ops.console.asked import Asked
from ops.console.desk import Desk
from ops.console.lasting import of_job
from ops.dead_letters.sample import Sample
from ops.dead_letters.selection import Selection
from ops.errors import OpsError, UsageError
from ops.redrive.background import Job, UnderWay

SOON = 1.0
"""Seconds within which most looks end; of those no page of their own is shown."""
BACK = ("filter", "older_than", "cause", "ids", "group", "message")
"""What of its query says where a look's result is shown."""


def begin(
    asked: Asked, selection: Selection, limit: int, after: Callable[[Sample | None], Response], **back: Any
) -> Response:
    """Begins one: what comes `after` is the answer where it ends at once, else the page that shows how far it is.

    Raises `UsageError` where it cannot, `OpsError` where AWS refuses.
    """
    desk, text = asked.desk, asked.path["queue"]
    try:
        job = desk.jobs.look(desk.stage, text, desk.samples, selection=selection, limit=limit)
    except UnderWay as other:
        return instead(asked, other.job)
    if not job.wait(SOON):
        return asked.to("looks", job.run, **back)
    if job.error is not None:
        raise OpsError(job.error)
    assert job.dead is not None
    return after(desk.samples.kept(job.dead))


def instead(asked: Asked, other: Job) -> Response:
    """The page of what goes through the queue already, which says that nothing else was begun."""
    return asked.to("looks" if other.looks else "redrives", other.run, instead="yes")


def page(asked: Asked) -> Response:
    """How far one is, live while it runs."""
    desk = asked.desk
    back = {name: asked.query.get(name) for name in BACK}
    return asked.page("look.html", "dead", **picture(desk, _job(asked), back))


def halt(asked: Asked) -> Response:
    """Stops what only looks: what it found so far is kept."""
    job = _job(asked)
    job.halt()
    job.wait(SOON)
    back = {name: asked.query.get(name) for name in BACK}
    return asked.to("looks", job.run, **back) if job.looks else asked.to("redrives", job.run)


def live(desk: Desk, run: str, query: dict[str, str]) -> Response:
    """One look again and again, as server-sent events, until it ended."""
    back = {name: query.get(name) for name in BACK}
    return of_job(desk, run, "look", lambda job: picture(desk, job, back))


def picture(desk: Desk, job: Job, back: dict[str, str | None]) -> dict[str, Any]:
    """What the template shows; `back` says where the result is shown."""
    job = job.now()
    assert job.dead is not None
    sample = desk.samples.kept(job.dead) if job.ended is not None else None
    message, ids = back.get("message"), job.request.selection.ids
    found = sample is not None and message is not None and sample.find(message) is not None
    return {
        "job": job,
        "sample": sample if sample is not None and sample.at >= job.started else None,
        "word": job.dead.word,
        "text": job.request.queue,
        "back": {name: value for name, value in back.items() if name != "message"},
        "query": back,
        "message": message,
        "found": found,
        "one": ids is not None,
    }


def _job(asked: Asked) -> Job:
    job = asked.desk.jobs.find(asked.path["run"])
    if job is None or job.dead is None:
        raise UsageError("There is no such look, or it ended long ago: look again.")
    return job
