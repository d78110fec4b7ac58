"""The AWS clients, each made once and only when used: our own for what every message needs, botocore's for the rest."""

from __future__ import annotations

import math
import os
from contextvars import ContextVar
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from functions.runtime.aws.retries import ATTEMPTS
from functions.runtime.aws.service import CONNECT, Service, suits
from functions.runtime.deadline import left
from functions.runtime.waiting import turns

if TYPE_CHECKING:
    from botocore.session import Session

READ = 5.0
"""Seconds that a call waits for its answer, at the most; less where less time is left."""
SLOW = 0.2
"""Seconds of waiting after which a call hangs, whoever else used up the time."""
UNREPEATED = ("sesv2",)
"""Services whose calls must not be repeated by themselves: a mail whose answer was lost would be sent again."""

ONE_REQUEST = uuid4().hex
"""A text in a call that every HTTP request of it, botocore's repetitions included, says in eight digits of its own."""

made: dict[str, Any] = {}
"""The clients of this process, by service. A test puts its own here."""

_own: set[str] = set()
_running: ContextVar[tuple[str, float] | None] = ContextVar("running", default=None)


@cache
def session() -> Session:
    """The one botocore session of this process."""
    from botocore.session import get_session

    return get_session()


def client(service: str) -> Any:
    """The client of `service`, such as `dynamodb`."""
    if service not in made:
        made[service] = make(service, attempts=1 if service in UNREPEATED else ATTEMPTS)
    return made[service]


def warm(*services: str) -> None:
    """Make the clients of `services` now, and connect those that are ours.

    Where one cannot be reached, none after it is tried: a worker has ten seconds to start, and one that does not is
    begun anew instead of saying in a call what is away.
    """
    reached = True
    for service in services:
        one = client(service)
        if reached and isinstance(one, Service):
            reached = one.warm()


def make(service: str, *, attempts: int = ATTEMPTS, read: float = READ) -> Any:
    """A client of `service` whose calls are made so often, and wait for each answer for `read` seconds."""
    if not suits(service, os.environ):
        return botocores(service, attempts=attempts, read=read)
    return Service(
        service,
        attempts=attempts,
        seconds=partial(_hurried, service, read),
        ended=_ended,
        body=told_apart,
        rest=cache(partial(botocores, service, attempts=attempts, read=read)),
    )


def botocores(service: str, *, attempts: int = ATTEMPTS, read: float = READ) -> Any:
    """botocore's client of `service`, whose calls wait no longer than ours.

    Standard retries with their own backoff. A fixed user agent and no check of parameters, because botocore would do
    both anew for every call: a tenth of its CPU.
    """
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT,
        read_timeout=read,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        parameter_validation=False,
        user_agent="headrace",
    )
    one = session().create_client(service, config=config)
    _own.add(service)
    one.meta.events.register("before-sign", _tell_apart)
    one.meta.events.register("before-send", partial(_hurry, read=read))
    one.meta.events.register("after-call", _ended)
    one.meta.events.register("after-call-error", _ended)
    return one


def replace(*, held_up: bool = False) -> str | None:
    """Make botocore's clients anew when they are next used: what was interrupted in a call may have left a lock closed.

    Returns the service whose call was interrupted, None if there was none, or if it was `held_up` by others' work.
    """
    running, own = _running.get(), turns()
    _running.set(None)
    for service in _own:
        made.pop(service, None)
    _own.clear()
    if running is None or (held_up and own and own.waited() - running[1] < SLOW):
        return None
    return running[0]


def told_apart(body: bytes) -> bytes:
    """The body of an HTTP request as it is sent, with a new text of eight hex digits in the place of `ONE_REQUEST`."""
    return body.replace(ONE_REQUEST.encode(), uuid4().hex[:8].encode()) if ONE_REQUEST.encode() in body else body


def _hurried(service: str, read: float) -> float:
    # A call is running until it has an answer, its repetitions included. A timeout is an error that says what hung; the
    # alarm, a moment later, would not.
    if _running.get() is None:
        own = turns()
        _running.set((service, own.waited() if own else 0.0))
    seconds = left()
    return read if seconds == math.inf else max(min(read, 0.9 * seconds), 0.01)


def _tell_apart(request: Any, **_: Any) -> None:
    # Each try is made and signed from the call anew.
    if isinstance(request.data, bytes):
        request.data = told_apart(request.data)


def _hurry(request: Any, event_name: str, read: float, **_: Any) -> None:
    # `before-send.dynamodb.PutItem`
    request.context["read_timeout"] = _hurried(event_name.split(".")[1], read)


def _ended(**_: Any) -> None:
    _running.set(None)
