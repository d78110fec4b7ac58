"""Trying a route: `send`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ops.cli import completion
from ops.cli.options import AsJson, InStage, opened, topology, where
from ops.cli.screen import print_json, said, tell, tell_aside, tell_lines
from ops.errors import OpsError, UsageError
from ops.redrive.command import command
from ops.send import request as requests
from ops.send.advice import CREDENTIAL
from ops.send.send import Sent
from ops.send.send import send as sent
from ops.send.target import find
from stacks import names

SHOWN = ("X-Correlation-Id", "X-Tenant", "Location", "Link", "ETag", "Retry-After", "Content-Type")
"""The headers of an answer that matter to people; --json has all."""
STOPPED = "Stopped at once: the request may have been taken."
MOST = 11 * 1024 * 1024
"""Bytes of a body: API Gateway takes 10 MB, and it is what says so.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""


def send(
    route: Annotated[
        str,
        typer.Argument(
            metavar="ROUTE",
            autocompletion=completion.ROUTES,
            help="Its path, 'POST /v1/…' where a path has several methods, or the queue that it feeds.",
        ),
    ],
    body: Annotated[
        str | None, typer.Option(metavar="TEXT|@FILE|-", help="The body; without it the contract's example.")
    ] = None,
    path: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value of the path; may be said again.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="A header; may be said again.")
    ] = None,
    credential: Annotated[
        str | None,
        typer.Option(
            envvar=CREDENTIAL, help="A bearer's token, an API key's value or a webhook's secret, as the route asks."
        ),
    ] = None,
    api_url: Annotated[str | None, typer.Option(help="The API's URL with its stage, where no stack tells it.")] = None,
    prod: Annotated[bool, typer.Option("--prod", help="Also to a stage where data is kept.")] = False,
    stage: InStage = names.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Send one request to a route of the stage's API, as one of its callers, and see what it answers.

    It takes effect. A route that asks for it is signed by your own AWS identity, which needs execute-api:Invoke: the
    operator's role has it not. What is wrong with the request the API says; exits with 1 where it does. That it was
    sent is recorded, without its body.

    Example: python -m ops send /v1/tickets
    """
    with said(STOPPED):
        target = find(topology(), route)  # a wrong name needs no stage to be told
        asked = requests.Said(
            path=dict(requests.value(each) for each in path or ()),
            headers=[requests.header(each) for each in header or ()],
            body=_bytes(body) if body is not None else None,
            credential=credential,
        )
        requests.request(target, asked)
        answered = sent(opened(stage), target, asked, url=api_url, anywhere=prod)
        follow = command("trace", answered.correlation_id, where=where())
        if as_json:
            print_json(answered.told() | {"trace": follow if answered.is_traced else None})
        else:
            _tell(answered, follow)
        if not answered.good:
            raise typer.Exit(OpsError.code)


def _tell(sent: Sent, follow: str) -> None:
    answer = sent.answer
    tell(f"{sent.request.method} {sent.url}", "dim")
    tell(f"{sent.phrase} in {sent.took:.3f} s", "green" if sent.good else "red")
    for name in SHOWN:
        if name.lower() in answer.headers:
            tell(f"{name}: {answer.headers[name.lower()]}", prefix="  ")
    if answer.text:
        tell_lines(answer.text)
    if answer.cut:
        tell_aside("The answer is longer than what is shown.")
    for words in (sent.advice, sent.remark):
        if words is not None:
            tell_aside(words)
    if sent.is_traced:
        tell_aside(f"What becomes of it: {follow}")


def _bytes(text: str) -> bytes:
    """The body that is meant: what comes in, a file, or the text itself. Raises `UsageError`."""
    if text == "-":
        found = sys.stdin.buffer.read(MOST + 1)
    elif text.startswith("@"):
        with Path(text[1:]).open("rb") as file:
            found = file.read(MOST + 1)
    else:
        found = os.fsencode(text)
    if len(found) > MOST:
        raise UsageError(f"The body is larger than {MOST:,} bytes, which no API takes.")
    return found
