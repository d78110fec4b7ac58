"""Try it: a request to a route, from a form that the map makes of it, sent by the server and answered as it came."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ops.console.asked import Asked, confirmed
from ops.console.message import FIELD, lines
from ops.dead_letters.redaction import Redaction
from ops.errors import OpsError, UsageError
from ops.redrive.command import command
from ops.redrive.member import VERBS
from ops.send import form as forms
from ops.send import request as requests
from ops.send.command import send_command
from ops.send.send import Sent, authorized
from ops.send.send import send as sent
from ops.send.target import Target, find, targets


def page(asked: Asked) -> Response:
    """Every route, and what can be read, by integration."""
    desk = asked.desk
    found: dict[str | None, list[Target]] = {}
    for target in targets(desk.stage.topology):
        found.setdefault(target.integration, []).append(target)
    return asked.page("try.html", "try", found=found, refused=desk.untried)


def route(asked: Asked) -> Response:
    """One of them as a form, filled in with an example."""
    target = _target(asked)
    return _page(asked, target, forms.said_of(target), forms.example(target))


def send(asked: Asked) -> Response:
    """Sends it, or only puts what the fields say into the text, or an item more; and shows the same form again."""
    desk, target = asked.desk, _target(asked)
    if desk.untried is not None:
        raise UsageError(desk.untried)
    text, was = (lines("".join(asked.form.get(name, []))) for name in ("body", "was"))
    said = {name.removeprefix(FIELD): lines(told[0]) for name, told in asked.form.items() if name.startswith(FIELD)}
    more, credential = asked.said("more") or "", asked.said("credential") or desk.credential
    answered, problem = None, None
    try:
        text = forms.body(target, text, was, said)
        if (verb := next((each for each in VERBS if each in asked.form), None)) is not None:
            text = forms.grown(target, text, verb, asked.form[verb][0])
        elif asked.said("do") != "fill":
            if target.body is not None:
                confirmed(asked, target.route.queue)
            headers = [requests.header(line) for line in _lines(more)]
            told = forms.asked(target, said, text, headers, credential)
            answered = sent(desk.stage, target, told, url=desk.api_url, anywhere=desk.tries)
    except OpsError as error:  # what was written stays on the page
        problem = desk.refused(error)
    return _page(asked, target, forms.said_of(target, said), text, more=more, sent=answered, problem=problem)


def _target(asked: Asked) -> Target:
    return find(asked.desk.stage.topology, asked.query.get("route", ""))


def _lines(text: str) -> list[str]:
    return [line for line in lines(text).split("\n") if line.strip()]


def _page(
    asked: Asked,
    target: Target,
    said: Any,
    text: str,
    *,
    more: str = "",
    sent: Sent | None = None,
    problem: str | None = None,
) -> Response:
    desk = asked.desk
    values = {each.name: each.value or "" for each in said.fields}
    headers = [requests.header(line) for line in _lines(more) if ":" in line]
    told = forms.asked(target, values, text, headers, None)
    return asked.page(
        "try_route.html",
        "try",
        target=target,
        refused=desk.untried,
        said=said,
        body=text,
        form=forms.body_of_form(target, text),
        more=more,
        sent=sent,
        problem=problem,
        authorized=authorized(desk.stage, target),
        shell=send_command(target, told, Redaction(desk.stage.topology), desk.where, anywhere=desk.careful),
        follow=command("trace", sent.correlation_id, where=desk.where) if sent is not None else "",
    )
