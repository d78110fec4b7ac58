"""A network and a service that fail as AWS's do, between the mover and the fake SQS."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from ops import private_file
from ops.sqs.transport import Unanswered
from tests.aws.queues import FakeSqs


@contextmanager
def no_room_for(words: bytes) -> Iterator[None]:
    """The disk takes no line with those words in it, as long as the body runs."""
    write = private_file.write

    def full(to: int, content: bytes) -> None:
        if words in content:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(to, content)

    with pytest.MonkeyPatch.context() as disk:
        disk.setattr(private_file, "write", full)
        yield


class Killed(Exception):
    """The process dies here: nothing after this point runs."""


@dataclass
class Faulty:
    """How likely each fault is for a call; `kill_at` is the number of the call at which the process dies."""

    sqs: FakeSqs
    random: random.Random
    throttle: float = 0.0
    fault: float = 0.0
    lost_request: float = 0.0
    lost_answer: float = 0.0
    partial: float = 0.0
    slow: float = 0.0
    cut: float = 0.0
    kill_at: int | None = None
    calls: int = 0
    dead: bool = False

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        self.calls += 1
        if self.dead:
            raise Killed
        await asyncio.sleep(self.random.uniform(0.001, 0.01))
        if self._hits(self.slow):
            await asyncio.sleep(200)  # longer than the visibility of what is being moved
        self.dead = self.dead or (self.kill_at is not None and self.calls >= self.kill_at)
        if self.dead and self._hits(0.5):
            raise Killed  # before the request left; otherwise it still arrives, and nobody sees the answer
        if self._hits(self.lost_request):
            raise Unanswered("the request was lost")
        if self._hits(self.throttle):
            return 400, b'{"__type": "com.amazonaws.sqs#RequestThrottled", "message": "slow down"}'
        if self._hits(self.fault):
            return 503, b"<html>"
        failed: list[dict[str, Any]] = []
        if action.endswith("Batch"):
            payload, failed = self._split(payload)
        # An SQS that failed on every entry looked at none: no batch is empty.
        left = not failed or len(msgspec.json.decode(payload)["Entries"])
        status, body = await self.sqs(action, payload) if left else (200, b'{"Successful": [], "Failed": []}')
        if failed and status == 200:
            answer = msgspec.json.decode(body)
            answer["Failed"] += failed
            body = msgspec.json.encode(answer)
        if self.dead:
            raise Killed
        if self._hits(self.lost_answer):
            raise Unanswered("the answer was lost")
        return status, body[: len(body) // 2] if self._hits(self.cut) else body

    def _hits(self, likelihood: float) -> bool:
        return likelihood > 0 and self.random.random() < likelihood

    def _split(self, payload: bytes) -> tuple[bytes, list[dict[str, Any]]]:
        """Takes entries out of a batch as if the service had failed on just these."""
        request = msgspec.json.decode(payload)
        kept: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in request["Entries"]:
            (failed if self._hits(self.partial) else kept).append(entry)
        request["Entries"] = kept
        answers = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in failed]
        return msgspec.json.encode(request), answers
