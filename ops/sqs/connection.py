"""SQS of a stage, connected, and work on it that a person can interrupt."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path

from ops.errors import OpsError
from ops.queue import Queue
from ops.sqs.client import Sqs
from ops.sqs.transport import HttpTransport, Unanswered
from ops.stage import Stage, in_words

INTERRUPTED = "interrupted"
LISTENS = 0.2
"""Seconds within which work that is stopped from another thread hears of it."""


class Stoppable(Protocol):
    """Work that ends early when it is told to."""

    def stop(self, reason: str) -> None:
        """Begins nothing more; what is under way is finished."""


@asynccontextmanager
async def connected(stage: Stage, queue: Queue | None = None, to: Queue | None = None) -> AsyncIterator[Sqs]:
    """SQS for calls that move messages: of the region of `queue`, or of the stage, and for calls on `to` of its region.

    Raises `OpsError` where it does not answer.
    """
    here = _transport(stage, queue)
    there = (
        {to.url: _transport(stage, to)} if to is not None and queue is not None and to.region != queue.region else {}
    )
    async with AsyncExitStack() as open_:
        for transport in (here, *there.values()):
            await open_.enter_async_context(transport)
        sqs = Sqs(here, elsewhere=there)
        sqs.renew = lambda: _renewed(stage, [here, *there.values()])
        try:
            yield sqs
        except Unanswered as error:
            asked = stage.client("sqs", queue.region if queue is not None else None).meta.endpoint_url
            raise OpsError(f"SQS does not answer at {asked} ({error}): nothing is lost, try again.") from error


def _transport(stage: Stage, queue: Queue | None) -> HttpTransport:
    region = queue.region if queue is not None else None
    with in_words():
        endpoint = stage.client("sqs", region).meta.endpoint_url
        trusted = get_cert_path(stage.session.get_config_variable("ca_bundle") or True)
        credentials = stage.session.get_credentials()
    return HttpTransport(endpoint, region or stage.region, credentials, certificates=trusted)


def _renewed(stage: Stage, transports: list[HttpTransport]) -> bool:
    """Looks for other credentials where the first came from: whoever signed in again meanwhile left them there."""
    try:
        found = stage.session.get_component("credential_provider").load_credentials()
        if found is None:
            return False
        frozen = found.get_frozen_credentials()
        if all(each.credentials.get_frozen_credentials() == frozen for each in transports):
            return False
    except (BotoCoreError, ClientError):
        return False
    for transport in transports:
        transport.credentials = found
    return True


@asynccontextmanager
async def stoppable(work: Stoppable, stop: threading.Event | None) -> AsyncIterator[None]:
    """Ends the work after what is under way once another thread says `stop`; without one, never."""

    async def listen(told: threading.Event) -> None:
        while True:
            await asyncio.sleep(LISTENS)
            if told.is_set():
                work.stop(INTERRUPTED)
                return

    listener = asyncio.create_task(listen(stop)) if stop is not None else None
    try:
        yield
    finally:
        if listener is not None:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


@contextmanager
def interruptible(work: Stoppable) -> Iterator[None]:
    """Lets Ctrl-C end the work after what is under way; a second Ctrl-C does not wait for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        work.stop(INTERRUPTED)
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
