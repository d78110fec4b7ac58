"""SQS of a stage, connected, and work on it that a person can interrupt."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import get_cert_path

from ops.errors import OpsError
from ops.sqs.client import Sqs
from ops.sqs.transport import HttpTransport, Unanswered
from ops.stage import Stage, in_words

INTERRUPTED = "interrupted"


class Stoppable(Protocol):
    """Work that ends early when it is told to."""

    def stop(self, reason: str) -> None:
        """Begins nothing more; what is under way is finished."""


@asynccontextmanager
async def connected(stage: Stage) -> AsyncIterator[Sqs]:
    """SQS of that stage, for calls that move messages. Raises `OpsError` where it does not answer."""
    with in_words():
        endpoint = stage.client("sqs").meta.endpoint_url
        trusted = get_cert_path(stage.session.get_config_variable("ca_bundle") or True)
        credentials = stage.session.get_credentials()
    transport = HttpTransport(endpoint, stage.region, credentials, certificates=trusted)
    async with transport:
        sqs = Sqs(transport)
        sqs.renew = lambda: _renewed(stage, transport)
        try:
            yield sqs
        except Unanswered as error:
            raise OpsError(f"SQS does not answer at {endpoint} ({error}): nothing is lost, try again.") from error


def _renewed(stage: Stage, transport: HttpTransport) -> bool:
    """Looks for other credentials where the first came from: whoever signed in again meanwhile left them there."""
    try:
        found = stage.session.get_component("credential_provider").load_credentials()
        if found is None or found.get_frozen_credentials() == transport.credentials.get_frozen_credentials():
            return False
    except (BotoCoreError, ClientError):
        return False
    transport.credentials = found
    return True


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
