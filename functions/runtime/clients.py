"""The AWS clients: botocore only, one session, each client made once and only when used."""

from __future__ import annotations

import math
from functools import cache
from typing import Any
from uuid import uuid4

from botocore.config import Config
from botocore.session import Session, get_session

from functions.runtime.deadline import left

READ = 5
"""Seconds that a call waits for its answer, at the most; less where less time is left."""

# Short timeouts, because a call that hangs eats the time of the whole batch; standard retries with their own backoff. A
# fixed user agent and no check of parameters, because botocore would do both anew for every call: a tenth of its CPU.
CONFIG = Config(
    connect_timeout=2,
    read_timeout=READ,
    retries={"total_max_attempts": 3, "mode": "standard"},
    parameter_validation=False,
    user_agent="headrace",
)
ONE_TRY = Config(retries={"total_max_attempts": 1, "mode": "standard"})
"""For what must not be repeated by itself, and for what asks whether a service is there."""
UNREPEATED = ("sesv2",)
"""Services whose calls botocore must not repeat: a mail whose answer was lost would be sent again."""

ONE_REQUEST = uuid4().hex
"""A text in a call that every HTTP request of it, botocore's repetitions included, says in eight digits of its own."""

made: dict[str, Any] = {}
"""The clients of this process, by service. A test puts its own here."""

_own: set[str] = set()
_running: list[str] = []


@cache
def session() -> Session:
    """The one botocore session of this process."""
    return get_session()


def client(service: str) -> Any:
    """The client of `service`, such as `dynamodb`."""
    if service not in made:
        config = CONFIG.merge(ONE_TRY) if service in UNREPEATED else CONFIG
        made[service] = one = session().create_client(service, config=config)
        _own.add(service)
        one.meta.events.register("before-sign", _tell_apart)
        one.meta.events.register("before-send", _hurry)
        one.meta.events.register("after-call", _ended)
        one.meta.events.register("after-call-error", _ended)
    return made[service]


def replace() -> str | None:
    """Make every client anew when it is next used: what was interrupted in a call may have left a lock closed.

    Returns the service whose call was interrupted, None if there was none.
    """
    interrupted = _running[0] if _running else None
    _running.clear()
    for service in _own:
        made.pop(service, None)
    _own.clear()
    return interrupted


def told_apart(body: bytes) -> bytes:
    """The body of an HTTP request as it is sent, with a new text of eight hex digits in the place of `ONE_REQUEST`."""
    return body.replace(ONE_REQUEST.encode(), uuid4().hex[:8].encode()) if ONE_REQUEST.encode() in body else body


def _tell_apart(request: Any, **_: Any) -> None:
    # Each try is made and signed from the call anew.
    if isinstance(request.data, bytes):
        request.data = told_apart(request.data)


def _hurry(request: Any, event_name: str, **_: Any) -> None:
    # `before-send.dynamodb.PutItem`. A call is running until it has an answer, its repetitions included.
    _running[:] = [event_name.split(".")[1]]
    seconds = left()
    if seconds != math.inf:
        # A timeout is an error that says what hung; the alarm, a moment later, would not.
        request.context["read_timeout"] = max(min(READ, 0.9 * seconds), 0.01)


def _ended(**_: Any) -> None:
    _running.clear()
