"""The path of one request, gathered from everywhere: log lines, dead-letter queues, causes, and records of redrives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path as File

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from msgspec.structs import replace

from functions.contracts.envelope import CORRELATION_ID, RECEIVED_AT, REDRIVEN, REPLAYED, TENANT, WAITED
from functions.contracts.log_line import Followed, Handled, Progressed
from functions.contracts.waited import Waited
from ops.audit import Audit
from ops.dead_letters.cause import label
from ops.dead_letters.peek import Seen, peek
from ops.dead_letters.selection import Selection, document
from ops.depth import depth
from ops.errors import OpsError, UsageError
from ops.item import plain, typed
from ops.observe.key import DEAD, Found, Named, candidates, lines_named, places
from ops.observe.logs import ID, Answered, Line, search
from ops.observe.request_path import DeadLetter, Delivery, Path, path
from ops.queue import Queue, queues
from ops.redrive import journal as journals
from ops.sqs.message import UNREADABLE, Message
from ops.stage import Stage
from stacks import names

DEEPEST = 2_000
"""Dead letters that a look goes through; a deeper queue is left alone, because every look counts as a receive."""


class UnknownId(OpsError):
    """Nothing is known of that id."""


def find(stage: Stage, text: str, *, since: float, by_key: bool = False) -> Path | Found:
    """The path of the request with that id, or with that key where it is no id; where several have the key, those.

    `by_key` says that it is a key, whatever else it may be. Else as `trace`.
    """
    lines = search(stage, text, time.time() - since)
    if not by_key and _correlation(text, lines) is not None:
        return trace(stage, text, since=since, lines=lines)
    look = _Look(stage)
    named = [*lines_named(lines, text)]
    letters = look(set() if by_key else {text}, key=text)
    named += [_named(queue, seen) for queue, seen in letters]
    # A message may carry anything in place of a correlation id: then its own id is what finds its path.
    named = [each if ID.fullmatch(each.request) else replace(each, request=each.message_id) for each in named]
    found = candidates(named, stage.topology)
    if not found:
        raise UnknownId(_unknown(stage, text, since))
    return (
        trace(stage, found[0].id, since=since)
        if len(found) == 1
        else Found(key=text, candidates=found, unseen=look.deep)
    )


def trace(stage: Stage, text: str, *, since: float, lines: list[Line] | None = None) -> Path:
    """The path of the request with that correlation id, or in which the message or event of that id had a part.

    `since` is how many seconds back the logs are searched, `lines` are what was found there of it, if somebody looked.
    Raises `UnknownId` where nothing is known of the id, `UsageError` for what cannot be an id, `OpsError` where AWS
    refuses.
    """
    if not ID.fullmatch(text):
        raise UsageError("An id is 1 to 128 printable characters without spaces.")
    start = time.time() - since
    lines = search(stage, text, start) if lines is None else lines
    look = _Look(stage)
    correlation_id = _correlation(text, lines)
    if correlation_id is None:
        # The logs have forgotten it, or its consumer died before it could write a line.
        seen = look({text})
        if not seen:
            raise UnknownId(_unknown(stage, text, since))
        correlation_id = _origin(seen[0][1])[0]
    wanted = {text}
    if ID.fullmatch(correlation_id):  # a message may carry anything in its place: then its own id is all there is
        wanted.add(correlation_id)
        if correlation_id != text:
            lines = search(stage, correlation_id, start)
    handled = {line.message_id for line in lines if isinstance(line, Handled)}
    letters = [_letter(queue, each) for queue, each in look(wanted | handled)]
    found = path(correlation_id, lines, stage.topology, letters)
    found.unseen = look.deep
    for delivery in found.deliveries():
        tell_who(stage, delivery)
        if delivery.redriven is None and delivery.state == "gone":
            delivery.sent_by = _run(stage, delivery.message_id)
    return found


def logged(stage: Stage, queue: Queue, seen: Seen, *, since: float, patience: float) -> Path:
    """The path of a dead letter of that queue that somebody looked at, as the logs tell it: nothing is received for it.

    `since` is how many seconds back they are searched; where they know nothing, the letter is all of the path.
    Raises `TooSlow` after `patience` seconds, `OpsError` where AWS refuses.
    """
    id_, start = id_of(seen), time.time() - since
    lines = search(stage, id_, start, patience=patience)
    correlation_id = _correlation(id_, lines) or _origin(seen)[0]
    if correlation_id != id_ and ID.fullmatch(correlation_id):
        lines = search(stage, correlation_id, start, patience=patience)
    return path(correlation_id, lines, stage.topology, [_letter(queue, seen)])


def id_of(seen: Seen) -> str:
    """The id by which the path of a dead letter is found: what it carries may be none."""
    id_ = seen.correlation_id
    return id_ if id_ and ID.fullmatch(id_) else seen.message.message_id


def tell_who(stage: Stage, delivery: Delivery) -> None:
    """Notes who started the redrive and the replay that brought it, as far as that is on record."""
    if delivery.replayed is not None:
        delivery.replayed_by = _who(stage, delivery.replayed)
    if delivery.redriven is not None:
        delivery.redriven_by = _who(stage, delivery.redriven.partition(" ")[2])


def _correlation(text: str, lines: Iterable[Line]) -> str | None:
    """The correlation id that `text` is, or of the line that has it as the id of a message or an event."""
    found: str | None = None
    for line in lines:
        if isinstance(line, Answered):
            named, own = {line.id, line.request_id}, line.id
        elif isinstance(line, Progressed):
            named, own = {line.message_id}, line.correlation_id
        elif isinstance(line, Followed):
            continue
        else:
            named, own = {line.message_id, line.event_id or ""}, line.correlation_id
            named.update(event.id for event in line.published)
        if own == text:
            return text
        if text in named:
            found = found or own
    return found


class _Look:
    """Looks for ids in the dead-letter queues of the stage; `deep` are the queues that it leaves alone."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._queues: list[Queue] = []
        self.deep: list[str] = []
        for queue in queues(stage):
            if queue.kind == "work":
                continue
            counts = depth(stage, queue)
            if counts.waiting + counts.in_flight > DEEPEST:
                self.deep.append(queue.word)
            elif counts.waiting:
                self._queues.append(queue)

    def __call__(self, ids: set[str], *, key: str | None = None) -> list[tuple[Queue, Seen]]:
        """The messages that have one of the ids as their own, their event's or their correlation id, or that key."""
        own = ("message_id", f"attributes.{CORRELATION_ID}", "body.detail.correlation_id", "body.detail.id")
        found = []
        for queue in self._queues:
            meant = [f"contains({_literal(sorted(ids))}, {place})" for place in own] if ids else []
            if key is not None:
                # A number is one as well as its digits; what is not there is no text.
                keys = places(self._stage.topology, queue.word)
                meant += [f"({place} && contains({_literal([key])}, to_string({place})))" for place in keys]
            selection = Selection(filter=" || ".join(meant))
            found += [(queue, seen) for seen in peek(self._stage, queue.word, selection=selection, limit=DEEPEST)]
        return found


def _literal(value: list[str]) -> str:
    """As a filter writes it: nothing of it ends the literal."""
    return "`{}`".format(json.dumps(value).replace("`", r"\`"))


def _named(queue: Queue, seen: Seen) -> Named:
    """A dead letter as one of its request's messages."""
    message = seen.message
    tenant = message.message_attributes.get(TENANT)
    return Named(
        request=_origin(seen)[0],
        message_id=message.message_id,
        queue=queue.word.rpartition("-")[0],
        outcome=DEAD,
        at=round(message.sent_at.timestamp() * 1000),
        tenant=tenant.text if tenant is not None else None,
    )


def _origin(seen: Seen) -> tuple[str, str | None]:
    """The correlation id of a dead letter, and the id of its event if it carries one; its own id in place of none."""
    told = document(seen.message, None)
    detail = told["body"].get("detail") if isinstance(told["body"], dict) else None
    if isinstance(detail, dict) and isinstance(detail.get("id"), str):
        named = detail.get("correlation_id")
        return named if isinstance(named, str) else seen.message.message_id, detail["id"]
    waited = Waited.read(told["attributes"].get(WAITED, ""))
    own = waited.origin if waited else seen.message.message_id
    return told["attributes"].get(CORRELATION_ID, own), None


def _letter(queue: Queue, seen: Seen) -> DeadLetter:
    message, cause = seen.message, seen.cause
    first, last = (cause.first, cause.last) if cause is not None else (None, None)
    attributes = {name: value.text for name, value in message.message_attributes.items()}
    return DeadLetter(
        queue=queue.word.rpartition("-")[0],
        dlq=queue.word,
        message_id=message.message_id,
        sent=round(message.sent_at.timestamp() * 1000),
        cause=label(cause),
        first=first.told("first") if first else None,
        last=last.told("last") if last else None,
        stack=cause.stack if cause is not None else (),
        event_id=_origin(seen)[1],
        received_at=attributes.get(RECEIVED_AT),
        redriven=attributes.get(REDRIVEN),
        replayed=_replay(message),
    )


def _replay(message: Message) -> str | None:
    """The replay that brought the event of a dead letter, if one did."""
    body = document(message, None)["body"]
    name = body.get(REPLAYED) if isinstance(body, dict) else None
    return name if isinstance(name, str) else None


def _who(stage: Stage, run: str) -> str | None:
    """Who started that redrive or replay, as this machine or the stage has it on record."""
    for line in _lines(stage.files / "audit.jsonl"):
        if run.encode() in line:
            with suppress(*UNREADABLE):  # a line that was written half
                return msgspec.json.decode(line, type=Audit).who
    try:
        answer = stage.client("dynamodb").get_item(
            TableName=names.resource(stage.name, names.REDRIVES), Key=typed({"id": run})
        )
    except (ClientError, BotoCoreError):
        return None  # the path is worth showing to someone who may not read the records
    who: str | None = plain(answer.get("Item", {})).get("who")
    return who


def _lines(file: File) -> list[bytes]:
    return file.read_bytes().splitlines() if file.is_file() else []


def _run(stage: Stage, message_id: str) -> str | None:
    """The redrive of this machine that sent the message, if there is one."""
    sent = (found.stem for found in reversed(journals.files(stage)) if message_id.encode() in found.read_bytes())
    return next(sent, None)


def _unknown(stage: Stage, text: str, since: float) -> str:
    return (
        f"Nothing is known of {text} in stage {stage.name}: no line of the last {since / 3600:g} h and no dead letter "
        "has it as a correlation, message or event id, or as a key. It may be older (say --since 7d; logs are kept for "
        "the stage's log_days), of another stage, left out by its log_level, or not searchable yet, for up to a minute."
    )
