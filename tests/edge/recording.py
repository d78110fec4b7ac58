"""What our gateway renders while it answers requests, with everything that a template may read."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from local.gateway import velocity
from local.gateway.api import Api, read
from local.gateway.authorization import Doors
from local.gateway.aws import _as_json
from local.gateway.exchange import Answer, Call, Exchange, Request, Result
from local.gateway.throttle import Throttle
from local.gateway.velocity import Input
from tests.local.gateway.callers import SIGNER, policy
from tests.local.gateway.receiver import Failure, Receiver

FAILURES = [
    *(
        Failure(400, code)
        for code in ("RequestThrottled", "Something&quot;new&quot;", "AWS.SimpleQueueService.Nonexistent")
    ),
    *(
        Failure(403, "AccessDenied"),
        Failure(403, "OverLimit"),
        Failure(503, "ServiceUnavailable"),
        Failure(302, "Moved"),
    ),
    Failure(400, "InvalidParameterValue", "Reason: Message must be shorter than 1048576 bytes."),
]


@dataclass(frozen=True)
class Rendering:
    """A template that was rendered: what went in and what came out."""

    template: str
    body: str
    places: Mapping[str, Mapping[str, str]]
    context: Mapping[str, Any]
    text: str
    status: str
    headers: Mapping[str, str]
    path: Mapping[str, str]
    """What it overrides in the path of the call to SQS."""


@dataclass(frozen=True)
class Recorded:
    """A request and its answer, with what was rendered for it and whether SQS took a message."""

    request: Request
    answer: Answer
    renderings: list[Rendering]
    taken: list[bytes]


def record(
    template: Path, requests: Iterable[Request], patch: pytest.MonkeyPatch, *, failing: int
) -> tuple[Api, list[Recorded]]:
    """Every request, answered by our gateway over an SQS that fails every `failing` calls."""
    api = read(template, account="000000000000", region="us-east-1")
    renderings: list[Rendering] = []
    plain = velocity.render

    def render(text: str, *, given: Input, context: Mapping[str, Any], stage_variables: Mapping[str, str]) -> str:
        before = copy.deepcopy({name: value for name, value in context.items() if name != "responseOverride"})
        before["stageVariables"] = dict(stage_variables)
        made = plain(text, given=given, context=context, stage_variables=stage_variables)
        override = context["responseOverride"]
        headers = {name: str(value) for name, value in override["header"].items()}
        path = {name: str(value) for name, value in context["requestOverride"]["path"].items()}
        path = {name: value for name, value in path.items() if name not in before["requestOverride"]["path"]}
        rendering = Rendering(text, given.body, given._places, before, made, str(override["status"]), headers, path)
        renderings.append(rendering)
        return made

    patch.setattr(velocity, "render", render)
    doors, receiver, failures = Doors(api.authorizers, api.keys), Receiver(), cycle(FAILURES)

    async def integrate(call: Call) -> Result:
        receiver.failure = next(failures) if receiver.calls % failing == failing - 1 else None
        status, xml = receiver.take(call.uri, call.body)
        return Result(status=status, body=_as_json(xml))

    async def authorizer(*_: Any) -> Mapping[str, Any]:
        return policy()

    async def judge(*_: Any) -> Mapping[str, Any]:
        return SIGNER

    async def answered() -> list[Recorded]:
        recorded = []
        for request in requests:
            renderings.clear()
            receiver.taken.clear()
            exchange = Exchange(
                api=api,
                request=request,
                doors=doors,
                throttle=Throttle(),
                integrate=integrate,
                invoke=authorizer,
                judge=judge,
            )
            answer = await exchange.answer()
            recorded.append(Recorded(request, answer, list(renderings), [sent.body for sent in receiver.taken]))
        return recorded

    return api, asyncio.run(answered())
