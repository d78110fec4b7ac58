"""An API whose routes are all retired takes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.gateway.server import Gateway
from tests.local.gateway.assemblies import synthesize
from tests.local.gateway.client import Client
from tests.local.gateway.examples import TICKET, TICKETS
from tests.local.gateway.receiver import Receiver


@pytest.fixture
def closed(tmp_path: Path, receiver: Receiver) -> Iterator[Client]:
    assembly = synthesize(tmp_path / "cdk.out", retired=True)
    with Gateway(assembly=assembly, endpoint_url=receiver.url) as gateway, Client(gateway.url) as client:
        yield client


def test_every_request_is_answered_404_in_our_words(closed: Client, receiver: Receiver) -> None:
    for answer in (closed.send("GET", "/"), closed.post(TICKETS, TICKET)):
        assert answer.status == 404
        assert answer.json == {
            "message": "There is no such route.",
            "correlation_id": answer.headers["x-correlation-id"],
        }
    assert receiver.taken == []
