"""One dead letter: what it says, why it is dead, and how it is edited before it is redriven."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import msgspec
from starlette.responses import Response

from ops import audit
from ops.console import looks
from ops.console.asked import Asked
from ops.console.body_tree import tree
from ops.dead_letters.peek import Seen, look
from ops.dead_letters.redaction import Redaction, shortened
from ops.dead_letters.sample import Sample
from ops.dead_letters.selection import Selection
from ops.depth import depth
from ops.errors import OpsError, UsageError
from ops.events.catalogue import types
from ops.observe.life import are_logged, begun
from ops.observe.life import told as attempts_of
from ops.observe.trace import DEEPEST, id_of
from ops.queue import Queue, find_dead
from ops.redrive import document as documents
from ops.redrive.command import command, redrive_command
from ops.redrive.form import filled, form, grown
from ops.redrive.journal import new_run
from ops.redrive.member import VERBS
from ops.redrive.preview import preview
from ops.redrive.request import Request
from ops.redrive.told import told
from ops.sqs.message import UNREADABLE

AT = re.compile(r"^The edit, line (?P<line>\d+): message \S+ ")
FIELD = "f:"
"""How the names of a form's fields begin."""
ABOVE = len(documents.written([]).splitlines()) + 1
"""Lines of an edit above the body."""
AT_ONCE = 86_400.0
"""Seconds of the logs that are searched unasked: Logs Insights bills by the gigabyte that it reads."""
PATIENCE = 20.0
"""Seconds for which the logs are waited for."""


def page(asked: Asked) -> Response:
    """The message, its secrets hidden; where nobody saw it and its queue is deep, whether it is to be looked for."""
    try:
        seen, remark = _found(asked)
    except NotSeen as unseen:
        dead = find_dead(asked.desk.stage, unseen.queue)
        counts = depth(asked.desk.stage, dead)
        return asked.page("not_seen.html", "dead", word=dead.word, text=unseen.queue, id=unseen.id, counts=counts)
    return _page(asked, seen, remark, whole=False)


def attempts(asked: Asked) -> Response:
    """Its attempts and its path in short, as the logs tell them, or why they do not."""
    queue = find_dead(asked.desk.stage, asked.path["queue"])
    seen = asked.desk.opened.get((queue.word, asked.path["id"])) or seen_of(asked)
    return asked.page("attempts.html", "dead", **_attempts(asked, queue, seen))


def whole(asked: Asked) -> Response:
    """The message with its secrets, which is recorded first."""
    seen, remark = _found(asked)
    _record(asked, seen)
    return _page(asked, seen, remark, whole=True)


def search(asked: Asked) -> Response:
    """Looks through the queue for a message that was not among the last that were seen."""
    text, id_ = asked.path["queue"], asked.path["id"]

    def after(sample: Sample | None) -> Response:
        if sample is None or sample.find(id_) is None:
            word = find_dead(asked.desk.stage, text).word
            raise UsageError(f"Message {id_} is not in {word}: somebody redrove or dropped it, or has it.")
        return asked.to("dead", text, id_)

    return looks.begin(asked, Selection(ids=(id_,)), 1, after, message=id_)


def edit(asked: Asked) -> Response:
    """The body as it is edited, whole, which is recorded first."""
    seen = seen_of(asked)
    _record(asked, seen)
    part = documents.part(seen.message.message_id, seen.message.body)
    return _editor(asked, seen, part.text)


def check(asked: Asked) -> Response:
    """What an edit changes, and what the contract says of it; nothing is sent."""
    seen, text = seen_of(asked), lines("".join(asked.form.get("body", [])))
    dead = find_dead(asked.desk.stage, asked.path["queue"])
    if "by" in asked.form:
        said = {name.removeprefix(FIELD): lines(told[0]) for name, told in asked.form.items() if name.startswith(FIELD)}
        verb = next((each for each in VERBS if each in asked.form), None)
        try:
            if verb is not None:
                return _editor(asked, seen, grown(asked.desk.stage, dead, text, said, verb, asked.form[verb][0]))
            text = filled(asked.desk.stage, dead, text, said)
        except UsageError as error:
            return _editor(asked, seen, text, problem=str(error))
    try:
        report = preview(asked.desk.stage, edited(asked, seen, text), [seen])
    except UsageError as error:  # what was written stays on the page
        return _editor(asked, seen, text, problem=in_the_body(str(error)))
    return _editor(asked, seen, text, report)


def edited(asked: Asked, seen: Seen, text: str) -> Request:
    """The redrive of that message with the edited body. Raises `UsageError` for a text that is none."""
    message = seen.message
    part = documents.part(message.message_id, message.body)
    edit = None
    if text != part.text:
        edit = documents.written([msgspec.structs.replace(part, text=text)])
        documents.Document(edit).only([message.message_id])
    return Request(asked.path["queue"], selection=Selection(ids=(message.message_id,)), edit=edit)


def in_the_body(sentence: str) -> str:
    """What is said of a line of the edit, said of the body's own line."""
    return AT.sub(lambda found: f"Line {max(int(found['line']) - ABOVE, 1)}: the body ", sentence)


def lines(text: str) -> str:
    """A text as a browser sends it has the line ends of the internet."""
    return text.replace("\r\n", "\n")


def _editor(asked: Asked, seen: Seen, text: str, report: Any = None, problem: str | None = None) -> Response:
    desk, word = asked.desk, asked.path["queue"]
    request = Request(word, selection=Selection(ids=(seen.message.message_id,)))
    plain = redrive_command(request, [*desk.where, "--editor"], yes=True)
    verdict = report.verdicts[0] if report is not None and report.verdicts else None
    refused = next(iter(report.tally.refused), None) if report is not None else None
    return asked.page(
        "edit.html",
        "dead",
        word=find_dead(desk.stage, word).word,
        text=word,
        id=seen.message.message_id,
        body=text,
        form=form(desk.stage, find_dead(desk.stage, word), text),
        kind=documents.part(seen.message.message_id, seen.message.body).kind,
        report=report,
        problem=problem,
        verdict=verdict,
        refused=refused,
        changed=report is not None and bool(report.edited),
        told=[*told(report)] if report is not None else [],
        difference=report.differences[0].split("\n") if report is not None and report.differences else [],
        shell=plain,
    )


def _record(asked: Asked, seen: Seen) -> None:
    """Writes down who saw the secrets of which message, before they do."""
    stage = asked.desk.stage
    word = find_dead(stage, asked.path["queue"]).word
    record = audit.begin(stage, new_run(), "show secrets", word, {"message_id": seen.message.message_id})
    audit.end(stage, record, {"shown": 1})


def seen_of(asked: Asked) -> Seen:
    """The message, of the last sample; else looked for where that is a look into few. Raises `UsageError`."""
    return _found(asked)[0]


def _found(asked: Asked) -> tuple[Seen, str | None]:
    """The message, as `seen_of` finds it, and what must be said of how its cause was looked for, if anything."""
    desk, text, id_ = asked.desk, asked.path["queue"], asked.path["id"]
    queue = find_dead(desk.stage, text)
    sample = desk.samples.kept(queue)
    found = sample.find(id_) if sample is not None else None
    remark = sample.remark if sample is not None else None
    if found is None and depth(desk.stage, queue).waiting <= DEEPEST:
        looked = look(desk.stage, text, selection=Selection(ids=(id_,)), limit=1)
        found, remark = looked.seen[0] if looked.seen else None, looked.remark
        if found is None:
            raise UsageError(f"Message {id_} is not in {queue.word}: somebody redrove or dropped it, or has it.")
    if found is None:
        raise NotSeen(text, id_)
    return found, remark


class NotSeen(UsageError):
    """The message is not among those that were seen, and its queue is too deep to be gone through unasked."""

    def __init__(self, queue: str, id_: str) -> None:
        super().__init__(f"Message {id_} is not among the last that were looked at in {queue}.")
        self.queue = queue
        self.id = id_


def _attempts(asked: Asked, queue: Queue, seen: Seen) -> dict[str, Any]:
    """What the template shows of them. Raises `UsageError` for a queue whose consumer is nobody of the stage."""
    stage = asked.desk.stage
    if not are_logged(stage, queue):
        raise UsageError(f"Nobody of {stage.told} takes what is sent to {queue.word}: no log tells of it.")
    given: dict[str, Any] = {"undelivered": queue.kind == "undelivered", "types": types(stage.topology)}
    try:
        return given | {"told": attempts_of(stage, queue, seen, patience=PATIENCE), "unknown": None}
    except OpsError as error:
        return given | {"told": None, "unknown": asked.desk.refused(error)}


def _page(asked: Asked, seen: Seen, remark: str | None, *, whole: bool) -> Response:
    desk, text, message = asked.desk, asked.path["queue"], seen.message
    queue, since = find_dead(desk.stage, text), max(time.time() - begun(seen), 0)
    desk.opened.keep((queue.word, message.message_id), seen)
    logged = are_logged(desk.stage, queue)
    here = logged and "attempts" in asked.query
    redaction = None if whole else Redaction(desk.stage.topology)
    attributes = {name: value.text for name, value in message.message_attributes.items()}
    try:
        body = msgspec.json.decode(message.body)
    except UNREADABLE:
        body = None
    shown = redaction.of(body) if redaction is not None else body
    request = Request(text, selection=Selection(ids=(message.message_id,)))
    return asked.page(
        "message.html",
        "dead",
        word=queue.word,
        text=text,
        seen=seen,
        remark=remark,
        logged=logged,
        since=since,
        at_once=since <= AT_ONCE,
        here=here,
        traced=command("trace", id_of(seen), "--since", f"{math.ceil(since / 3600)}h", where=desk.where),
        **(_attempts(asked, queue, seen) if here else {}),
        message=message,
        whole=whole,
        tree=tree(shown),
        sent=redaction.text(message.body) if redaction is not None else shortened(message.body),
        attributes=redaction.of(attributes) if redaction is not None else attributes,
        system={name: value for name, value in message.attributes.items() if name != "SenderId"},
        trace=id_of(seen),
        shell=redrive_command(request, desk.where, yes=True),
        peek=command("peek", text, "--ids", message.message_id, where=desk.where),
    )
