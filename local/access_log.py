"""Brings the lines of the gateway's access log to the log group where API Gateway would write them."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import client
from local.state import Endpoint
from stacks import names

PAUSE = 0.2
"""Seconds between two looks."""
MOST = 1_000
"""Lines a call, well below what PutLogEvents takes.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""


class AccessLog:
    """Follows the file `path`, as a context manager; what was written before leaving is brought before leaving ends."""

    def __init__(self, path: Path, endpoint: Endpoint) -> None:
        self._path = path
        self._logs = client("logs", endpoint)
        self._stream = {
            "logGroupName": names.api_log_group(names.LOCAL),
            "logStreamName": "gateway",
        }
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="access log", daemon=True)

    def __enter__(self) -> Self:
        with suppress(self._logs.exceptions.ResourceAlreadyExistsException):
            self._logs.create_log_stream(**self._stream)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def _follow(self) -> None:
        with self._path.open(encoding="utf-8") as log:
            last, rest = False, ""
            while not last:
                last = self._left.wait(PAUSE)
                *lines, rest = (rest + log.read()).split("\n")
                events: list[dict[str, Any]] = [
                    {"timestamp": int(json.loads(line)["time"]), "message": line} for line in lines
                ]
                events.sort(key=lambda event: event["timestamp"])
                for start in range(0, len(events), MOST):
                    try:
                        self._logs.put_log_events(**self._stream, logEvents=events[start : start + MOST])
                    except (BotoCoreError, ClientError):
                        return  # the emulator is gone, and its logs with it
