"""Redrives: what one would do, how far it is, what became of it, and how it is stopped and gone on with."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ops import history
from ops.console import looks
from ops.console.asked import LONGEST, Asked, confirmed, number
from ops.console.dead import selected
from ops.console.desk import Desk
from ops.console.lasting import of_job
from ops.console.message import edited, lines, seen_of
from ops.dead_letters.selection import Selection
from ops.depth import depth
from ops.errors import UsageError
from ops.observe.trace import id_of
from ops.queue import find_dead
from ops.redrive.background import Job, UnderWay
from ops.redrive.command import command, redrive_command
from ops.redrive.refusal import refuse
from ops.redrive.request import Request, rate_of
from ops.redrive.runs import runs, tasks
from ops.redrive.stop import stop
from ops.redrive.told import told, verdict
from ops.redrive.unfinished import unfinished

PATIENCE = 10.0
"""Seconds for which it is waited that what looks through the queue ends."""


def plan(asked: Asked) -> Response:
    """What is about to be redriven: which, where to, how, and the command that does it."""
    desk, text = asked.desk, asked.path["queue"]
    dead = find_dead(desk.stage, text)
    request = asked_for(asked)
    refuse(desk.stage, dead, None, request)
    sample = desk.samples.kept(dead)
    seen = sample.seen if sample is not None else []
    meant = sum(request.selection.means(each.message, each.cause) is True for each in seen)
    ours, _ = runs(desk.stage, dead)
    return asked.page(
        "plan.html",
        "dead",
        word=dead.word,
        text=text,
        request=request,
        counts=depth(desk.stage, dead),
        sampled=len(seen),
        meant=meant,
        looking=desk.jobs.looking(dead),
        running=next((each for each in ours if each.state.startswith("running")), None),
        fields=fields(request),
        shell=redrive_command(request, desk.where, yes=True),
        dry=redrive_command(request, desk.where, yes=False),
    )


def dry(asked: Asked) -> Response:
    """Begins a dry run, which goes through the whole queue and moves nothing."""
    try:
        job = asked.desk.jobs.redrive(asked.desk.stage, asked_for(asked), yes=False)
    except UnderWay as other:
        return looks.instead(asked, other.job)
    job.wait(1.0)
    return asked.to("redrives", job.run)


def begin(asked: Asked) -> Response:
    """Begins the redrive."""
    return _begin(asked, asked_for(asked))


def send(asked: Asked) -> Response:
    """Begins the redrive of one message, as it was edited."""
    seen = seen_of(asked)
    return _begin(asked, edited(asked, seen, lines("".join(asked.form.get("body", [])))), trace=id_of(seen))


def _begin(asked: Asked, request: Request, trace: str | None = None) -> Response:
    desk = asked.desk
    dead = find_dead(desk.stage, request.queue)
    confirmed(asked, dead.word)
    if (look := desk.jobs.looking(dead)) is not None:  # what it looked at is out of the redrive's sight
        look.halt()
        if not look.wait(PATIENCE):
            raise UsageError(
                f"{dead.word} is gone through, which hides messages from a redrive: wait until {look.run} ends."
            )
    job = desk.jobs.redrive(desk.stage, request, yes=True)
    desk.samples.forget(dead)
    job.wait(1.0)
    return asked.to("redrives", job.run, trace=desk.typed.name(trace) if trace is not None else None)


def one(asked: Asked) -> Response:
    """One redrive: live while it runs in this console, else what is on record of it, from whatever machine."""
    desk, run = asked.desk, asked.path["run"]
    job = desk.jobs.find(run)
    if job is not None:
        return asked.page("redrive.html", "redrives", **picture(desk, job, asked.query.get("trace")))
    record, problem = history.one(desk.stage, run)
    left = next((each for each in unfinished(desk.stage.home, desk.stage.name) if each.redrive == run), None)
    if record is None and left is None:
        raise UsageError(f"There is no redrive {run} on record. {problem or ''}".strip())
    going: Any = None
    if left is not None or (record is not None and record.state == "running"):
        word = left.queue if left is not None else record.queue if record is not None else ""
        ours, _ = runs(desk.stage, find_dead(desk.stage, word))
        going = next((each for each in ours if each.run == run), None)
    return asked.page(
        "record.html",
        "redrives",
        run=run,
        record=record,
        facts=[("Asked", history.facts(record.asked)), ("Result", history.facts(record.result))] if record else [],
        outcome=history.outcome(record) if record is not None else None,
        elsewhere=record is not None and history.resumable_elsewhere(record),
        left=left,
        going=going,
        problem=problem,
        shells=_shells(desk, run),
    )


def status(asked: Asked) -> Response:
    """Who works on a queue, and what AWS tells of its own redrives from it."""
    desk, text = asked.desk, asked.path["queue"]
    dead = find_dead(desk.stage, text)
    ours, unknown = runs(desk.stage, dead)
    theirs, problem = tasks(desk.stage, dead)
    shell = command("status", text, where=desk.where)
    given = {"runs": ours, "tasks": theirs, "remarks": [each for each in (unknown, problem) if each], "shell": shell}
    return asked.page("status.html", "redrives", word=dead.word, text=text, **given)


def halt(asked: Asked) -> Response:
    """Stops what works on a queue; what was moved stays moved."""
    desk, word = asked.desk, asked.said("queue") or ""
    done = stop(desk.stage, find_dead(desk.stage, word))
    run = asked.said("run") or done.run
    if run and (job := desk.jobs.find(run)) is not None:
        job.wait(5.0)
    return asked.to("redrives", run) if run else asked.to("status", word)


def resume(asked: Asked) -> Response:
    """Goes on with one that was interrupted."""
    desk, run = asked.desk, asked.path["run"]
    left = next((each for each in unfinished(desk.stage.home, desk.stage.name) if each.redrive == run), None)
    if left is not None:
        confirmed(asked, find_dead(desk.stage, left.queue).word)
    job = desk.jobs.resume(desk.stage, run)
    job.wait(1.0)
    return asked.to("redrives", job.run)


def live(desk: Desk, run: str, trace: str | None = None) -> Response:
    """One redrive again and again, as server-sent events, until it ended."""
    return of_job(desk, run, "redrive", lambda job: picture(desk, job, trace))


def picture(desk: Desk, job: Job, trace: str | None = None) -> dict[str, Any]:
    """What the template shows of a redrive of this console.

    `trace` finds the path of the one message that it is of: an id, or the token of one; None where it is of more.
    """
    job = job.now()
    report, ids = job.report, job.request.selection.ids or ()
    ended = verdict(report) if report is not None else None
    can_resume = job.acts and job.ended is not None and report is not None and not report.native
    left = can_resume and any(each.redrive == job.run for each in unfinished(desk.stage.home, desk.stage.name))
    return {
        "job": job,
        "trace": (trace and desk.typed.text(trace)) or trace or (ids[0] if len(ids) == 1 else None),
        "report": report,
        "word": report.queue if report is not None else find_dead(desk.stage, job.request.queue).word,
        "sentences": [*told(report)] if report is not None else [],
        "ended": str(ended) if ended is not None else None,
        "left": left,
        "fields": fields(job.request),
        "shell": redrive_command(job.request, desk.where, yes=job.acts),
        "for_real": redrive_command(job.request, desk.where, yes=True),
        "shells": _shells(desk, job.run),
        "cancel": command("cancel", job.request.queue, where=desk.where),
    }


def _shells(desk: Desk, run: str) -> dict[str, str]:
    return {"resume": command("resume", run, where=desk.where)}


def asked_for(asked: Asked) -> Request:
    """The redrive that the form or the query says. Raises `UsageError` for what makes no sense."""
    limit, rate = asked.said("limit"), asked.said("rate")
    if limit is not None and not number(limit):
        raise UsageError(f"The limit is {limit[:LONGEST]!r}: give at least 1, or leave it out.")
    return Request(
        asked.path["queue"],
        selection=selected(asked),
        to=asked.said("to"),
        group=asked.said("to_group"),
        limit=number(limit) if limit is not None else None,
        edit=asked.said("edit"),
        rate=rate_of(rate.strip()) if rate is not None else "auto",
        follow=asked.said("follow") is not None,
        keep_order=asked.said("out_of_order") is None,
        force=asked.said("force") is not None,
    )


def fields(request: Request) -> list[tuple[str, str]]:
    """The request as the fields of a form that asks for the same."""
    chosen: Selection = request.selection
    said = (
        ("filter", chosen.filter),
        ("older_than", f"{chosen.older_than}s" if chosen.older_than is not None else None),
        ("cause", chosen.cause),
        ("ids", ",".join(chosen.ids) if chosen.ids is not None else None),
        ("to", request.to),
        ("to_group", request.group),
        ("limit", str(request.limit) if request.limit is not None else None),
        ("edit", request.edit),
        ("rate", f"{request.rate:g}" if isinstance(request.rate, float) else request.rate),
        ("follow", "yes" if request.follow else None),
        ("out_of_order", None if request.keep_order else "yes"),
        ("force", "yes" if request.force else None),
    )
    return [(name, value) for name, value in said if value is not None and (name, value) != ("rate", "auto")]
