"""What a browser asked for, and how it is answered."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ops.console.desk import Desk
from ops.console.page import address, rendered
from ops.errors import OpsError, UsageError

MOST = 8 * 1024 * 1024
"""Bytes of a form: a message of the largest size, each of its bytes encoded."""
LONGEST = 16
"""Digits of a number of messages; Python reads no number of any length."""


class Words(dict[str, str]):
    """What was said, by name; nothing of what was not."""

    def __missing__(self, name: str) -> str:
        return ""


class Refused(Exception):
    """What is asked for is not done, and why."""


@dataclass(frozen=True)
class Asked:
    """A question: of the path, the query and the form the words, by name. `part` is whether only a part is wanted."""

    desk: Desk
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, list[str]] = field(default_factory=dict)
    part: bool = False

    def said(self, name: str) -> str | None:
        """What the form says of it, else the query; None where it is blank."""
        told = self.form[name][0] if self.form.get(name) else self.query.get(name, "")
        return told if told.strip() else None

    def every(self, name: str) -> list[str]:
        """All that the form says of it, else the query."""
        return self.form[name] if name in self.form else [each for each in [self.query.get(name, "")] if each]

    def page(self, template: str, at: str, **given: Any) -> Response:
        """The page of that template, which is `at` that place of the navigation."""
        return HTMLResponse(rendered(self.desk, template, {"q": Words(self.query), **given}, at=at))

    def to(self, *parts: str, **query: Any) -> Response:
        """Sends the browser to another page, which it asks for anew."""
        return RedirectResponse(address(self.desk.base, *parts, **query), 303)


Answer = Callable[[Asked], Response]


def endpoint(
    desk: Desk, answer: Answer, *, changes: bool, whole: bool, staged: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """A route's endpoint; one that changes something refuses a console that only reads, and what nobody confirmed.

    What is to be `whole` is done to its end, also where the console ends meanwhile; what is not is left.

    What only a stage has is refused where there is none: an account's queues are not looked for there.
    """

    async def asked(request: Request) -> Response:
        form: dict[str, list[str]] = {}
        try:
            if request.method == "POST":
                form = await _form(request)
                told = "".join(form.pop("csrf", []))[:100]
                if not hmac.compare_digest(told.encode(), desk.csrf.encode()):
                    raise Refused("This page is older than the console: reload it, and try again.")
                if changes and desk.read_only:
                    raise Refused("The console was started with --read-only: nothing is changed from here.")
        except Refused as refusal:
            return _sorry(desk, str(refusal), 403, part=False)
        part = request.headers.get("hx-request") == "true"
        query = dict(request.query_params)
        of = _of_stage(answer) if staged else answer
        answered = partial(_answered, of, Asked(desk, request.path_params, query, form, part), sure=not changes)
        if whole:  # in threads that the process waits for
            return await run_in_threadpool(answered)
        return await asyncio.get_running_loop().run_in_executor(desk.asking, answered)

    return asked


def number(told: str) -> int | None:
    """A number of messages, if it is one."""
    told = told.strip()
    return int(told) if told.isdecimal() and len(told) < LONGEST else None


def confirmed(asked: Asked, word: str) -> None:
    """Raises `UsageError` where the queue's name must be typed, and was not."""
    typed = (asked.said("typed") or "").strip()
    if asked.desk.careful and typed != word:
        raise UsageError(f"Type {word} to confirm: this changes {asked.desk.stage.told}.")


def _of_stage(answer: Answer) -> Answer:
    def answered(asked: Asked) -> Response:
        stage = asked.desk.stage
        if not stage.staged:
            raise UsageError(f"This page is of a stage, and here is {stage.told}: start the console with --stage.")
        return answer(asked)

    return answered


def _answered(answer: Answer, asked: Asked, *, sure: bool) -> Response:
    """The answer, or why there is none; `sure` is whether nothing was changed then, whatever happened."""
    try:
        return answer(asked)
    except UsageError as error:
        return _sorry(asked.desk, str(error), 400, part=asked.part)
    except OpsError as error:
        return _sorry(asked.desk, asked.desk.refused(error), 502, part=asked.part, sure=sure)
    except OSError as error:
        return _sorry(
            asked.desk, f"{error.filename or 'A file'} cannot be used: {error.strerror}.", 500, part=False, sure=sure
        )
    except Exception as error:  # what was begun goes on, and whoever waits for an answer is told
        return _sorry(asked.desk, asked.desk.fault(error), 500, part=asked.part, sure=sure)


def _sorry(desk: Desk, sentence: str, status: int, *, part: bool, sure: bool = True) -> Response:
    template = "sorry_part.html" if part else "sorry.html"
    # A part is put into its page, which htmx does not do with what is no success.
    return HTMLResponse(
        rendered(desk, template, {"sentence": sentence, "sure": sure, "q": {}}), 200 if part else status
    )


async def _form(request: Request) -> dict[str, list[str]]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused("This is no form of the console's.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            raise Refused("The form is larger than any message.")
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20_000)
    except ValueError:
        raise Refused("The form is damaged.") from None
