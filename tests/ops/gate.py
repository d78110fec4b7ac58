"""An AWS that is slow: receives wait until somebody lets them through, some or all."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ops.sqs import connection
from tests.ops.endpoint import Endpoint

PATIENCE = 20.0
"""Seconds for which a test waits for another thread."""


class Gate:
    """Lets `left` receives through to SQS; the others wait. What is stopped meanwhile hears of it before they go on."""

    def __init__(self, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, left: int = 0) -> None:
        monkeypatch.setattr(connection, "LISTENS", 0.0)
        self.left = left
        self.waiting = 0
        answer = aws._answer

        async def slowly(service: str, action: str, payload: bytes) -> tuple[int, bytes]:
            if action == "receivemessage":
                self.waiting += 1
                while True:
                    if self.left > 0:
                        break
                    await asyncio.sleep(0.005)
                self.left -= 1
                self.waiting -= 1
            return await answer(service, action, payload)

        aws._answer = slowly  # type: ignore[method-assign]

    def open(self) -> None:
        """Lets all through."""
        self.left = 1_000_000


def until(true: Any) -> None:
    """Waits until that is so."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.005)
