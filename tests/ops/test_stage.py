"""What AWS's clients of a stage make of answers that are none of AWS's."""

from __future__ import annotations

import asyncio

import pytest

from ops.sqs.client import Sqs
from tests.aws.queues import FakeSqs
from tests.ops.cli.typed import dead_tickets, ops
from tests.ops.endpoint import Endpoint

PAGE = "<html>Passerelle injoignable, réessayez</html>".encode("latin-1")
FAULT = '{"__type": "Injoignable", "message": "réessayez"}'.encode("latin-1")


@pytest.mark.parametrize(
    ("action", "status", "command"),
    [
        ("GetQueueUrl", 200, "redrive"),
        ("GetQueueAttributes", 403, "drop"),
        ("GetQueueAttributes", 200, "redrive"),
        ("SendMessageBatch", 403, "redrive"),
    ],
)
def test_a_page_of_a_proxy_in_no_known_letters_is_an_error_in_words(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch, action: str, status: int, command: str
) -> None:
    dead_tickets(aws, 2)
    serve = FakeSqs.__call__

    async def proxy(self: FakeSqs, asked: str, payload: bytes) -> tuple[int, bytes]:
        page = FAULT if action == "SendMessageBatch" else PAGE
        return (status, page) if asked == action else await serve(self, asked, payload)

    monkeypatch.setattr(FakeSqs, "__call__", proxy)
    monkeypatch.setattr(Sqs, "pause", lambda self, attempt: asyncio.sleep(0))
    result = ops(command, "open_ticket", "--yes")
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1, result.output
