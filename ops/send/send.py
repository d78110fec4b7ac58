"""Sends one request to a route, to see what it does: signed as the route asks, recorded, and answered as it came.

Whoever sends it needs to be one of the route's callers; the operator's role is none, and gets nothing here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from ops import audit
from ops.caution import careful
from ops.errors import OpsError, UsageError
from ops.redrive.journal import new_run
from ops.send.advice import advice
from ops.send.caller import Answer, Caller, Request, Unanswered, api_url
from ops.send.request import Said, request
from ops.send.target import Target
from ops.stage import Stage
from stacks import names, settings
from stacks.edge.mapping_template import CORRELATION_ID
from stacks.entry import Authorized

ACTION: audit.Action = "send"
"""How the record calls it."""


@dataclass(frozen=True)
class Sent:
    """A request that was answered: after `took` seconds, with what to do about it, if anything, in `advice`.

    `url` is where it went, `correlation_id` by which it can be followed, `remark` what kept the stage's table from
    having the record.
    """

    target: Target
    url: str
    request: Request = field(repr=False)
    answer: Answer
    took: float
    correlation_id: str
    advice: str | None
    remark: str | None

    @property
    def good(self) -> bool:
        """Whether it was taken, or read."""
        return self.answer.status < 300 or self.answer.status == 304

    @property
    def phrase(self) -> str:
        """The status with its words, where it has any."""
        status = self.answer.status
        return f"{status} {responses[status]}" if status in responses else str(status)

    @property
    def words(self) -> str | None:
        """What the answer says is wrong, in its own words, if it does."""
        said = (self.answer.said or {}).get("message")
        return said if isinstance(said, str) and not self.good else None

    @property
    def is_traced(self) -> bool:
        """Whether there is a path to follow: a message came of it, or may have."""
        return self.target.body is not None and (self.answer.status == 202 or self.answer.status >= 500)

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "route": self.target.name,
            "url": self.url,
            "status": self.answer.status,
            "headers": self.answer.headers,
            "body": self.answer.text,
            "cut": self.answer.cut,
            "took": round(self.took, 3),
            "correlation_id": self.correlation_id,
            "advice": self.advice,
        }


def refusal(stage: Stage) -> str:
    """Why nothing is sent to a stage where data is kept unless somebody asks for just that."""
    return f"What is sent takes effect, and {stage.told} keeps what is real."


def send(stage: Stage, target: Target, said: Said, *, url: str | None = None, anywhere: bool = False) -> Sent:
    """Sends it and answers what came back; `url` is the API's, where the stage does not tell it.

    Where data is kept only with `anywhere`. Raises `UsageError` for what cannot be sent, `OpsError` where nothing
    answers: then it may have been taken, and its correlation id is in the sentence.
    """
    if careful(stage) and not anywhere:
        raise UsageError(f"{refusal(stage)} Say --prod to send it all the same.")
    asked = request(target, said)
    where = (url or api_url(stage)).rstrip("/")
    if not _is_url(where):
        raise UsageError(
            f"{where} is no API's URL: give one such as https://….execute-api.eu-west-1.amazonaws.com/dev."
        )
    caller = Caller(stage, _settings(stage), where, token=said.credential, key=said.credential)
    kind = caller.authorized(target.route)
    if kind in ("jwt", "api_key") and said.credential is None:
        asked = replace(asked, unsigned=True)
    id_ = next(value for name, value in asked.headers if name.lower() == CORRELATION_ID.lower())
    what = {"route": target.name, "correlation_id": id_}
    record = audit.begin(stage, new_run(), ACTION, target.route.queue if target.body else target.name, what)
    started = time.monotonic()
    try:
        answer = caller.call(target.route, asked)
    except Unanswered as error:
        audit.end(stage, record, {"stopped": "no answer"})
        more = f" It may have been taken: trace {id_} tells." if target.body is not None else ""
        raise OpsError(f"{error}{more}") from None
    except OpsError:
        audit.end(stage, record, {"stopped": "not sent"})
        raise
    took = time.monotonic() - started
    named = answer.headers.get(CORRELATION_ID.lower(), id_)
    remark = audit.end(stage, record, {"status": answer.status, "correlation_id": named})
    words = advice(stage, target, kind, answer, record.who)
    return Sent(target, caller.url + asked.path, asked, answer, took, named, words, remark)


def authorized(stage: Stage, target: Target) -> Authorized:
    """How callers of the route show who they are in that stage. Raises `UsageError` where cdk.json is wrong."""
    return target.route.authorized(_settings(stage).authorization)


def _settings(stage: Stage) -> settings.Settings:
    try:
        return settings.read(stage.name, names.CONTEXT["stages"])
    except settings.SettingsError as error:
        raise UsageError(str(error)) from None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = bool(parts.hostname) and parts.port != 0  # a port that is no number raises
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    return host and plain and parts.scheme in ("http", "https") and not (parts.query or parts.fragment)
